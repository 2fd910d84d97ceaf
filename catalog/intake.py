"""Why: every way into the directory ends the same way: held against itself for repeated ids and codes, saved in parts of one transaction, all of it or
nothing unless somebody asks for the good part. Called by the importers (workbook, pairs, contracts, …); the transaction is the caller's.

Drafts are taken as they come and let go again, so that a directory of any size passes through little memory. Those without a code wait for the end:
the numbers they are given must not be ones that a later entry brings itself.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain

from sqlalchemy.orm import Session

from catalog import codes, directory, gaps
from catalog.findings import Finding, Findings, Outcome, Place, finding_at, finding_of
from catalog.known import Known
from schemas.errors import Invalid
from schemas.resource import ResourceDraft

PART = 500  # drafts saved at once


def take_in(
    session: Session, drafts: Iterable[ResourceDraft], findings: Findings, *, partial: bool = False, by: str = ""
) -> Outcome:
    """Save the drafts and return what happened; with any error in `findings` or met on the way nothing is kept, unless `partial`.

    `findings.places[draft.id]` says where a draft came from, `findings.refused` how many entries never became a draft. Gaps are told as advice.
    """
    taking = _Taking(session, findings, by, gaps.known(session))
    with session.begin_nested() as attempt:
        for part in _parts(taking.unrepeated(drafts)):
            taking.save(part)
        if findings.errors and not partial:
            attempt.rollback()
            return Outcome([], [], 0, findings.refused + taking.count, findings)
    return Outcome(taking.created, taking.changed, taking.unchanged, findings.refused, findings)


def _parts(drafts: Iterable[ResourceDraft]) -> Iterator[Sequence[ResourceDraft]]:
    uncoded: list[ResourceDraft] = []

    def coded() -> Iterator[ResourceDraft]:
        for draft in drafts:
            if draft.code:
                yield draft
            else:
                uncoded.append(draft)

    return chain(_batches(coded()), _batches(uncoded))


@dataclass
class _Taking:
    session: Session
    findings: Findings
    by: str
    known: Known
    created: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    unchanged: int = 0
    bearers: dict[str, str] = field(default_factory=dict)  # code → resource id of this import
    ids: set[str] = field(default_factory=set)

    @property
    def count(self) -> int:
        return len(self.created) + len(self.changed) + self.unchanged

    def unrepeated(self, drafts: Iterable[ResourceDraft]) -> Iterator[ResourceDraft]:
        """Pass on what is there for the first time; tell the rest."""
        for draft in drafts:
            if repeated := self._repeated(draft):
                self._refuse(repeated)
                continue
            self.ids.add(draft.id)
            self.bearers |= dict.fromkeys(codes.codes_of(draft), draft.id)
            yield draft

    def save(self, part: Sequence[ResourceDraft]) -> None:
        """Save all at once; when one is refused, halve until the culprits stand alone, so that every one of them is told."""
        self._tell_gaps(part)
        waiting = [part]
        while waiting:
            part = waiting.pop()
            try:
                with self.session.begin_nested():
                    saved = directory.save_drafts(self.session, part, by=self.by)
            except Invalid as error:
                if len(part) == 1:
                    self._refuse(finding_of(error, self._place(part[0])))
                else:
                    waiting += [part[len(part) // 2 :], part[: len(part) // 2]]
            else:
                self.created += saved.created
                self.changed += saved.changed
                self.unchanged += saved.unchanged

    def _repeated(self, draft: ResourceDraft) -> Finding | None:
        here = self._place(draft)
        if draft.id in self.ids:
            return finding_at(here, "intake.duplicate_id", draft.id, resource=draft.id, first=here.words())
        for code in codes.codes_of(draft):
            if other := self._bearer(code, draft.id):
                return finding_at(here, "intake.duplicate_code", code, first=other)
        return None

    def _bearer(self, code: str, resource_id: str) -> str | None:
        """Return who else bears this code, in this import or in the directory, in words."""
        if code in self.bearers:
            return self.findings.places.get(self.bearers[code], Place(self.bearers[code])).words()
        others = self.known.codes.get(code, frozenset()) - {resource_id}
        return ", ".join(sorted(others)) or None

    def _tell_gaps(self, part: Sequence[ResourceDraft]) -> None:
        self.known = self.known.including(part)
        for draft in part:
            place = self._place(draft)
            for gap in gaps.gaps(draft, self.known):
                column = self.findings.column_names.get(gap.field, gap.field)
                where = Place(place.file, place.sheet, place.row, column)
                self.findings.add(finding_at(where, gap.code, is_error=False, **gap.facts))

    def _place(self, draft: ResourceDraft) -> Place:
        return self.findings.places.get(draft.id, Place(draft.id))

    def _refuse(self, finding: Finding) -> None:
        self.findings.add(finding)
        self.findings.refused += 1


def _batches(drafts: Iterable[ResourceDraft]) -> Iterator[Sequence[ResourceDraft]]:
    waiting: list[ResourceDraft] = []
    for draft in drafts:
        waiting.append(draft)
        if len(waiting) >= PART:
            yield waiting
            waiting = []
    if waiting:
        yield waiting
