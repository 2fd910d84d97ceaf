"""Why: one durable entry per answer, before the answer leaves. Delivery, keyring and the desks write entries here; nobody changes one.

An entry is canonical JSON (RFC 8785's subset without floats): ids, keyed hashes of subjects, digests, signatures. No personal data: subjects enter
through `subject_hash` only. A unique (keyid, nonce) in each month is the replay guard. Group commit: `INSERT_SQL` with `entry_columns(rows)` for asyncpg.
"""

import contextlib
import hashlib
import os
import re
import secrets
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

import orjson
from sqlalchemy import text
from sqlalchemy.orm import Session

from exchange_api.evidence.canonical import canonical_json
from exchange_api.keeping import files
from exchange_api.signing import Jwk, Request, Response, SignedResponse
from exchange_api.signing.messages import REQUEST_HEADERS, RESPONSE_HEADERS
from schemas.errors import Denied, Invalid

FORMAT = "hutong-entry/1"
_BLOCK = 64
MAX_BYTES = 65_535
"""C2SP tlog-tiles: entries are length-prefixed by a uint16."""

Kind = Literal["answer", "refusal", "error", "key", "action"]
EntryRow = tuple[
    UUID,
    datetime,
    str,
    str | None,
    str | None,
    str | None,
    str | None,
    str | None,
    str | None,
    int | None,
    str | None,
    bytes,
]

INSERT_SQL = """
INSERT INTO evidence.entries
    (id, at, kind, application_id, keyid, nonce, request_id, grant_id, library, status, code, document)
SELECT * FROM unnest($1::uuid[], $2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
    $8::text[], $9::text[], $10::smallint[], $11::text[], $12::bytea[])
ON CONFLICT DO NOTHING RETURNING id
"""
"""For asyncpg: N entries in one statement; an id that does not come back was a replay."""
_INSERT = text(re.sub(r"\$(\d+)::(\w+)\[\]", r"CAST(:c\1 AS \2[])", INSERT_SQL))


@dataclass(slots=True)  # not frozen: made for every answer, and a frozen one takes five times as long to make
class SignedQuestion:
    """The question as evidence: enough to verify the caller's signature for ever. `jwk` is None when the signature was not accepted;
    `base` is held only when the question was signed in another spelling than the profile's.
    """

    method: str
    authority: str
    path: str
    query: str
    headers: dict[str, str]
    jwk: Jwk | None
    base: str | None = None


@dataclass(slots=True)
class SignedAnswer:
    """The answer as evidence: status and the headers its signature covers, with the signature."""

    status: int
    headers: dict[str, str]


@dataclass(slots=True, kw_only=True)
class Entry:
    """One thing that happened. `nonce` is set only when the caller's signature was good. `subjects` are keyed hashes, `facts` plain ids and states."""

    id: str
    at: datetime
    kind: Kind
    application_id: str | None = None
    keyid: str | None = None
    nonce: str | None = None
    request_id: str | None = None
    grant_id: str | None = None
    purpose: dict[str, str] | None = None
    library: str | None = None
    subjects: Sequence[str] = ()
    code: str | None = None
    directory_versions: Sequence[str] = ()
    batches: Sequence[str] = ()
    facts: dict[str, Any] = field(default_factory=dict)
    request: SignedQuestion | None = None
    response: SignedAnswer | None = None


_ENTRY = tuple(one.name for one in fields(Entry))
_QUESTION = tuple(one.name for one in fields(SignedQuestion))


def new_receipt_id() -> str:
    """Return a fresh receipt id: UUID version 7 (RFC 9562 §5.7), sortable by time."""
    value = time.time_ns() // 1_000_000 << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    digits = f"{value & ~(0x3 << 62) | 0x2 << 62:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def question_of(request: Request, jwk: Jwk | None, base: str | None = None) -> SignedQuestion:
    """Return the question's evidence: its covered headers only, never its body. Give `base` when the signature is not in the profile's spelling."""
    headers = {name: request.headers[name] for name in REQUEST_HEADERS if name in request.headers}
    return SignedQuestion(request.method, request.authority.lower(), request.path, request.query, headers, jwk, base)


def answer_of(response: Response, signed: SignedResponse) -> SignedAnswer:
    """Return the answer's evidence: its covered headers with the signature, never its body."""
    headers = {**response.headers, **signed.headers}
    return SignedAnswer(response.status, {name: headers[name] for name in RESPONSE_HEADERS})


def entry_document(entry: Entry) -> bytes:
    """Return the canonical bytes the log commits to; raises Invalid evidence.too_large above 65,535 bytes."""
    members: dict[str, Any] = {name: getattr(entry, name) for name in _ENTRY}
    members["format"] = FORMAT
    members["at"] = entry.at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    for name in ("subjects", "directory_versions", "batches"):
        members[name] = list(members[name])
    if entry.request is not None:
        members["request"] = {name: getattr(entry.request, name) for name in _QUESTION}
    if entry.response is not None:
        members["response"] = {"status": entry.response.status, "headers": entry.response.headers}
    document = _spell(members)
    if len(document) > MAX_BYTES:
        raise Invalid("evidence.too_large", bytes=len(document))
    return document


def _spell(members: dict[str, Any]) -> bytes:
    """Spell canonically. Texts and small integers come out of orjson byte for byte as of `canonical_json`, in a tenth of the time; facts may hold more."""
    if all(type(fact) is str and name.isascii() for name, fact in members["facts"].items()):
        with contextlib.suppress(TypeError):
            return orjson.dumps(members, option=orjson.OPT_SORT_KEYS)
    return canonical_json(members)


def leaf_hash(document: bytes) -> bytes:
    """Return the RFC 6962 §2.1 leaf hash of an entry's canonical bytes."""
    return hashlib.sha256(b"\x00" + document).digest()


def entry_row(entry: Entry) -> EntryRow:
    """Return the entry as a tuple in the order of INSERT_SQL's arrays."""
    status = None if entry.response is None else entry.response.status
    return (
        UUID(entry.id),
        entry.at,
        entry.kind,
        entry.application_id,
        entry.keyid,
        entry.nonce,
        entry.request_id,
        entry.grant_id,
        entry.library,
        status,
        entry.code,
        entry_document(entry),
    )


def entry_columns(rows: Iterable[EntryRow]) -> list[list[Any]]:
    """Turn rows into the arrays INSERT_SQL takes: `await connection.fetch(INSERT_SQL, *entry_columns(rows))`."""
    return [list(column) for column in zip(*rows, strict=True)]


def record(session: Session, entries: Sequence[Entry]) -> None:
    """Insert entries; raises Denied nonce.replayed when one repeats a (keyid, nonce). The caller's transaction makes them durable."""
    if not entries:
        return
    columns = entry_columns([entry_row(entry) for entry in entries])
    written = set(session.execute(_INSERT, {f"c{i}": column for i, column in enumerate(columns, 1)}).scalars())
    for entry in entries:
        if UUID(entry.id) not in written:
            raise Denied("nonce.replayed", keyid=entry.keyid)


def subject_hash(secret: bytes, library: str, subject: str) -> str:
    """Return the keyed hash (HMAC-SHA256, hex) under which a subject stands in entries; worthless without the secret."""
    inner, outer = (one.copy() for one in _keyed(secret, library))
    inner.update(subject.encode())
    outer.update(inner.digest())
    return str(outer.hexdigest())


@lru_cache(maxsize=64)
def _keyed(secret: bytes, library: str) -> tuple[Any, Any]:
    """Return HMAC's two hashes (RFC 2104 §2), begun with the key and the library's name: beginning them is two thirds of the work, and always the same."""
    key = (hashlib.sha256(secret).digest() if len(secret) > _BLOCK else secret).ljust(_BLOCK, b"\0")
    inner, outer = (hashlib.sha256(bytes(one ^ pad for one in key)) for pad in (0x36, 0x5C))
    inner.update(f"{library}\x00".encode())
    return inner, outer


@cache
def subject_secret(folder: Path) -> bytes:
    """Return the 32-byte secret of `subject_hash` from the keys folder, making it (mode 0600) on first use. Losing it loses search by subject only.
    Raises Transient key.kek_… when it is sealed and cannot be opened.
    """
    path = folder / "subject.key"
    if not path.exists():
        files.make(path, secrets.token_bytes(32))
    return files.read(path)
