"""Why: every few minutes the outbox is emptied. One transaction per message, held open while the other side answers: whoever is killed in it has sent
at most this one message, whose repeat bears the same name. Called by the DAG `notices` and by `hutong notices send-due`.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from exchange_api.keys import active_signer
from exchange_api.noticing import calling, mailing, outbox
from exchange_api.noticing.bundles import Bundle
from exchange_api.noticing.outbox import Taken
from schemas.database import transaction
from schemas.errors import Denied, HutongError, Terminal, Transient
from schemas.tables.notice_ways import CHANNELS

log = logging.getLogger(__name__)
NOBODYS_FAULT = ("notice.mail_missing", "notice.password_in_clear", "key.none_active")
"""What the way has no part in: its channel rests for this round, and nothing is counted."""


@dataclass
class Round:
    """What became of one round, in deliveries; `resting`: ways not tried again in it, `channels`: those still open."""

    spread: int = 0
    sent: int = 0
    put_off: int = 0
    failed: int = 0
    dropped: int = 0
    resting: set[int] = field(default_factory=set)
    channels: set[str] = field(default_factory=lambda: set(CHANNELS))


def send_due(now: datetime | None = None, progress: Callable[[Round], None] | None = None) -> Round:
    """Send everything that is due; several at once share the work. Doing it again sends nothing more. `now` for those who test time."""
    done = Round()
    while True:
        with transaction("exchange") as session:
            spread = outbox.spread(session, now or datetime.now(UTC))
        done.spread += spread
        if not spread:
            break
    while True:
        with transaction("exchange") as session:
            dropped = outbox.drop_stale(session, now or datetime.now(UTC))
        done.dropped += dropped
        if not dropped:
            break
    while _send_one(done, now):
        if progress:
            progress(done)
    return done


def deliver(session: Session, bundle: Bundle) -> None:
    """Send a bundle by its way's channel. Raises what the channel raises."""
    if bundle.way.channel == "email":
        mailing.post(bundle)
    else:
        calling.call(bundle, active_signer(session))


def _send_one(done: Round, now: datetime | None) -> bool:
    with transaction("exchange") as session:
        taken = outbox.claim(session, now or datetime.now(UTC), done.resting, done.channels)
        if taken is None:
            return False
        if taken.bundle is None:
            return True
        try:
            deliver(session, taken.bundle)
        except HutongError as error:
            _answer(session, done, taken, error, now or datetime.now(UTC))
        else:
            outbox.end(session, taken, "send", now or datetime.now(UTC))
            done.sent += len(taken.deliveries)
    return True


def _answer(session: Session, done: Round, taken: Taken, error: HutongError, now: datetime) -> None:
    """Decide by the failure's type, as everywhere: Transient is put off, all else has failed."""
    told = " ".join([error.code, str(error.facts.get("answer") or error.facts.get("reason") or "")]).strip()
    log.warning("way %s: %s", taken.way.id, told)
    count = len(taken.deliveries)
    if error.code in NOBODYS_FAULT:
        done.channels.discard(taken.way.channel)
        return
    if isinstance(error, Transient):
        is_servers = taken.way.channel == "email" and error.code == "notice.unreachable"
        if is_servers:
            done.channels.discard("email")
        outbox.put_off(session, taken, now, told, is_ways_fault=not is_servers)
        done.put_off, done.resting = done.put_off + count, done.resting | {taken.way.id}
    elif isinstance(error, Terminal | Denied):
        outbox.end(session, taken, "fail", now, told)
        done.failed += count
