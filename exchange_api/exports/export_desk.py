"""Why: application systems ask for files in bulk, see how far they are, fetch them piece by piece and call them off. Building is not done here: an answer says
that it will be, and later where the files are. Called by `answering`.

authenticate → grant, mode, purpose → the export's own row → answer; every piece of a file leaves signed and recorded, and is held against its digest first.
"""

import asyncio
import base64
import hashlib
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from exchange_api import questions
from exchange_api.answer import Answer
from exchange_api.exports import exports
from exchange_api.exports.exports import Wish
from exchange_api.exports.manifest import file_name
from exchange_api.feeds.feed_desk import permitted
from exchange_api.hub import Hub
from exchange_api.permit import Permit, check_purpose
from schemas.database import transaction
from schemas.errors import Denied, Invalid, Terminal
from schemas.messages.exports import ExportQuestion
from schemas.tables.exports import Export, ExportFile

PATH = re.compile(r"/v1/grants/([A-Za-z0-9._-]{1,64}/exports(?:/DC-\d{4}-\d{6}(?:/files/\d{1,5})?)?)")
LISTED = 50
_RANGE = re.compile(r"bytes=(\d{0,12})-(\d{0,12})")
_TYPES = {"parquet": "application/vnd.apache.parquet", "ndjson": "application/x-ndjson"}
_ALLOWED = {2: ("GET", "POST"), 3: ("GET", "DELETE"), 5: ("GET",)}
Done = TypeVar("Done")


async def respond(hub: Hub, answer: Answer, rest: str) -> None:
    """Answer questions below /v1/grants/{grant}/exports. Raises Invalid `route.method`, `request.malformed`; Denied `nonce.replayed`; what the steps raise."""
    grant_id, parts, method = rest.split("/")[0], rest.split("/"), answer.request.method
    if method not in _ALLOWED[len(parts)]:
        raise Invalid("route.method", method=method, allowed=", ".join(_ALLOWED[len(parts)]))
    if answer.request.query:
        raise Invalid("request.malformed", where="the query string", reason="none is known here")
    await questions.know(hub, answer)
    await _require_new(hub, answer)
    permit = await permitted(hub, answer, grant_id, "export")
    answer.purpose = {"service_item": permit.service_item_id}
    if len(parts) == 2:
        await (_ask(answer, permit) if method == "POST" else _list(answer, permit))
    elif len(parts) == 3:
        await (_cancel(answer, permit, parts[2]) if method == "DELETE" else _show(answer, permit, parts[2]))
    else:
        await _fetch(answer, permit, (parts[2], int(parts[4])))


async def _require_new(hub: Hub, answer: Answer) -> None:
    """Refuse a replay before anything is done; sealing would be too late."""
    keyid = answer.keyid or ""
    if await hub.recorder.is_replay(keyid, answer.nonce or ""):
        answer.nonce = None
        raise Denied("nonce.replayed", keyid=keyid)


async def _ask(answer: Answer, permit: Permit) -> None:
    asked = questions.read(answer, ExportQuestion)
    check_purpose(permit, asked.purpose)
    answer.purpose = {"service_item": asked.purpose.service_item} | (
        {"case": asked.purpose.case} if asked.purpose.case else {}
    )
    answer.document = await _done(
        lambda session: _told(session, exports.open_export(session, Wish(permit, answer.request_id, asked)))
    )
    answer.status = 202
    answer.directory_versions = sorted({item.version for item in permit.items.values()})
    answer.facts = {"export": answer.document["export"]}


async def _list(answer: Answer, permit: Permit) -> None:
    newest = select(Export).where(Export.grant_id == permit.id).order_by(Export.asked_at.desc()).limit(LISTED)
    answer.document = {"exports": await _done(lambda session: [_line(one) for one in session.scalars(newest)])}


async def _show(answer: Answer, permit: Permit, export_id: str) -> None:
    answer.document = await _done(lambda session: _told(session, exports.find(session, export_id, permit.id)))
    answer.facts = {"export": export_id, "state": answer.document["state"]}


async def _cancel(answer: Answer, permit: Permit, export_id: str) -> None:
    def work(session: Session) -> dict[str, Any]:
        exports.find(session, export_id, permit.id)
        return _told(session, exports.cancel(session, export_id, permit.application_id))

    answer.document = await _done(work)
    answer.facts = {"export": export_id, "state": answer.document["state"]}
    await asyncio.to_thread(_clear, export_id)


async def _fetch(answer: Answer, permit: Permit, which: tuple[str, int]) -> None:
    """Answer with a file or a piece of it (RFC 9110 §14): its ETag is its digest, so that If-Range never joins pieces of two files."""
    export, file = await _done(lambda session: _find_file(session, permit, which))
    content = await asyncio.to_thread(_read, export, file)
    etag = f'"{file.sha256}"'
    answer.facts = {"export": export.id, "file": str(file.number), "sha256": file.sha256}
    answer.raw, answer.content_type = content, _TYPES[export.format]
    digest = base64.b64encode(bytes.fromhex(file.sha256)).decode()
    answer.headers = {
        "etag": etag, "accept-ranges": "bytes", "repr-digest": f"sha-256=:{digest}:",
        "content-disposition": f'attachment; filename="{file_name(export, file.number)}"',
    }  # fmt: skip
    given = answer.request.headers
    if "range" in given and given.get("if-range", etag) == etag and (span := _span(given["range"], len(content))):
        first, last = span
        answer.status, answer.raw = 206, content[first : last + 1]
        answer.headers["content-range"] = f"bytes {first}-{last}/{len(content)}"
        answer.facts["range"] = f"{first}-{last}"


def _span(text: str, size: int) -> tuple[int, int] | None:
    """Return first and last byte asked for; None for what is no single range, which is answered whole. Raises Denied `export.range`."""
    found = _RANGE.fullmatch(text)
    if found is None or found[0] == "bytes=-":
        return None
    if not found[1]:
        first, last = max(size - int(found[2]), 0), size - 1
    else:
        first, last = int(found[1]), min(int(found[2] or size), size - 1)
    if found[1] and found[2] and int(found[2]) < int(found[1]):
        return None
    if first >= size or first > last:
        raise Denied("export.range", size=size)
    return first, last


def _find_file(session: Session, permit: Permit, which: tuple[str, int]) -> tuple[Export, ExportFile]:
    """Return a file that may be fetched now. Raises Denied `export.expired`, `export.not_ready`, `export.stopped`; Invalid `export.unknown`."""
    export = exports.find(session, which[0], permit.id)
    if export.state == "expired" or (export.expires_at and export.expires_at <= datetime.now(UTC)):
        until = export.expires_at.isoformat(timespec="seconds") if export.expires_at else ""
        raise Denied("export.expired", export=export.id, expired_at=until)
    if export.state != "ready":
        raise Denied("export.not_ready", export=export.id, state=export.state)
    if not exports.still_granted(permit, export):
        raise Denied("export.stopped", export=export.id)
    file = session.get(ExportFile, which)
    if file is None:
        raise Invalid("export.unknown", export=f"{export.id}/files/{which[1]}")
    return export, file


def _read(export: Export, file: ExportFile) -> bytes:
    from exchange_api.exports import writing  # Arrow: a worker that serves no files need not hold it

    try:
        content = writing.read_file(writing.path_of(export.id, file.number, export.format))
    except FileNotFoundError:
        content = b""
    if hashlib.sha256(content).hexdigest() != file.sha256:
        raise Terminal("export.damaged", export=export.id, number=file.number)
    return content


def _clear(export_id: str) -> None:
    from exchange_api.exports.building import clear

    clear(export_id)


def _told(session: Session, export: Export) -> dict[str, Any]:
    query = select(ExportFile).where(ExportFile.export_id == export.id).order_by(ExportFile.number)
    files = list(session.scalars(query))
    is_live = export.state in exports.LIVE
    signed = {
        "text": export.manifest,
        "signature": export.signature,
        "keyid": export.keyid,
        "evidence": str(export.manifest_receipt),
    }
    return _line(export) | {
        "code": export.code, "items": export.items, "rows": export.rows, "as_of": export.as_of.isoformat() if export.as_of else None,
        "rows_written": sum(one.rows for one in files), "rows_expected": export.rows_expected,
        "files": [_file(export, one) for one in files] if is_live else [],
        "expires_at": export.expires_at.isoformat(timespec="seconds") if export.expires_at else None,
        "signed": signed if export.manifest else None,
    }  # fmt: skip


def _line(export: Export) -> dict[str, Any]:
    return {
        "export": export.id, "grant": export.grant_id, "library": export.library, "state": export.state, "format": export.format,
        "known_at": export.known_at.isoformat(), "asked_at": export.asked_at.isoformat(),
    }  # fmt: skip


def _file(export: Export, file: ExportFile) -> dict[str, Any]:
    address = f"/v1/grants/{export.grant_id}/exports/{export.id}/files/{file.number}"
    return {"number": file.number, "rows": file.rows, "bytes": file.bytes, "sha256": file.sha256, "address": address}


async def _done(work: Callable[[Session], Done]) -> Done:
    def do() -> Done:
        with transaction("exchange") as session:
            return work(session)

    return await asyncio.to_thread(do)
