"""Why: an old answer can be held against what the hub says it believed then. A receipt names question, forms and moment; the same is looked up again as of that
moment, shown in the forms of then, and compared by digest. Called by `hutong record replay`; it reads the database and asks no grant, for nothing is handed
out: only which parts differ is said, never a value.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import asyncpg  # type: ignore[import-untyped]
import orjson

from exchange_api import records
from exchange_api.evidence.canonical import parse_strict
from exchange_api.find import By, Finder, Names, Wanted
from exchange_api.grant.rows import compile_rows
from exchange_api.grant.terms import RowRule
from exchange_api.masking import compile_mask
from exchange_api.moments import Moments, Time
from exchange_api.permit import GrantedItem, Permit, admitted, columns
from exchange_api.prepared import Prepared
from schemas.database import database_url, libpq_uri
from schemas.errors import Invalid, Transient
from schemas.library import Library, library

_NEEDED = ("library", "grant", "records", "records_digest", "known_at", "items", "receipt")


@dataclass(frozen=True)
class Replay:
    """How a repetition went. digests: stated in the receipt, and of what is found now; differing: which parts of which record, by place from 1."""

    receipt: str
    known_at: str
    as_of: str | None
    stated: str
    found: str
    differing: tuple[str, ...]

    @property
    def is_same(self) -> bool:
        """Tell whether the very same was found."""
        return self.stated == self.found and not self.differing


def replay(data: bytes) -> Replay:
    """Ask the question of a receipt file again as of its moment and compare. Raises Invalid `replay.not_records`, `replay.no_bodies`, and Transient
    `database.unreachable`.
    """
    question, answer = _read(data)
    try:
        told = asyncio.run(_ask_again(question, answer))
    except (OSError, asyncpg.PostgresConnectionError) as failure:
        url = database_url("reader")
        raise Transient("database.unreachable", address=f"{url.host}:{url.port or 5432}") from failure
    differing = [*_differing(answer["records"], told)]
    if records.digest_of(answer["records"]) != answer["records_digest"]:
        differing.append("records_digest")
    return Replay(
        answer["receipt"], answer["known_at"], answer.get("as_of"), answer["records_digest"], records.digest_of(told),
        tuple(differing),
    )  # fmt: skip


def _read(data: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    try:
        members = parse_strict(data)
        bodies = [members[part]["body"] for part in ("request", "response")]
    except (ValueError, KeyError, TypeError, RecursionError) as wrong:
        raise Invalid("replay.not_records", reason="not a receipt file") from wrong
    if None in bodies:
        raise Invalid("replay.no_bodies")
    try:
        question, answer = (orjson.loads(body["text"]) for body in bodies)
    except (KeyError, TypeError, ValueError) as wrong:
        raise Invalid("replay.not_records", reason="its bodies are not JSON") from wrong
    if missing := [name for name in _NEEDED if name not in answer]:
        raise Invalid("replay.not_records", reason=f"the answer has no {missing[0]}")
    return question, answer


async def _ask_again(question: Mapping[str, Any], answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    spec = library(answer["library"])
    items = _items(spec, answer["items"])
    by: By = "entry" if question.get("identifiers") else "subject"
    keys = tuple(question["identifiers"] if by == "entry" else _subjects(question, answer))
    permit = _permit(spec, answer, items)
    wanted: Wanted = (spec.library, columns(permit, items), by)
    as_of = date.fromisoformat(answer["as_of"]) if answer.get("as_of") else None
    time = Time(as_of, datetime.fromisoformat(answer["known_at"]))
    async with asyncpg.create_pool(libpq_uri("reader"), min_size=1, max_size=2) as pool:
        names, prepared = Names(pool), Prepared(pool, 1)
        rows = admitted(permit, (await Moments(Finder(prepared), prepared).read(wanted, keys, time))[0])
        await records.batches_of(names, items, rows)
        await prepared.close()
    return records.describe(names, permit, items, (keys, by), rows)


def _subjects(question: Mapping[str, Any], answer: Mapping[str, Any]) -> list[str]:
    """Return whom was asked about; a question through the legacy door names them in words of its own, and the answer repeats them in their order."""
    return question.get("subjects") or list(dict.fromkeys(record["subject"] for record in answer["records"]))


def _items(spec: Library, forms: Mapping[str, Any]) -> tuple[GrantedItem, ...]:
    places = {name: place for place, name in enumerate(spec.attribute_ids)}
    return tuple(
        GrantedItem(name, forms[name], compile_mask(spec.attribute(name), forms[name]), places[name], "")
        for name in sorted(forms, key=places.__getitem__)
    )


def _permit(spec: Library, answer: Mapping[str, Any], items: Sequence[GrantedItem]) -> Permit:
    """Return the grant as far as the answer shows it: forms, rules on rows, whether sources were told, whether an entry's key was."""
    rules = tuple(RowRule.model_validate(rule) for rule in answer.get("rows", ()))
    told = answer["records"]
    granted = {item.attribute: item for item in items}
    if spec.entry and any("entry" in record for record in told):
        granted |= {item.attribute: item for item in _items(spec, dict.fromkeys(spec.entry.from_, "full"))}
    return Permit(
        id=answer["grant"], application_id="", library=spec.library, service_item_id="", state="", suspended_by=(),
        is_case_required=False, is_source_shown=any("sources" in record for record in told), quota_per_day=0,
        subjects_per_call=0, valid_from=date.min, valid_until=date.max, items=granted, rows=rules,
        admits=compile_rows(rules),
    )  # fmt: skip


def _differing(then: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return which parts differ: "2.values.name" is the name in the second record."""
    now = orjson.loads(orjson.dumps(now))
    found = [f"{place}.{part}" for place, pair in enumerate(zip(then, now, strict=False), 1) for part in _parts(*pair)]
    return [*found, f"records ({len(then)} ≠ {len(now)})"] if len(then) != len(now) else found


def _parts(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    parts: list[str] = []
    for name in sorted(then.keys() | now.keys()):
        before, after = then.get(name), now.get(name)
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            inner = sorted(before.keys() | after.keys())
            parts += [f"{name}.{one}" for one in inner if before.get(one) != after.get(one)]
        elif before != after:
            parts.append(name)
    return parts
