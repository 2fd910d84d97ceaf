"""Why: the hub asks others to vouch for its log: witnesses for cosignatures of a checkpoint, an authority for its time stamp. Runs beside the sequencer
in the same process and never holds it up: what is away is made up later, since each checkpoint covers all before it.

No transaction is open while others are asked. `run_vouching` is started by `hutong sequencer`; tests call `vouch_once`.
"""

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from exchange_api.evidence import stamping
from exchange_api.evidence.checkpoint import Checkpoint as CheckpointText
from exchange_api.evidence.checkpoint import parse_checkpoint
from exchange_api.evidence.cosignature import VerifierKey, parse_cosignature, verify_cosignature
from exchange_api.evidence.log import consistency_path
from exchange_api.evidence.posting import post
from exchange_api.evidence.submission import write_submission
from exchange_api.evidence.vouched import newest_checkpoint, vouching_lag
from exchange_api.evidence.vouching_settings import VouchingSettings
from schemas.database import transaction
from schemas.errors import Transient
from schemas.tables.evidence import Checkpoint, Cosignature, Halt, Stamp

HALT = "stamp_overdue"
_CLOCKS_MAY_DIFFER = timedelta(minutes=10)
log = logging.getLogger(__name__)


def vouch_once(settings: VouchingSettings) -> None:
    """Have the newest checkpoint cosigned by every witness and, when due, stamped; what fails is logged and tried again next time."""
    with transaction("sequencer") as session:
        newest = newest_checkpoint(session)
    if newest is not None:
        for key, url in settings.known_witnesses:
            _attempt(f"witness {key.name}", partial(_have_cosigned, newest, key, url, settings))
        _attempt("time stamping authority", partial(_have_stamped, newest, settings))
    with transaction("sequencer") as session:
        hold_to_bound(session, settings, datetime.now(UTC))


def run_vouching(stop_event: threading.Event) -> None:
    """Vouch until told to stop; leaves at once when nobody is to be asked. Outlives a database that is away."""
    settings = VouchingSettings()
    if not settings.known_witnesses and settings.authority is None:
        return
    pause = settings.witness_interval_s if settings.known_witnesses else min(settings.tsa_interval_s, 5)
    while not stop_event.wait(pause):
        try:
            vouch_once(settings)
        except (Transient, OperationalError) as away:
            log.warning("vouching waits: %s", type(away).__name__)


def hold_to_bound(session: Session, settings: VouchingSettings, now: datetime) -> bool:
    """Warn when entries wait too long for a stamp, and halt or go on as the settings say; tell whether they wait too long."""
    since = vouching_lag(session).unstamped_since if settings.tsa_url else None
    is_late = since is not None and now - since > timedelta(hours=settings.tsa_pending_hours)
    if is_late:
        log.error("entries wait for a time stamp since %s", since)
    if is_late and settings.tsa_fail_closed:
        session.execute(insert(Halt).values(reason=HALT, since=now).on_conflict_do_nothing())
    else:
        session.execute(delete(Halt).where(Halt.reason == HALT))
    return is_late


def _attempt(whom: str, work: Callable[[], None]) -> None:
    try:
        work()
    except (Transient, ValueError) as wrong:
        log.warning("%s: %s", whom, wrong)


def _have_cosigned(newest: Checkpoint, key: VerifierKey, url: str, settings: VouchingSettings) -> None:
    with transaction("sequencer") as session:
        last = select(func.coalesce(func.max(Cosignature.size), 0)).where(Cosignature.vkey == str(key))
        old = session.scalar(last) or 0
    if old >= newest.size:
        return
    for _ in range(2):  # a witness that knows another size says which; then once more
        with transaction("sequencer") as session:
            path = consistency_path(session, old, newest.size) if old else []
        body = write_submission(old, path, newest.note).encode()
        reply = post(f"{url}/add-checkpoint", body, "text/plain", settings.vouching_timeout_s)
        if reply.status != 409:
            break
        told = reply.body.strip()
        if not told.isdigit() or int(told) > newest.size or int(told) == old:
            raise ValueError(f"it knows another log of size {told[:20]!r}: this one was forked or set back")
        old = int(told)
    if reply.status != 200:
        raise ValueError(f"it refuses with {reply.status}: {reply.body[:200]!r}")
    _keep_cosignature(newest, key, reply.body)


def _keep_cosignature(newest: Checkpoint, key: VerifierKey, body: bytes) -> None:
    checkpoint: CheckpointText = parse_checkpoint(newest.note)[0]
    for line in body.decode("utf-8").splitlines():
        moment = verify_cosignature(line, checkpoint, key) if parse_cosignature(line) else None
        if moment is not None:
            values = {
                "size": newest.size,
                "vkey": str(key),
                "line": line,
                "cosigned_at": datetime.fromtimestamp(moment, UTC),
            }
            with transaction("sequencer") as session:
                session.execute(insert(Cosignature).values(values).on_conflict_do_nothing())
            return
    raise ValueError("its answer holds no cosignature of its own")


def _have_stamped(newest: Checkpoint, settings: VouchingSettings) -> None:
    authority, now = settings.authority, datetime.now(UTC)
    if authority is None:
        return
    with transaction("sequencer") as session:
        last = session.execute(select(Stamp.size, Stamp.stamped_at).order_by(Stamp.size.desc()).limit(1)).first()
    if last and (last.size >= newest.size or now - last.stamped_at < timedelta(seconds=settings.tsa_interval_s)):
        return
    question = stamping.ask(newest.note)
    reply = post(settings.tsa_url, question.data, "application/timestamp-query", settings.vouching_timeout_s)
    if reply.status != 200:
        raise ValueError(f"it answers {reply.status}")
    token = stamping.take(reply.body, question)
    moment = stamping.verify_token(token, newest.note, authority)
    if abs(moment - now) > _CLOCKS_MAY_DIFFER:
        raise ValueError(f"its clock says {moment}, ours {now}")
    with transaction("sequencer") as session:
        values = {"size": newest.size, "stamped_at": moment, "token": token}
        session.execute(insert(Stamp).values(values).on_conflict_do_nothing())
