"""Why: a certificate can be asked about by its own name: how it stands, whether what somebody claims of it is right, and its file as an annotated copy. Not
found, expired, restricted, ended, superseded and not permitted are different answers (GB/T 36906 as implemented). Called by `answering`.

authenticate → grant and purpose → how it stands → answer; like every answer it leaves signed and recorded.
"""

import asyncio
import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from sqlalchemy.orm import Session

from exchange_api import delivery, questions, records
from exchange_api.answer import Answer
from exchange_api.certificates import certificate_copies
from exchange_api.certificates.certificate_copies import Wish
from exchange_api.evidence.ledger import subject_hash
from exchange_api.hub import Hub
from exchange_api.permit import (
    GrantedItem,
    Permit,
    admitted,
    check_comparable,
    check_grant,
    check_mode,
    choose_items,
    columns,
)
from libraries import serving
from libraries.certificates import standing
from schemas.calendar import today
from schemas.database import transaction
from schemas.errors import Denied, Invalid
from schemas.library import library
from schemas.messages.certificates import CertificateFileQuestion, CertificateVerifyQuestion
from schemas.messages.exchange import Question

LIBRARY = "certificate"
PATH = re.compile(r"/v1/certificates/files(?:/([A-Za-z0-9_-]{43}))?")
_COLUMNS = {"identifier": "entry", "number": "certificate_number"}
_BEST = ("valid", "restricted", "expired", "superseded", "ended", "not_found")
_BY_HOLDER = re.compile(rb'"subject"\s*:')
Form = TypeVar("Form", bound=Question)
Done = TypeVar("Done")


async def verify(hub: Hub, answer: Answer) -> None:
    """Answer POST /v1/certificates/verify: how each certificate stands and yes or no per claimed value; by holder as for every library."""
    if _BY_HOLDER.search(answer.request.body):
        return await delivery.verify(hub, answer, LIBRARY)
    await _know(hub, answer)
    asked = questions.read(answer, CertificateVerifyQuestion)
    way = asked.way(asked.claims[0])
    permit = await questions.permit(hub, answer, asked, LIBRARY)
    names = [name for claim in asked.claims for name in claim.values]
    if way == "number":
        names.append("certificate_number")  # whoever may not have it may not try numbers either
    items = choose_items(permit, list(dict.fromkeys(names)))
    check_comparable(items)
    keys = tuple(getattr(claim, way) for claim in asked.claims)
    await _open(hub, answer, (permit, items, keys))
    found = await _held(hub, permit, way, (keys, items))
    valid = [row for rows in found.values() for row, status in rows if status == "valid"]
    answer.batches = await records.batches_of(hub.names, items, valid)
    answer.document["verdicts"] = [
        {way: key} | _verdict(found.get(key, []), claim.values) for key, claim in zip(keys, asked.claims, strict=True)
    ]
    return None


async def respond(hub: Hub, answer: Answer, address: str | None) -> None:
    """Answer POST /v1/certificates/files, or GET of the address it gave. Raises Invalid `route.method` and what the two raise."""
    allowed = "POST" if address is None else "GET"
    if answer.request.method != allowed:
        raise Invalid("route.method", method=answer.request.method, allowed=allowed)
    await _know(hub, answer)
    if address is None:
        return await promise(hub, answer)
    return await hand_out(hub, answer, address)


async def promise(hub: Hub, answer: Answer) -> None:
    """Say how a certificate stands, and give a one-time address of its annotated copy when it is valid.

    Raises Denied `item.form` unless the file is granted in full, Invalid `certificate.no_file`, and what grants and purposes raise.
    """
    asked = questions.read(answer, CertificateFileQuestion)
    permit = await questions.permit(hub, answer, asked, LIBRARY)
    items = choose_items(permit, ["file_digest"])
    if items[0].form != "full":
        raise Denied("item.form", items="file_digest")
    await _open(hub, answer, (permit, items, (asked.identifier,)))
    (row, status), *_ = (await _held(hub, permit, "identifier", ((asked.identifier,), items))).get(
        asked.identifier, [({}, "not_found")]
    )
    answer.document |= {"identifier": asked.identifier, "status": status}
    answer.facts = {"status": status}
    if status == "superseded" and row["newer"] and not permit.rows:  # the newer one may lie outside the rows
        answer.document["superseded_by"] = row["newer"]
    if status != "valid":
        return
    answer.batches = await records.batches_of(hub.names, items, [row])
    if row["file_digest"] is None:
        raise Invalid("certificate.no_file", digest="—")
    wish = Wish(
        asked.identifier, row["file_digest"], permit.id, permit.application_id, permit.service_item_id, asked.purpose.case,
        asked.cause, answer.request_id,
    )  # fmt: skip
    address, copy = await _in_transaction(lambda session: certificate_copies.promise(session, hub.secret, wish))
    answer.facts |= {"copy": copy.id, "file_digest": copy.file_digest}
    answer.document |= {
        "address": f"/v1/certificates/files/{address}",
        "expires_at": copy.expires_at.isoformat(timespec="seconds"),
        "copy_valid_until": copy.valid_until.isoformat(),
    }


async def hand_out(hub: Hub, answer: Answer, address: str) -> None:
    """Answer with the annotated copy, once. The grant and the certificate are held to again: either may have ended since.

    Raises Denied `certificate.address_unknown`, `.address_used`, `.address_expired`, `certificate.not_valid`, `grant.…`.
    """
    keyid = answer.keyid or ""
    if await hub.recorder.is_replay(
        keyid, answer.nonce or ""
    ):  # sealing would be too late: the address would be used up
        answer.nonce = None
        raise Denied("nonce.replayed", keyid=keyid)
    row = await _in_transaction(lambda session: certificate_copies.find(session, address, answer.application_id or ""))
    answer.grant_id, answer.library, answer.facts = row.grant_id, LIBRARY, {"copy": row.id}
    answer.purpose = {"service_item": row.service_item_id} | ({"case": row.case_number} if row.case_number else {})
    asker = answer.application_id or ""
    permit = check_grant(await hub.permit(row.grant_id, asker), asker, LIBRARY)
    check_mode(permit, "query")
    items = choose_items(permit, ["file_digest"])
    held = (await _held(hub, permit, "identifier", ((row.entry,), items))).get(row.entry, [({}, "not_found")])
    if held[0][1] != "valid" or held[0][0]["file_digest"] != row.file_digest:
        raise Denied("certificate.not_valid", status=held[0][1])
    answer.subjects = [subject_hash(hub.secret, LIBRARY, row.entry)]
    answer.batches = await records.batches_of(hub.names, items, [held[0][0]])
    answer.raw = await _in_transaction(lambda session: _make(session, row.id, answer.request_id))
    answer.content_type = "application/pdf"


def _make(session: Session, copy_id: str, request_id: str) -> bytes:
    return certificate_copies.make(session, certificate_copies.take(session, copy_id, request_id))


async def _know(hub: Hub, answer: Answer) -> None:
    if answer.request.query:
        raise Invalid("request.malformed", where="the query string", reason="none is known here")
    await questions.know(hub, answer)


async def _open(hub: Hub, answer: Answer, what: tuple[Permit, Sequence[GrantedItem], tuple[str, ...]]) -> None:
    """Check the keys' number, set the quota aside and begin the answer; what is asked for goes into the evidence."""
    permit, items, keys = what
    delivery.check_keys(delivery.Lookup(permit, tuple(items), keys, "entry"))
    versions = sorted({item.version for item in items})
    answer.document = {"library": LIBRARY, "grant": permit.id, "directory_versions": versions}
    answer.directory_versions = versions
    answer.use = await hub.quota.reserve(permit, len(keys))
    answer.subjects = [subject_hash(hub.secret, LIBRARY, key) for key in keys]


async def _held(
    hub: Hub, permit: Permit, way: str, what: tuple[Sequence[str], Sequence[GrantedItem]]
) -> dict[str, list[tuple[Any, str]]]:
    """Return the certificates of each key with how they stand, best first; those outside the grant's rows are not there. what: keys and items."""
    column, day, (keys, items) = _COLUMNS[way], today(), what
    rows = await hub.prepared.fetch(_statement(column, columns(permit, items)), list(keys))
    found: dict[str, list[tuple[Any, str]]] = defaultdict(list)
    for row in admitted(permit, rows):
        found[row[column]].append((row, standing.judge(row, row["newer"], day)[0]))
    for held in found.values():
        held.sort(key=lambda one: _BEST.index(one[1]))
    return found


def _statement(column: str, attributes: tuple[str, ...]) -> str:
    spec = library(LIBRARY)
    names = dict.fromkeys((column, "subject", "entry", "state", "valid_until", *attributes, "sources", "batches"))
    listed = ", ".join(f"c.{name}" for name in names)
    newest = f"SELECT max(newer) FROM ({serving.newer_versions(spec, row='c.')}) AS newest"  # noqa: S608 - names of our own definition only
    return f"SELECT {listed}, ({newest}) AS newer FROM library.{LIBRARY} c WHERE c.{column} = ANY($1::text[]) ORDER BY c.entry"  # noqa: S608


def _verdict(held: Sequence[tuple[Any, str]], values: dict[str, Any]) -> dict[str, Any]:
    """Return status and yes or no per value; only valid certificates are compared, and one that fits is enough."""
    status = held[0][1] if held else "not_found"
    valid = [row for row, one in held if one == "valid"]
    matches = {name: any(records.is_same(row[name], value) for row in valid) for name, value in values.items()}
    return {"found": status != "not_found", "status": status, "matches": matches}


async def _in_transaction(work: Callable[[Session], Done]) -> Done:
    def do() -> Done:
        with transaction("exchange") as session:
            return work(session)

    return await asyncio.to_thread(do)
