"""Why: whether a grant works is known only by asking through it. One question is really asked the way the record path does, step by step, and what came of each
step is kept and shown. Called by portal, commands and the API's desk.

It is asked inside the hub, not over HTTP: the hub has no application's private key and must never have one, and a key of its own that could use everybody's
grants would be a way around them. So the caller's signature is the one thing not tried; that a key is registered is. The key looked up is none that any subject
can bear, so that no person is looked up for a test, nothing is counted as use, and nothing can be told. The evidence log gets an entry of the kind `action`.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg  # type: ignore[import-untyped]
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from exchange_api.actors import Actor, Step
from exchange_api.evidence.ledger import Entry, new_receipt_id, record
from exchange_api.find import Finder
from exchange_api.grant import flags, foundations, grants, life, quota_requests
from exchange_api.grant.terms import is_within
from exchange_api.moments import Moments
from exchange_api.permit import admitted, check_grant, choose_items, columns, load_permit
from exchange_api.prepared import Prepared
from libraries.judging.guards import allowed_days
from schemas.calendar import today
from schemas.database import libpq_uri
from schemas.errors import HutongError
from schemas.library import library
from schemas.resource import Quality
from schemas.tables.directory import ResourceVersion
from schemas.tables.exchange import ApplicationKey, Grant, GrantItem, GrantUse
from schemas.tables.grant_life import GrantCheck
from schemas.tables.landing import Batch

NOBODY = "hutong-health-check"
"""Looked up in place of a subject: no code of a person, an enterprise or a certificate is written so."""
SLOW_MS = 1000


@dataclass(frozen=True)
class Part:
    """One step of a check: whether it is well, and what was found (ids, numbers and days only)."""

    name: str
    is_good: bool
    found: str = ""


def check(session: Session, actor: Actor, grant_id: str) -> GrantCheck:
    """Ask through a grant, keep what came of each step, and return it. Any of its sides may. Raises Denied `case.not_yours`, Invalid `grant.unknown`."""
    grant = grants.get(session, grant_id)
    life.side_of(session, actor, grant)
    parts = [step(session, grant) for step in STEPS]
    parts.append(_ask(grant))
    receipt = new_receipt_id()
    is_good = all(part.is_good for part in parts)
    facts = {"health": grant.id, "is_good": is_good, "by": actor.id, **{part.name: part.is_good for part in parts}}
    entry = Entry(
        id=receipt, at=datetime.now(UTC), kind="action", grant_id=grant.id, library=grant.library, facts=facts
    )
    record(session, [entry])
    kept = GrantCheck(
        grant_id=grant.id, by=actor.id, is_good=is_good, receipt=receipt,
        steps=[{"name": part.name, "is_good": part.is_good, "found": part.found} for part in parts],
    )  # fmt: skip
    session.add(kept)
    life.note(session, actor, grant, Step("check", facts={"is_good": is_good, "receipt": receipt}))
    return kept


def last(session: Session, grant_id: str) -> GrantCheck | None:
    """Return the newest check of a grant."""
    query = select(GrantCheck).where(GrantCheck.grant_id == grant_id)
    return session.scalar(query.order_by(GrantCheck.id.desc()).limit(1))


def _key(session: Session, grant: Grant) -> Part:
    query = select(func.count()).where(
        ApplicationKey.application_id == grant.application_id, ApplicationKey.state == "active"
    )
    found = session.scalar(query) or 0
    return Part("key", found > 0, str(found))


def _state(_: Session, grant: Grant) -> Part:
    return Part("state", grant.state == "active", grant.state)


def _suspended(session: Session, grant: Grant) -> Part:
    sides = [side for side in ("consumer", "provider", "platform") if getattr(grant, f"suspended_by_{side}")]
    reasons = [f"{one.side}: {one.code}" for one in flags.of(session, grant.id)] or sides
    return Part("flags", not sides, ", ".join(reasons))


def _base(session: Session, grant: Grant) -> Part:
    missing = foundations.missing_of(session, grant)
    return Part("base", not missing, ", ".join(sorted(missing)))


def _period(_: Session, grant: Grant) -> Part:
    return Part("period", grant.valid_from <= today() <= grant.valid_until, f"{grant.valid_from} – {grant.valid_until}")


def _hours(_: Session, grant: Grant) -> Part:
    return Part("hours", grant.hours is None or is_within(grant.hours, datetime.now(UTC)), grant.hours or "00-24")


def _quota(session: Session, grant: Grant) -> Part:
    use, quota = session.get(GrantUse, (grant.id, today())), quota_requests.quota_on(session, grant, today())
    left = quota - (use.subjects if use else 0)
    return Part("quota", left > 0, f"{left} / {quota}")


def _items(session: Session, grant: Grant) -> Part:
    held = _versions(session, grant)
    lost = [item.attribute for item, version in held if version.state != "published"]
    return Part("items", bool(held) and not lost, ", ".join(lost) or str(len(held)))


def _records(session: Session, grant: Grant) -> Part:
    spec = library(grant.library)
    found = session.scalar(text(f"SELECT EXISTS (SELECT FROM library.{spec.library})"))  # noqa: S608 - a name of our own
    return Part("records", bool(found))


def _freshness(session: Session, grant: Grant) -> Part:
    """Hold the last merged batch of each resource against the cycle it promised; a cycle without a term is never late."""
    late = []
    for version in {version.id: version for _, version in _versions(session, grant)}.values():
        thresholds = Quality.model_validate(version.document.get("quality") or {})
        allowed = allowed_days(version.document.get("update_cycle"), thresholds)
        merged = session.scalar(select(func.max(Batch.merged_at)).where(Batch.resource_id == version.resource_id))
        if allowed is not None and (merged is None or datetime.now(UTC) - merged > timedelta(days=allowed)):
            late.append(f"{version.resource_id} {merged.date() if merged else '-'}")
    return Part("freshness", not late, ", ".join(late))


STEPS: tuple[Callable[[Session, Grant], Part], ...] = (
    _key, _state, _suspended, _base, _period, _hours, _quota, _items, _records, _freshness,
)  # fmt: skip


def _versions(session: Session, grant: Grant) -> list[tuple[GrantItem, ResourceVersion]]:
    rows = session.execute(
        select(GrantItem, ResourceVersion)
        .join(ResourceVersion, ResourceVersion.id == GrantItem.resource_version_id)
        .where(GrantItem.grant_id == grant.id)
        .order_by(GrantItem.attribute)
    ).all()
    return [(item, version) for item, version in rows]


def _ask(grant: Grant) -> Part:
    """Take the record path's own steps: load the grant as a worker does, hold the question against it, look up."""
    begun = time.perf_counter()
    try:
        found = _run(_look_up(grant))
    except HutongError as refusal:
        return Part("answer", is_good=False, found=refusal.code)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as failure:
        return Part("answer", is_good=False, found=type(failure).__name__)
    took = int((time.perf_counter() - begun) * 1000)
    return Part("answer", found == 0 and took <= SLOW_MS, f"{took} ms")


async def _look_up(grant: Grant) -> int:
    async with asyncpg.create_pool(libpq_uri("exchange"), min_size=1, max_size=2) as pool:
        prepared = Prepared(pool, 1)
        try:
            permit = check_grant(await load_permit(pool, grant.id), grant.application_id, grant.library)
            wanted = grant.library, columns(permit, choose_items(permit, None)), "subject"
            rows, _ = await Moments(Finder(prepared), prepared).read(wanted, (NOBODY,))  # type: ignore[arg-type]
            return len(admitted(permit, rows))
        finally:
            await prepared.close()


def _run(work: Coroutine[Any, Any, int]) -> int:
    return asyncio.run(work)
