"""Why: every way into the directory ends the same way: held against itself for repeated ids and codes, saved in one go, all of it or nothing unless
somebody asks for the good part. Called by the importers (workbook, pairs, contracts, …); the transaction is the caller's.
"""

from collections.abc import Iterable, Sequence

from sqlalchemy.orm import Session

from catalog import directory
from catalog.findings import Finding, Findings, Outcome, Place, finding_at, finding_of
from schemas.errors import Invalid
from schemas.resource import ResourceDraft


def take_in(
    session: Session, drafts: Iterable[ResourceDraft], findings: Findings, *, partial: bool = False, by: str = ""
) -> Outcome:
    """Save the drafts and return what happened; with any error in `findings` or met while saving nothing is kept, unless `partial`.

    `findings.places[draft.id]` says where a draft came from; `findings.refused` how many entries never became a draft.
    """
    wanted = list(_unrepeated(drafts, findings))
    created: list[str] = []
    changed: list[str] = []
    unchanged = 0
    with session.begin_nested() as attempt:
        for saved in _saved(session, wanted, findings, by):  # also when errors are known: tell them all in one round
            created += saved.created
            changed += saved.changed
            unchanged += saved.unchanged
        if findings.errors and not partial:
            attempt.rollback()
            return Outcome([], [], 0, findings.refused + len(wanted), findings)
    refused = findings.refused + len(wanted) - len(created) - len(changed) - unchanged
    return Outcome(created, changed, unchanged, refused, findings)


def _unrepeated(drafts: Iterable[ResourceDraft], findings: Findings) -> Iterable[ResourceDraft]:
    ids: set[str] = set()
    codes: dict[str, str] = {}
    for draft in drafts:
        if repeated := _repeated(draft, ids, codes, findings):
            findings.add(repeated)
            findings.refused += 1
            continue
        ids.add(draft.id)
        for code in (draft.code, *draft.more_codes):
            if code:
                codes[code] = draft.id
        yield draft


def _repeated(draft: ResourceDraft, ids: set[str], codes: dict[str, str], findings: Findings) -> Finding | None:
    here = findings.places.get(draft.id, Place(draft.id))
    if draft.id in ids:
        return finding_at(here, "intake.duplicate_id", draft.id, resource=draft.id, first=here.words())
    for code in (draft.code, *draft.more_codes):
        if code in codes:
            first = findings.places.get(codes[code], Place(codes[code]))
            return finding_at(here, "intake.duplicate_code", code, first=first.words())
    return None


def _saved(session: Session, drafts: Sequence[ResourceDraft], findings: Findings, by: str) -> Iterable[directory.Saved]:
    """Save all at once; when one is refused, halve until the culprits stand alone, so that every one of them is told."""
    waiting = [drafts] if drafts else []
    while waiting:
        part = waiting.pop()
        try:
            with session.begin_nested():
                saved = directory.save_drafts(session, part, by=by)
        except Invalid as error:
            if len(part) == 1:
                findings.add(finding_of(error, findings.places.get(part[0].id, Place(part[0].id))))
            else:
                waiting += [part[len(part) // 2 :], part[: len(part) // 2]]
        else:
            yield saved
