"""Why: much of what exists is listed in two plain tables: resources, and the fields of each. Takes such a pair in as drafts, with all its dirt told.
Called by `hutong catalog import --format csv`.

Nothing is guessed in silence: departments are placed by `catalog.naming.placing`, and what a later version of the file no longer says, people's own additions
to a draft, stays as it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from catalog import intake
from catalog.findings import Findings, Outcome, finding_at
from catalog.lists.pair_drafts import Earlier, draft_of, earlier_resources, move_owners
from catalog.lists.pair_files import Entry, read_pair
from catalog.naming.placing import Given, Placed, place
from schemas.resource import ResourceDraft


@dataclass(frozen=True)
class _Found:
    """One resource of the file, where its department was placed, and what the directory already holds of it."""

    entry: Entry
    placed: Placed
    earlier: Earlier | None

    @property
    def owner(self) -> str:
        """Return the department the draft names."""
        return self.earlier.owner(self.placed.department_id) if self.earlier else self.placed.department_id


def take_in(session: Session, folder: Path, *, partial: bool = False, by: str = "") -> Outcome:
    """Take in `resources.csv` and `fields.csv` of a folder (or one table) as drafts; twice changes nothing.

    With errors nothing is kept, not even proposed departments, unless `partial`. Raises Invalid `directory.bad_document`, `pair.no_resources`.
    """
    findings = Findings()
    entries = read_pair(folder, findings)
    with session.begin_nested() as attempt:
        drafts = _drafts(session, entries, findings)
        outcome = intake.take_in(session, drafts, findings, partial=partial, by=by)
        if findings.errors and not partial:
            attempt.rollback()
    return outcome


def _drafts(session: Session, entries: Sequence[Entry], findings: Findings) -> list[ResourceDraft]:
    given = [
        Given(one.department_name or None, one.department_code or None, place=f"{one.place.file}:{one.place.row}")
        for one in entries
    ]
    placed = place(session, given, source=entries[0].place.file if entries else "")
    for entry, where in zip(entries, placed, strict=True):
        _tell_department(entry, where, findings)
    earlier = earlier_resources(session, [(one.code, one.name, p) for one, p in zip(entries, placed, strict=True)])
    found = [_Found(*one) for one in zip(entries, placed, earlier, strict=True)]
    move_owners(session, {one.earlier.id: one.owner for one in found if one.earlier})
    return [draft for one in found if (draft := _draft(one, findings))]


def _draft(found: _Found, findings: Findings) -> ResourceDraft | None:
    draft = draft_of(found.entry, found.owner, found.earlier, findings)
    if draft:
        findings.places[draft.id] = found.entry.place
    return draft


def _tell_department(entry: Entry, placed: Placed, findings: Findings) -> None:
    facts: dict[str, Any] = {
        "department": placed.department_id,
        "candidates": placed.candidates,
        "suggestion": placed.suggestion,
    }
    given = entry.department_name or entry.department_code
    if not given:
        findings.add(finding_at(entry.place, "pair.department_missing", is_error=False, **facts))
        return
    if not entry.department_name:
        findings.add(finding_at(entry.place, "pair.department_by_code", given, is_error=False, **facts))
    if not placed.is_certain:
        code = "pair.department_suggested" if placed.candidates else "pair.department_unknown"
        findings.add(finding_at(entry.place, code, given, is_error=False, **facts))
    if placed.other_id:
        findings.add(
            finding_at(
                entry.place, "pair.department_code_differs", entry.department_code, is_error=False,
                department=placed.department_id, other=placed.other_id,
            )
        )  # fmt: skip
