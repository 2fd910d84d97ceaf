"""Why: departments are renamed, merged, split, founded and dissolved all the time; each has its day and its basis, and everything they own follows.

Called by commands and pages to record a reform, and daily by the directory's pipeline to apply those whose day has come (`apply_due`). A reform of today
or of the past applies at once. The transaction is the caller's; after an applied reform he writes the snapshot anew.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalog.departments import DepartmentDocument
from catalog.reform import following, reform_steps
from schemas.calendar import today
from schemas.errors import HutongError, Invalid
from schemas.tables.departments import Department, DepartmentChange

log = logging.getLogger(__name__)

LOCK = func.hashtext("directory.reforms")
"""The lock a reform takes alone; whoever needs to know whose something is shares it."""


@dataclass(frozen=True)
class Act:
    """When a reform takes effect, on which basis (the decision's name and number), and who recorded it."""

    on: date
    basis: str
    by: str


@dataclass(frozen=True)
class Share:
    """What one department gets of a split: ids by kind (resources, service_items, elements, applications, officers); `founded` if this founds it."""

    ids: Mapping[str, Sequence[str]] = field(default_factory=dict)
    founded: DepartmentDocument | None = None


@dataclass(frozen=True)
class Applied:
    """What `apply_due` did: changes now in effect, and those that could not be, with the failure that says why."""

    changes: list[DepartmentChange]
    failures: list[tuple[DepartmentChange, HutongError]]


def found(session: Session, document: DepartmentDocument, act: Act) -> DepartmentChange:
    """Found a department on its day. Raises Invalid `reform.exists`, `directory.bad_document`, `reform.no_basis`."""
    if session.get(Department, document.id):
        raise Invalid("reform.exists", department=document.id)
    return _record(session, "found", ([], [document.id]), {"founded": [document.model_dump(mode="json")]}, act)


def rename(
    session: Session, department_id: str, name: str, act: Act, *, short_name: str | None = None
) -> DepartmentChange:
    """Rename a department; it stays the same one, and its former name stays known. Raises Invalid `reform.ended`, `reform.no_basis`."""
    reform_steps.require_lasting(session, department_id)
    details = {"name": name.strip(), "short_name": (short_name or name).strip()}
    if not details["name"]:
        raise Invalid("reform.no_name", department=department_id)
    return _record(session, "rename", ([department_id], [department_id]), details, act)


def merge(session: Session, from_ids: Sequence[str], into: str | DepartmentDocument, act: Act) -> DepartmentChange:
    """Merge departments into one that exists or is founded by this; they end, and all they own goes to it.

    Raises Invalid `directory.unknown_department`, `reform.ended`, `reform.into_itself`, `reform.exists`, `reform.no_basis`.
    """
    into_id = into if isinstance(into, str) else into.id
    if into_id in from_ids or not from_ids:
        raise Invalid("reform.into_itself", department=into_id)
    for department_id in from_ids:
        reform_steps.require_lasting(session, department_id)
    return _record(session, "merge", (list(dict.fromkeys(from_ids)), [into_id]), _founding(session, [into]), act)


def split(
    session: Session, department_id: str, shares: Mapping[str, Share], act: Act, *, rest: str | None = None
) -> DepartmentChange:
    """Split a department: each share names what goes where, `rest` who takes what nobody names. It ends unless it is itself one of them.

    Raises Invalid `reform.not_named` (with what is named nowhere), `reform.named_twice`, `reform.not_owned`, and as `merge`.
    """
    reform_steps.require_lasting(session, department_id)
    targets = list(dict.fromkeys([*shares, *([rest] if rest else [])]))
    if targets in ([], [department_id]):
        raise Invalid("reform.into_itself", department=department_id)
    founded = {to: one.founded for to, one in shares.items() if one.founded}
    details = {**_founding(session, [founded.get(to, to) for to in targets]), "rest": rest}
    details["shares"] = {to: {kind: list(ids) for kind, ids in one.ids.items()} for to, one in shares.items()}
    reform_steps.assigned(session, department_id, details)  # whoever records it learns at once what is not named
    return _record(session, "split", ([department_id], targets), details, act)


def share(
    session: Session, department_id: str, given: Sequence[str], founded: DepartmentDocument | None = None
) -> Share:
    """Return these things of a department as a share; each is an id, or `kind:id` where two kinds have the same. Raises Invalid `reform.not_owned`."""
    owned = following.owned(session, department_id)
    found: dict[str, list[str]] = {}
    for one in given:
        kind, _, identity = one.rpartition(":")
        kinds = [k for k, ids in owned.items() if k == (kind or k) and identity in ids]
        if len(kinds) != 1:
            raise Invalid("reform.not_owned", department=department_id, names=one)
        found.setdefault(kinds[0], []).append(identity)
    return Share(found, founded)


def dissolve(session: Session, department_id: str, act: Act) -> DepartmentChange:
    """Dissolve a department that owns nothing any more. Raises Invalid `reform.still_owns`, `reform.ended`, `reform.no_basis`."""
    reform_steps.require_lasting(session, department_id)
    if act.on <= today():
        reform_steps.require_empty(session, department_id)
    return _record(session, "dissolve", ([department_id], []), {}, act)


def find(session: Session, department_id: str | None = None) -> list[DepartmentChange]:
    """Return recorded reforms, newest first, of one department where given; those without `applied_at` wait for their day."""
    query = select(DepartmentChange).order_by(DepartmentChange.effective_on.desc(), DepartmentChange.id.desc())
    if department_id:
        concerned = DepartmentChange.from_ids.contains([department_id])
        query = query.where(concerned | DepartmentChange.to_ids.contains([department_id]))
    return list(session.scalars(query))


def apply_due(session: Session, on: date | None = None) -> Applied:
    """Apply every recorded reform whose day (`on`, default today) has come, oldest first; one that cannot be is left with its failure, others go on.

    Whoever asks departments meanwhile is refused only where something is due; where nothing is, a reform that is recorded waits for this transaction.
    """
    query = select(DepartmentChange).where(
        DepartmentChange.applied_at.is_(None), DepartmentChange.effective_on <= (on or today())
    )
    done = Applied([], [])
    if session.scalar(query.with_only_columns(DepartmentChange.id).limit(1)) is None:
        session.execute(select(func.pg_advisory_xact_lock_shared(LOCK)))
        return done
    session.execute(select(func.pg_advisory_xact_lock(LOCK)))
    query = query.order_by(DepartmentChange.effective_on, DepartmentChange.id).with_for_update()
    for change in session.scalars(query).all():
        try:
            with session.begin_nested():
                reform_steps.apply(session, change)
        except HutongError as error:
            done.failures.append((change, error))
            log.warning(
                "reform %d cannot be applied: %s", change.id, error.code
            )  # ids of departments are no personal data
        else:
            done.changes.append(change)
    return done


def _record(
    session: Session, kind: str, ids: tuple[list[str], list[str]], details: dict[str, Any], act: Act
) -> DepartmentChange:
    if not act.basis.strip():
        raise Invalid("reform.no_basis", kind=kind)
    session.execute(select(func.pg_advisory_xact_lock(LOCK)))
    change = DepartmentChange(
        kind=kind, effective_on=act.on, from_ids=ids[0], to_ids=ids[1], details=details, basis=act.basis.strip(),
        recorded_by=act.by,
    )  # fmt: skip
    session.add(change)
    session.flush()
    if act.on <= today():
        reform_steps.apply(session, change)
    return change


def _founding(session: Session, targets: Sequence[str | DepartmentDocument]) -> dict[str, Any]:
    """Return what this reform founds; a target that is only named must exist."""
    founded = [one for one in targets if isinstance(one, DepartmentDocument)]
    for one in founded:
        if session.get(Department, one.id):
            raise Invalid("reform.exists", department=one.id)
    for target in targets:
        if isinstance(target, str):
            reform_steps.require_lasting(session, target)
    return {"founded": [one.model_dump(mode="json") for one in founded]} if founded else {}
