"""Why: an application's team reads how its system fares: what it may ask, how much it asks, and what it was refused, with the remedy. Read from grants and
evidence entries, which hold no personal data. Called by `pages.applications`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from exchange_api.sandbox import city, permits
from schemas.calendar import CHINA
from schemas.errors import HutongError, Language, error_codes
from schemas.tables.exchange import Application, ApplicationKey, Grant, GrantUse
from schemas.tables.guarding import ApplicationNetwork
from schemas.tables.sandbox import Sandbox

PAGE, HOURS, DAYS = 20, 24, 14
MOST_COUNTED, MOST_GRANTS = 20_000, 100
_REFUSED = """
SELECT id, at, code, status, grant_id, library FROM evidence.entries
WHERE kind IN ('refusal', 'error') AND application_id = :application AND id < :before ORDER BY id DESC LIMIT :most
"""
_CALLS = """
SELECT at, refused FROM (
    (SELECT at, false AS refused FROM evidence.entries WHERE grant_id = ANY(:grants) AND id >= :first AND kind = 'answer' LIMIT :most)
    UNION ALL
    (SELECT at, true FROM evidence.entries WHERE kind IN ('refusal', 'error') AND application_id = :application AND id >= :first LIMIT :most)) counted
"""
_OPEN = re.compile(r"<\w+>")  # a place in an error's words for which there is no fact
_LAST = UUID(int=2**128 - 1)


@dataclass(frozen=True)
class Refusal:
    """One refused question: when, why, under which grant; `id` is its receipt."""

    id: str
    at: datetime
    code: str
    status: int
    grant: str
    library: str

    @property
    def _error(self) -> HutongError | None:
        return (
            HutongError(self.code, **({"grant": self.grant} if self.grant else {}))
            if self.code in error_codes()
            else None
        )

    def title(self, language: Language) -> str:
        """Return the words of the code; details stand in the answer alone, so their places stay open."""
        return _OPEN.sub("…", self._error.title(language)) if self._error else self.code

    def remedy(self, language: Language) -> str:
        """Return how to mend it; empty for a code that is no longer known."""
        return _OPEN.sub("…", self._error.remedy(language)) if self._error else ""


@dataclass(frozen=True)
class Kind:
    """Refusals of one code: how many of those looked at, and the newest."""

    count: int
    newest: Refusal


@dataclass(frozen=True)
class Trial:
    """A made-up grant of an application in testing, and whom it may be tried with."""

    grant: str
    library: str
    items: dict[str, str]
    subjects: tuple[str, ...]


def refusals(session: Session, application_id: str, before: str = "") -> tuple[list[Refusal], str]:
    """Return the newest refusals before an id, and from where to go on (empty: nothing older)."""
    named = {"application": application_id, "before": UUID(before) if before else _LAST, "most": PAGE + 1}
    found = [
        Refusal(str(row.id), row.at, row.code or "", row.status or 0, row.grant_id or "", row.library or "")
        for row in session.execute(text(_REFUSED), named)
    ]
    return found[:PAGE], found[PAGE - 1].id if len(found) > PAGE else ""


def kinds(found: Sequence[Refusal]) -> list[Kind]:
    """Return refusals by code, the most frequent first."""
    ordered = sorted(found, key=lambda one: one.code)  # stable: the newest of a code stays first
    grouped = [list(group) for _, group in groupby(ordered, lambda one: one.code)]
    return sorted((Kind(len(group), group[0]) for group in grouped), key=lambda kind: -kind.count)


def grants(session: Session, application_id: str) -> list[Grant]:
    """Return the newest hundred grants of an application, the living ones first."""
    wanted = select(Grant).where(Grant.application_id == application_id)
    return list(session.scalars(wanted.order_by((Grant.state == "active").desc(), Grant.id.desc()).limit(MOST_GRANTS)))


def use_by_day(session: Session, application_id: str, today: date) -> dict[date, dict[str, GrantUse]]:
    """Return what was used on the last days, by day and grant."""
    wanted = select(GrantUse).join(Grant, Grant.id == GrantUse.grant_id)
    found: dict[date, dict[str, GrantUse]] = {}
    since = today - timedelta(days=DAYS - 1)
    for row in session.scalars(wanted.where(Grant.application_id == application_id, GrantUse.day >= since)):
        found.setdefault(row.day, {})[row.grant_id] = row
    return found


def calls_by_hour(session: Session, application_id: str, grant_ids: Sequence[str], now: datetime) -> list[tuple[str, tuple[int, int]]]:  # fmt: skip
    """Return answers and refusals of each of the last 24 hours in China, the oldest first; at most 20,000 of each are counted."""
    begin = now.astimezone(CHINA).replace(minute=0, second=0, microsecond=0) - timedelta(hours=HOURS - 1)
    first = UUID(int=int(begin.timestamp() * 1000) << 80)
    named = {"application": application_id, "grants": list(grant_ids), "first": first, "most": MOST_COUNTED}
    counted: dict[datetime, list[int]] = {begin + timedelta(hours=hour): [0, 0] for hour in range(HOURS)}
    for row in session.execute(text(_CALLS), named):
        hour = row.at.astimezone(CHINA).replace(minute=0, second=0, microsecond=0)
        if hour in counted:
            counted[hour][row.refused] += 1
    return [(f"{hour:%H:00}", (done[0], done[1])) for hour, done in counted.items()]


def networks(session: Session, application_id: str) -> list[str]:
    """Return from where an application may ask; none named: from anywhere."""
    found = session.get(ApplicationNetwork, application_id)
    return list(found.networks) if found else []


def sandbox(session: Session, application_id: str) -> Sandbox | None:
    """Return the row that says whether an application is, or was, in testing."""
    return session.get(Sandbox, application_id)


def trials(found: Sandbox | None) -> list[Trial]:
    """Return the made-up grants of an application in testing; none when it is not."""
    if found is None or found.ended_at is not None:
        return []
    return [
        Trial(permits.grant_id(found.number, kind), name, dict(forms), city.subjects(name))
        for kind, (name, forms) in permits.KINDS.items()
    ]


def in_testing(session: Session, department_id: str) -> list[tuple[str, str, Sandbox]]:
    """Return a department's applications in testing: id, name, and the row."""
    wanted = select(Application.id, Application.name, Sandbox).join(Sandbox, Sandbox.application_id == Application.id)
    rows = session.execute(wanted.where(Application.department_id == department_id, Sandbox.ended_at.is_(None)))
    return [(row[0], row[1], row[2]) for row in rows]


def is_over(key: ApplicationKey) -> bool:
    """Return whether a key signs no more, be it that nobody ended it."""
    return key.state != "active" or (key.expires_at is not None and key.expires_at <= datetime.now(UTC))


def active_counts(session: Session, ids: Sequence[str]) -> dict[str, int]:
    """Return how many keys in use each of these applications has."""
    still = (ApplicationKey.expires_at.is_(None)) | (ApplicationKey.expires_at > func.now())
    wanted = select(ApplicationKey.application_id, func.count()).where(
        ApplicationKey.application_id.in_(ids), ApplicationKey.state == "active", still
    )
    return {row[0]: row[1] for row in session.execute(wanted.group_by(ApplicationKey.application_id))}
