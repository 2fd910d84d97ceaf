"""Why: misuse as the authority's and auditors' programs see it: what detectors saw, and the ledger of who saw a person's items. The work is `guarding`'s.
Called by `routes`.
"""

from dataclasses import asdict
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from exchange_api.actors import Actor
from exchange_api.desk_api import sight
from exchange_api.desk_api.asked import Ask, page_of
from exchange_api.guarding import findings, subject_access
from exchange_api.guarding.subject_access import Wish
from exchange_api.keys import keys_folder
from schemas.errors import Invalid
from schemas.messages.desk_watch import AccessSaid, GuardFindingSaid, GuardFindingsSaid, SightSaid
from schemas.tables.guarding import GuardFinding

OPEN = "open"


def listed(session: Session, actor: Actor, ask: Ask) -> GuardFindingsSaid:
    """Return findings, newest first; state: open (nothing was said of it yet), abuse, false_alarm."""
    query = select(GuardFinding).where(sight.findings(actor)).order_by(GuardFinding.id.desc())
    if ask.page.after:
        query = query.where(GuardFinding.id < _number(ask.page.after))
    if ask.page.state:
        is_open = ask.page.state == OPEN
        query = query.where(GuardFinding.review.is_(None) if is_open else GuardFinding.review == ask.page.state)
    found, further = page_of(session, query, ask.page, lambda one: str(one.id))
    return GuardFindingsSaid(findings=[_said(one) for one in found], next=further)


def review(session: Session, actor: Actor, ask: Ask) -> GuardFindingSaid:
    """Say what a finding was."""
    is_false_alarm = ask.form.verdict == "false_alarm"
    return _said(findings.review(session, actor, int(ask.ids["finding"]), is_false_alarm=is_false_alarm))


def look(session: Session, actor: Actor, ask: Ask) -> AccessSaid:
    """Return who asked for a subject, and record the look. Raises what `subject_access.open_ledger` raises."""
    form = ask.form
    wish = Wish(form.first, form.last, form.reason, form.case)
    found = subject_access.open_ledger(
        session, actor, form.subject.get_secret_value().strip(), wish, Path(keys_folder())
    )
    rest = [one for one in found.sights if one.receipt > form.after]
    shown = [SightSaid(**asdict(one)) for one in rest[: form.limit]]
    return AccessSaid(
        entries=shown, next=shown[-1].receipt if len(rest) > len(shown) else None, recorded_as=found.receipt,
        not_searched_yet=found.behind, is_cut=found.is_cut,
    )  # fmt: skip


def _said(one: GuardFinding) -> GuardFindingSaid:
    return GuardFindingSaid(
        finding=one.id, at=one.at, rule=one.rule, application=one.application_id, grant=one.grant_id, measured=one.measured,
        above=one.above, question=str(one.receipt), has_suspended=one.has_suspended, review=one.review, reviewed_by=one.reviewed_by,
        reviewed_at=one.reviewed_at,
    )  # fmt: skip


def _number(after: str) -> int:
    if not (after.isascii() and after.isdigit() and len(after) <= 18):
        raise Invalid("request.malformed", where="the query string", reason="after is a number of a finding")
    return int(after)
