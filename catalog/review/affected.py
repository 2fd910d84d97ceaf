"""Why: a breaking version must name everyone it touches before it takes effect: grants, open demands, pipelines. Found by what they hold of the resource,
item by item, set-based. The catalog storey reads the exchange's tables here and never writes them. Called by reviews and `hutong catalog diff`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from catalog.review.changes import WHOLE, Change, Diff
from schemas.errors import Language
from schemas.resource import ResourceDraft
from schemas.tables.directory import Resource, ResourceVersion
from schemas.tables.exchange import Application, Demand, DemandItem, Grant, GrantItem, Match, SupplyAnswer

CaseKind = Literal["grant", "demand", "pipeline"]
LIVING_GRANTS = ("draft", "active")
OPEN_DEMANDS = ("submitted", "returned", "dispatched", "answered")
_FED = ("source.", "library", "items.")


@dataclass(frozen=True)
class Case:
    """One case that a breaking version touches: whose it is, which items of it, and the changes that touch them."""

    kind: CaseKind
    case_id: str
    department_id: str
    items: tuple[str, ...]
    changes: tuple[Change, ...]

    def why(self, language: Language = "zh") -> str:
        """Return why the case is touched, in words."""
        return ("；" if language == "zh" else "; ").join(change.why(language) for change in self.changes)


def affected(session: Session, resource_id: str, diff: Diff, old: ResourceDraft | None = None) -> list[Case]:
    """Return the cases that the breaking changes of `diff` touch, grants first, by number; none when nothing is breaking.

    `old` is the published version's document; read when not given.
    """
    if not diff.breaking:
        return []
    document = old or _published(session, resource_id)
    if document is None:
        return []
    touching = _Touching(diff, document)
    held = [*_grants(session, resource_id), *_demands(session, resource_id)]
    return [*_cases(held, touching), *_pipelines(session, document, touching)]


class _Touching:
    """Which breaking changes touch an item: its own, the resource's, and those of the subject, by which every record is found."""

    def __init__(self, diff: Diff, document: ResourceDraft) -> None:
        self.breaking = diff.breaking
        subject = next((item.id for item in document.items if item.attribute == "subject"), None)
        self._by_item: dict[str, list[Change]] = {}
        for change in self.breaking:
            self._by_item.setdefault(change.item_id, []).append(change)
        self.of_subject = tuple(self._by_item.get(subject or "", ()))

    def changes(self, item_id: str) -> tuple[Change, ...]:
        """Return the breaking changes that whoever holds this item meets."""
        own, whole = self._by_item.get(item_id, ()), self._by_item.get(WHOLE, ())
        return _once([*own, *whole, *self.of_subject])


def _published(session: Session, resource_id: str) -> ResourceDraft | None:
    query = select(ResourceVersion.document).where(
        ResourceVersion.resource_id == resource_id, ResourceVersion.state == "published"
    )
    found = session.scalar(query)
    return ResourceDraft.model_validate(found) if found else None


def _grants(session: Session, resource_id: str) -> Iterator[tuple[CaseKind, str, str, str]]:
    """Grants that may still be used, by the version they stand on: an older one too, when they were not brought along."""
    query = (
        select(Grant.id, Application.department_id, GrantItem.item_id)
        .join(GrantItem, GrantItem.grant_id == Grant.id)
        .join(Application, Application.id == Grant.application_id)
        .join(ResourceVersion, ResourceVersion.id == GrantItem.resource_version_id)
        .where(ResourceVersion.resource_id == resource_id, Grant.state.in_(LIVING_GRANTS))
        .order_by(Grant.id, GrantItem.attribute)
    )
    for grant_id, department_id, item_id in session.execute(query):
        yield "grant", grant_id, department_id, item_id


def _demands(session: Session, resource_id: str) -> Iterator[tuple[CaseKind, str, str, str]]:
    """Demands under way that count on an item: as their best match, or by a provider's answer that was given or is waited for."""
    matched = (
        select(Demand.id, Demand.department_id, Match.item_id)
        .join(DemandItem, DemandItem.demand_id == Demand.id)
        .join(Match, (Match.demand_item_id == DemandItem.id) & (Match.rank == 0))
        .join(ResourceVersion, ResourceVersion.id == Match.resource_version_id)
        .where(ResourceVersion.resource_id == resource_id, Demand.state.in_(OPEN_DEMANDS))
    )
    answered = (
        select(Demand.id, Demand.department_id, SupplyAnswer.item_id)
        .join(DemandItem, DemandItem.demand_id == Demand.id)
        .join(SupplyAnswer, SupplyAnswer.demand_item_id == DemandItem.id)
        .join(ResourceVersion, ResourceVersion.id == SupplyAnswer.resource_version_id)
        .where(ResourceVersion.resource_id == resource_id, Demand.state.in_(OPEN_DEMANDS))
        .where(SupplyAnswer.decision.is_distinct_from("refuse"), SupplyAnswer.item_id.is_not(None))
    )
    for demand_id, department_id, item_id in session.execute(matched.union(answered).order_by("id", "item_id")):
        yield "demand", demand_id, department_id, item_id


def _cases(held: list[tuple[CaseKind, str, str, str]], touching: _Touching) -> list[Case]:
    items: dict[tuple[CaseKind, str, str], list[str]] = {}
    for kind, case_id, department_id, item_id in held:
        if touching.changes(item_id):
            items.setdefault((kind, case_id, department_id), []).append(item_id)
    return [
        Case(*key, tuple(found), _once(change for item in found for change in touching.changes(item)))
        for key, found in items.items()
    ]


def _once(changes: Iterable[Change]) -> tuple[Change, ...]:
    return tuple({(change.path, change.code): change for change in changes}.values())


def _pipelines(session: Session, document: ResourceDraft, touching: _Touching) -> list[Case]:
    """The resource's own DAG, and those whose rules look for subjects in the library that it feeds."""
    found = []
    own = tuple(change for change in touching.breaking if change.path.startswith(_FED))
    if document.source and own:
        items = tuple(dict.fromkeys(change.item_id for change in own))
        owner = session.get_one(Resource, document.id).department_id
        found.append(Case("pipeline", document.id, owner, items, own))
    lost = (
        *touching.of_subject,
        *(change for change in touching.breaking if change.path in ("library", "source")),
    )
    if document.library and lost:
        found += [Case("pipeline", row.resource_id, row.department_id, _checked(row.document), lost)
                  for row in _referring(session, document)]  # fmt: skip
    return found


def _referring(session: Session, document: ResourceDraft) -> list[ResourceVersion]:
    named = [{"libraries": [document.library]}, {"library": document.library}]
    checks = ResourceVersion.document["checks"]
    query = select(ResourceVersion).where(
        ResourceVersion.state == "published",
        ResourceVersion.resource_id != document.id,
        or_(*(checks.contains([{"kind": "reference", "options": options}]) for options in named)),
    )
    return list(session.scalars(query.order_by(ResourceVersion.resource_id)))


def _checked(document: dict[str, Any]) -> tuple[str, ...]:
    return tuple(item for check in document["checks"] if check["kind"] == "reference" for item in check["items"])
