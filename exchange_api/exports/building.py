"""Why: an export is built by a task, never in the request. Whole files are noted one by one: a crash anywhere goes on after the last whole file, nothing is
written twice, and nobody knows of a half file. A grant that is taken back in the middle stops it within a second. Called by `hutong export build` and its DAG.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import asyncpg  # type: ignore[import-untyped]
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from exchange_api.evidence.ledger import subject_secret
from exchange_api.exports import exports, manifest, reading, writing
from exchange_api.exports.export_settings import ExportSettings
from exchange_api.exports.reading import Plan, Rows
from exchange_api.feeds import cursors
from exchange_api.feeds.cursors import Cursor
from exchange_api.grant.terms import RowRule
from exchange_api.keys import keys_folder
from exchange_api.permit import Permit, check_grant, check_mode, load_permit
from libraries.storage import failures_named
from schemas.database import database_url, libpq_uri, transaction
from schemas.errors import Denied, HutongError, Transient
from schemas.library import library
from schemas.tables.exports import Export, ExportFile

Progress = Callable[[int, int], None]
"""Told after every file: its number, and how many rows are written by then."""
LOOK_S = 0.5
PIECES = {"parquet": 32_768, "ndjson": 16_384}
_LOCK = 7_311_021
_TRY = text("SELECT pg_try_advisory_xact_lock(:tag, hashtext(:id))")
_ABOUT = text("SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = to_regclass(:name)")


def build_all() -> list[str]:
    """Build what waits, end what has expired, delete the files of what has ended; return the exports that became ready. The first failure that passes by is
    raised when all others were tried.
    """
    ready, failures = [], []
    for export_id in _waiting():
        try:
            if build(export_id) == "ready":
                ready.append(export_id)
        except Transient as passing:
            failures.append(passing)
    sweep()
    if failures:
        raise failures[0]
    return ready


def build(export_id: str, progress: Progress = lambda _number, _rows: None) -> str:
    """Build one export, or go on with it, and return its state; what another process builds, or has ended, is left alone.

    Raises Transient `export.interrupted`, `landing.…`, `database.unreachable`, `key.…`: try again; anything lasting ends it as failed, with its code.
    """
    with _alone(export_id) as is_free:
        if not is_free:
            return "building"
        try:
            with failures_named():
                return _build(export_id, progress)
        except Transient:
            raise
        except HutongError as lasting:
            return _end(export_id, "stop" if isinstance(lasting, Denied) else "fail", lasting.code)


def sweep() -> None:
    """Expire what is due, and delete the files of every export that has ended."""
    due = select(Export.id).where(Export.state == "ready", Export.expires_at <= datetime.now(UTC))
    left = select(Export.id).where(Export.state.not_in(exports.LIVE), Export.cleared_at.is_(None))
    with transaction("exchange") as session:
        for export_id in session.scalars(due).all():
            if (export := exports.hold(session, export_id)).state == "ready":
                exports.move(session, export, "expire", "hutong")
    with transaction("exchange") as session:
        ended = session.scalars(left).all()
    for export_id in ended:
        clear(export_id)


def clear(export_id: str) -> None:
    """Delete the files of an export that has ended, once nobody builds it."""
    with _alone(export_id) as is_free, failures_named():
        if is_free:
            writing.remove(export_id)
            with transaction("exchange") as session:
                exports.hold(session, export_id).cleared_at = datetime.now(UTC)


def _build(export_id: str, progress: Progress) -> str:
    with transaction("exchange") as session:
        export = exports.hold(session, export_id)
        if export.state not in exports.TRANSITIONS["build"]:
            return export.state
        exports.move(session, export, "build", "hutong")
        export.started_at = export.started_at or datetime.now(UTC)
        export.rows_expected = session.scalar(_ABOUT, {"name": f"library.{export.library}"})
        files = _files(session, export_id)
    permit = _require_granted(export)
    plan = plan_of(export, permit)
    if not files or not files[-1].is_last:
        _write(export, plan, files, progress)
    return _seal(export_id, plan)


def plan_of(export: Export, permit: Permit) -> Plan:
    """Return what an export holds, in the forms of when it was asked for."""
    spec = library(export.library)
    salt: str | None = None
    if spec.entry is not None:
        is_shown = all(part in permit.items and permit.items[part].form == "full" for part in spec.entry.from_)
        salt = "" if is_shown else f"entry\x00{permit.id}\x00"
    forms = {name: export.items[name] for name in spec.attribute_ids if name in export.items}
    rules = tuple(RowRule.model_validate(rule) for rule in export.rows)
    return Plan(spec, forms, rules, export.known_at, export.as_of, subject_secret(keys_folder()), salt)


def _write(export: Export, plan: Plan, files: list[ExportFile], progress: Progress) -> None:
    """Write the files after the last whole one, cut out of one stream of rows."""
    last_key = files[-1].last_key if files else None
    cut = _Cut(_looked_after(export.id, reading.read(plan, last_key)), PIECES[export.format])
    number, rows = len(files), sum(one.rows for one in files)
    is_last = False
    while not is_last:
        number += 1
        written = _write_file(export, plan, number, cut)
        is_last = written.is_last
        with transaction("exchange") as session:
            if exports.hold(session, export.id).state != "building":
                raise Denied("export.stopped", export=export.id)
            session.add(written)
        rows += written.rows
        progress(number, rows)


def _write_file(export: Export, plan: Plan, number: int, cut: "_Cut") -> ExportFile:
    settings = ExportSettings()
    rows, last_key = 0, None
    with writing.writing(writing.path_of(export.id, number, export.format), export.format, plan) as (writer, stream):
        while rows < settings.export_file_rows and stream.size < settings.export_file_mb << 20:
            piece = cut.take(settings.export_file_rows - rows)
            if piece is None:
                break
            writer.write(piece.shown)
            rows += piece.shown.num_rows
            last_key = piece.keys[-1].as_py()
    return ExportFile(
        export_id=export.id, number=number, rows=rows, bytes=stream.size, sha256=stream.hexdigest(), last_key=last_key,
        is_last=cut.is_empty(),
    )  # fmt: skip


class _Cut:
    """Cuts a stream of rows into pieces of at most so many."""

    def __init__(self, rows: Iterator[Rows], most: int) -> None:
        self._rows, self._most, self._left = rows, most, None

    _left: Rows | None

    def take(self, room: int) -> Rows | None:
        """Return the next piece, at most `room` rows; None when there are no more."""
        if self.is_empty() or self._left is None:
            return None
        found, length = self._left, min(room, self._most)
        if found.shown.num_rows <= length:
            self._left = None
            return found
        self._left = found.slice(length)
        return found.slice(0, length)

    def is_empty(self) -> bool:
        """Tell whether there are no more rows; looks for the next ones."""
        if self._left is None:
            self._left = next(self._rows, None)
        return self._left is None


def _looked_after(export_id: str, rows: Iterator[Rows]) -> Iterator[Rows]:
    """Yield the rows, looking every half second whether they are still wanted and granted. Raises Denied `export.stopped`, `grant.…`."""
    looked = time.monotonic()
    for one in rows:
        if time.monotonic() - looked > LOOK_S:
            with transaction("exchange") as session:
                export = exports.find(session, export_id)
            if export.state != "building":
                raise Denied("export.stopped", export=export_id)
            _require_granted(export)
            looked = time.monotonic()
        yield one


def _require_granted(export: Export) -> Permit:
    """Return the grant when it still allows all that the export holds. Raises Denied `grant.…`, `export.stopped`; Transient `database.unreachable`."""
    try:
        permit = asyncio.run(_permit(export.grant_id))
    except (OSError, asyncpg.PostgresConnectionError) as failure:
        url = database_url("exchange")
        raise Transient("database.unreachable", address=f"{url.host}:{url.port or 5432}") from failure
    try:
        check_grant(permit, export.application_id, export.library)
    except Denied as refused:
        if refused.code != "grant.outside_hours":  # hours are for questions; building is the hub's own time
            raise
    assert permit is not None
    check_mode(permit, "export")
    if not exports.still_granted(permit, export):
        raise Denied("export.stopped", export=export.id)
    return permit


async def _permit(grant_id: str) -> Permit | None:
    connection = await asyncpg.connect(libpq_uri("exchange"), timeout=10)
    try:
        return await load_permit(connection, grant_id)
    finally:
        await connection.close()


def _seal(export_id: str, plan: Plan) -> str:
    """Sign what was written and let it be fetched; whatever became of the grant meanwhile is seen once more."""
    with transaction("exchange") as session:
        export = exports.hold(session, export_id)
        if export.state != "building":
            return export.state
        permit = _require_granted(export)
        numbers = (
            session.connection().exec_driver_sql(reading.batches_statement(plan).replace("%", "%%")).scalars().all()
        )
        names = text("SELECT id FROM landing.batches WHERE number = ANY(:numbers) ORDER BY id")
        rulings = [f"ruling:{-number}" for number in numbers if number < 0]
        export.batches = [*session.scalars(names, {"numbers": list(numbers)}), *rulings]
        now = datetime.now(UTC)
        export.expires_at = exports.expires_at(now)
        told = {
            "expires_at": export.expires_at.isoformat(timespec="seconds"),
            "feed": _feed_after(export, permit, plan),
        }
        manifest.sign_manifest(session, export, _files(session, export_id), told)
        exports.move(session, export, "finish", "hutong")
        return export.state


def _feed_after(export: Export, permit: Permit, plan: Plan) -> str | None:
    """Return the cursor from which the change feed goes on after this export, where the grant has one."""
    if "changes" not in permit.modes or export.as_of is not None:
        return None
    return cursors.spell(plan.secret, permit, Cursor("changes", export.known_at, None, 0, cursors.terms_of(permit)))


def _end(export_id: str, action: str, code: str) -> str:
    with transaction("exchange") as session:
        export = exports.hold(session, export_id)
        if export.state in exports.TRANSITIONS[action]:
            exports.move(session, export, action, "hutong")
            export.code = code
        state = export.state
    with failures_named():
        writing.remove(export_id)
    with transaction("exchange") as session:
        exports.hold(session, export_id).cleared_at = datetime.now(UTC)
    return state


def _files(session: Session, export_id: str) -> list[ExportFile]:
    return list(
        session.scalars(select(ExportFile).where(ExportFile.export_id == export_id).order_by(ExportFile.number))
    )


def _waiting() -> list[str]:
    with transaction("exchange") as session:
        waiting = select(Export.id).where(Export.state.in_(("waiting", "building"))).order_by(Export.asked_at)
        return list(session.scalars(waiting))


@contextmanager
def _alone(export_id: str) -> Iterator[bool]:
    """Keep other builders of this export away until the block ends, or the process does; yields whether there is none."""
    with transaction("exchange") as session:
        yield bool(session.scalar(_TRY, {"tag": _LOCK, "id": export_id}))
