"""Why: what the hub can obtain must not be demanded of a citizen again (国务院令第716号 art. 7, 优化营商环境条例 art. 44). Computes for each material of a
service item whether it need no longer be asked for, by whom it is replaced, and otherwise what is missing.

Called by `hutong catalog obtainable` and pages. Reads live grants, published resources and the certificate library; words are in obtainable.yml.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.service import materials, services
from catalog.service.candidates import Candidate, find_certificate_types, find_items
from catalog.service.materials import Condition, Material
from catalog.service.reach import Granted, Reach, reach
from schemas import yaml_data
from schemas.library import library
from schemas.resource import ResourceDocument
from schemas.tables.departments import Department
from schemas.tables.directory import ResourceVersion

Language = Literal["zh", "en"]
_BY = {
    materials.CHECK: "by_check",
    materials.FETCH: "by_fetch",
    materials.CERTIFICATE: "by_certificate",
    materials.COMMITMENT: "by_commitment",
    materials.INTER_DEPARTMENT: "by_inter_department",
}
_SHOWN_OF_CERTIFICATE = (
    "certificate_type",
    "state",
)  # what the hub must be able to ask of one, unless the link names more


@dataclass(frozen=True)
class Reason:
    """One sentence: a key of obtainable.yml with its facts."""

    code: str
    facts: dict[str, Any] = field(default_factory=dict)

    def words(self, language: Language = "zh") -> str:
        """Return the sentence; facts that are reasons or names in both languages follow."""
        return _words()[self.code][language].format(
            **{name: _said(fact, language) for name, fact in self.facts.items()}
        )


@dataclass(frozen=True)
class MaterialAnswer:
    """Whether one material need no longer be asked for and why; `missing` and `candidates` say what would make it so."""

    material: Material
    is_obtainable: bool
    why: Reason
    grants: tuple[str, ...] = ()
    conditions: tuple[Reason, ...] = ()
    missing: tuple[Reason, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    certificate_candidates: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Held:
    """What is known when the materials of one service item are looked at."""

    reach: Reach
    documents: dict[str, ResourceDocument]
    departments: dict[str, str]
    certificate_types: frozenset[str]
    items: dict[str, list[Candidate]]


@dataclass(frozen=True)
class _Link:
    """How far a link reaches: the facts its sentence needs, the grants that carry it, and what is missing."""

    facts: dict[str, Any]
    grants: tuple[str, ...] = ()
    missing: tuple[Reason, ...] = ()


def obtainable(session: Session, service_item_id: str) -> list[MaterialAnswer]:
    """Return an answer for each material of a service item, in its order. Raises Invalid `directory.unknown_service_item`."""
    row = services.get(session, service_item_id)
    wanted = [Material.model_validate(material) for material in row.materials]
    held = _look_around(session, row.id, wanted)
    return [_answer(held, material) for material in wanted]


def _look_around(session: Session, service_item_id: str, wanted: Sequence[Material]) -> _Held:
    resources = {m.target.resource for m in wanted if m.target.resource}
    rows = session.scalars(
        select(ResourceVersion).where(ResourceVersion.state == "published", ResourceVersion.resource_id.in_(resources))
    )
    types = {m.target.certificate_type or m.name for m in wanted}
    return _Held(
        reach=reach(session, service_item_id),
        documents={row.resource_id: ResourceDocument.model_validate(row.document) for row in rows},
        departments=_active_departments(session),
        certificate_types=find_certificate_types(session, types),
        items=find_items(session, {word for m in wanted for word in (m.items or (m.name,))}),
    )


def _answer(held: _Held, material: Material) -> MaterialAnswer:
    if material.status not in materials.LINKED:
        return _not_linked(held, material)
    link = _LINKS[material.obtain_mode](held, material)
    if link.missing:
        return MaterialAnswer(material, False, link.missing[0], link.grants, missing=link.missing)
    why = Reason(
        _BY[material.obtain_mode], link.facts | {"grants": "、".join(link.grants), "fallback": _fallback(material)}
    )
    conditions = tuple(_condition(held, material, condition) for condition in material.sufficient)
    return MaterialAnswer(material, True, why, link.grants, conditions)


def _not_linked(held: _Held, material: Material) -> MaterialAnswer:
    found = tuple(held.items[word][0] for word in (material.items or (material.name,)) if word in held.items)
    certificates = (material.name,) if material.name in held.certificate_types else ()
    if material.status == "suspended":
        code = "suspended"
    elif found or certificates:
        code = "not_linked"
    else:
        code = "nobody_holds" if material.source == "20" else "applicant"
    why = Reason(code)
    missing = () if code == "applicant" else (why,)
    return MaterialAnswer(material, False, why, missing=missing, candidates=found, certificate_candidates=certificates)


def _by_resource(held: _Held, material: Material) -> _Link:
    target = material.target
    document = held.documents.get(str(target.resource))
    if document is None:
        return _Link({}, missing=(Reason("resource_not_published", {"resource": target.resource}),))
    wanted = _wanted(material, target.items)
    there = {item.id: item for item in document.items}
    if absent := [name for name in wanted if name not in there]:
        return _Link({}, missing=(Reason("item_not_there", {"resource": document.name, "items": _listed(absent)}),))
    facts = {
        "department": held.departments.get(document.department, document.department),
        "resource": document.name,
        "items": _listed(there[name].name for name in wanted),
    }
    unread = [there[name].name for name in wanted if not there[name].attribute]
    if not document.library or unread:
        return _Link(facts, missing=(Reason("item_not_collected", {"items": _listed(unread or [document.name])}),))
    if not _has_key(document, material):
        return _Link(facts, missing=(Reason("no_key", {"library": library(document.library).name}),))
    names = {str(there[name].attribute): there[name].name for name in wanted}
    return _granted(held, material, document.library, names, facts)


def _by_certificate(held: _Held, material: Material) -> _Link:
    kind = material.target.certificate_type
    facts = {"certificate_type": kind}
    if kind not in held.certificate_types:
        return _Link(facts, missing=(Reason("certificate_type_unknown", facts),))
    spec = library("certificate")
    wanted = _wanted(material, material.target.items or _SHOWN_OF_CERTIFICATE)
    if absent := [name for name in wanted if name not in spec.attribute_ids]:
        return _Link(facts, missing=(Reason("item_not_there", {"resource": spec.name, "items": _listed(absent)}),))
    return _granted(held, material, "certificate", {name: spec.attribute(name).name for name in wanted}, facts)


def _by_commitment(held: _Held, material: Material) -> _Link:  # noqa: ARG001 - every way of linking is asked alike
    return _Link({"basis": material.basis})


def _by_department(held: _Held, material: Material) -> _Link:
    asked = str(material.target.department)
    if asked not in held.departments:
        return _Link({}, missing=(Reason("department_not_active", {"department": asked}),))
    return _Link({"department": held.departments[asked]})


_LINKS = {
    materials.CHECK: _by_resource,
    materials.FETCH: _by_resource,
    materials.CERTIFICATE: _by_certificate,
    materials.COMMITMENT: _by_commitment,
    materials.INTER_DEPARTMENT: _by_department,
}


def _granted(held: _Held, material: Material, name: str, wanted: dict[str, str], facts: dict[str, Any]) -> _Link:
    """Hold the wanted attributes (id → Chinese name) of one library against what is granted."""
    granted = {attribute: held.reach.of(name, attribute) for attribute in wanted}
    grants = tuple(sorted({found.grant for found in granted.values() if found}))
    missing: list[Reason] = []
    if name not in held.reach.subjects:
        missing += [Reason(idle.why, {"grant": idle.grant}) for idle in held.reach.idle if idle.library == name]
        missing = missing or [Reason("no_grant", {"library": library(name).name})]
    elif absent := [wanted[attribute] for attribute, found in granted.items() if found is None]:
        missing.append(Reason("item_not_granted", {"items": _listed(absent)}))
    missing += _too_little(material, wanted, granted)
    return _Link(facts, grants, tuple(missing))


def _too_little(material: Material, wanted: dict[str, str], granted: dict[str, Granted | None]) -> list[Reason]:
    """A check is content with yes or no; obtaining the content is not."""
    if material.obtain_mode == materials.CHECK:
        return []
    return [
        Reason("form_not_enough", {"items": wanted[attribute], "form": found.form})
        for attribute, found in granted.items()
        if found and found.form != "full"
    ]


def _has_key(document: ResourceDocument, material: Material) -> bool:
    """Return whether the question can be asked: by the subject, or by the whole key of a register's entry (protocol: `by`)."""
    given = {item.attribute for item in document.items if item.id in material.match_keys.values()}
    entry = library(str(document.library)).entry
    return "subject" in given or bool(entry and set(entry.from_) <= given)


def _wanted(material: Material, shown: Sequence[str]) -> list[str]:
    """Return what must be asked: what the material shows and what its conditions look at."""
    return list(dict.fromkeys([*shown, *(condition.item for condition in material.sufficient)]))


def _fallback(material: Material) -> Reason:
    steps = material.fallback.model_dump()
    if len(set(steps.values())) == 1:
        return Reason("fallback.always", {"step": Reason(f"otherwise.{material.fallback.not_found}")})
    return Reason("fallback.each", {case: Reason(f"otherwise.{step}") for case, step in steps.items()})


def _condition(held: _Held, material: Material, condition: Condition) -> Reason:
    document = held.documents.get(str(material.target.resource))
    attributes = library("certificate").attributes if material.obtain_mode == materials.CERTIFICATE else ()
    names = {one.id: one.name for one in (document.items if document else attributes)}
    facts = {
        "item": names.get(condition.item, condition.item),
        "field": condition.field,
        "values": _listed(condition.values),
    }
    return Reason(f"condition.{condition.holds}", facts)


def _active_departments(session: Session) -> dict[str, str]:
    query = select(Department.id, Department.name).where(Department.state == "active")
    return {row.id: row.name for row in session.execute(query)}


def _listed(names: Any) -> str:
    return "、".join(names)


def _said(fact: Any, language: Language) -> Any:
    if isinstance(fact, Reason):
        return fact.words(language)
    return fact[language] if isinstance(fact, dict) else fact


@cache
def _words() -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = yaml_data.parse(
        files("catalog.service").joinpath("obtainable.yml").read_text("utf-8")
    )
    return found
