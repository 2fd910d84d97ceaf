"""Why: a department keeps its part of the directory in a workbook: it fetches it, mends it and sends it back. A provider's officer brings his own department's
resources and nobody else's; the authority any. Called by pages; the formats are `catalog.workbook`'s.
"""

from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog import intake
from catalog.findings import Findings, Outcome, Place, finding_at
from catalog.workbook.identities import Identities
from catalog.workbook.reading import Options, read_workbook
from catalog.workbook.selection import newest_drafts
from catalog.workbook.writing import write_workbook
from exchange_api.actors import Actor
from schemas.database import transaction
from schemas.errors import Denied
from schemas.resource import ResourceDraft
from schemas.tables.departments import Department
from schemas.tables.directory import Resource


def reach(actor: Actor) -> str | None:
    """Return the department an officer may edit, None for all. Raises Denied `case.role_needed`."""
    if "authority" in actor.roles:
        return None
    if "provider" in actor.roles:
        return actor.department_id
    raise Denied("case.role_needed", role="provider")


def write_own(session: Session, actor: Actor, path: Path) -> int:
    """Write the newest version of every resource the officer may edit as a workbook; return how many. Raises Denied `case.role_needed`."""
    departments = {row.id: row for row in session.scalars(select(Department))}
    return write_workbook(path, newest_drafts(session, department=reach(actor)), departments)


def take_in(actor: Actor, path: Path, *, partial: bool = False) -> Outcome:
    """Take a workbook in as drafts: all of it, or with `partial` what is right; what is another department's is refused at its row.

    Raises Denied `case.role_needed`; Invalid `workbook.*` for a file that cannot be read.
    """
    own, findings = reach(actor), Findings()
    with transaction("directory") as session:
        drafts = read_workbook(path, Identities(session), findings, Options(own))
        if own is not None:
            drafts = _own(session, own, drafts, findings)
        return intake.take_in(session, drafts, findings, partial=partial, by=actor.id)


def _own(session: Session, own: str, drafts: Iterator[ResourceDraft], findings: Findings) -> Iterator[ResourceDraft]:
    others = frozenset(session.scalars(select(Resource.id).where(Resource.department_id != own)))
    for draft in drafts:
        if draft.department == own and draft.id not in others:
            yield draft
            continue
        found = findings.places.get(draft.id, Place(draft.id))
        place = Place(found.file, found.sheet, found.row, findings.column_names.get("department"))
        findings.add(finding_at(place, "workbook.other_department", draft.name, name=draft.name))
        findings.refused += 1
