"""Why: from stored rows to what the answer says of them: masked values, source and batch per attribute, or yes/no against claims. Called by delivery."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

import orjson

from exchange_api.find import By, Names
from exchange_api.permit import GrantedItem, Permit
from schemas.geometry import canonical_of
from schemas.library import Library, library
from schemas.messages.exchange import ClaimedValues

Describe = Callable[[Any], dict[str, Any]]
_TOLD_BY: dict[By, str] = {"subject": "subject", "entry": "identifier"}
"""A record is told under the key it was asked by: whoever knows a certificate's identifier is not told its holder's code."""


def describe(
    names: Names, permit: Permit, items: Sequence[GrantedItem], keys: tuple[Sequence[str], By], rows: Sequence[Any]
) -> list[dict[str, Any]]:
    """Return the answer's records in the order asked: one per row, and one saying `found: false` per key without any. `batches_of` goes before."""
    asked, by = keys
    found = _by_key(rows, by)
    describe_one, told_by = _describer(names, permit, items, by), _TOLD_BY[by]
    told: list[dict[str, Any]] = []
    for key in asked:
        here = found.get(key)
        told.extend([describe_one(row) for row in here] if here else [{told_by: key, "found": False}])
    return told


async def batches_of(names: Names, items: Sequence[GrantedItem], rows: Sequence[Any]) -> list[str]:
    """Return the ids of the batches the handed-out values came from (evidence, and the way of a recall); learns all names the answer needs."""
    places = [item.position for item in items]
    resources = {row["sources"][at] for row in rows for at in places} - {None}
    batches = {row["batches"][at] for row in rows for at in places} - {None}
    if not (resources <= names.resources.keys() and batches <= names.batches.keys()):
        await names.learn(resources, batches)
    return sorted(names.batches.get(number, str(number)) for number in batches)


def digest_of(told: Sequence[Mapping[str, Any]]) -> str:
    """Return the SHA-256 (hex) of an answer's records as JSON with sorted keys: equal for equal records, whenever and wherever they were asked for."""
    return spelled_of(told)[1]


def spelled_of(told: Sequence[Mapping[str, Any]]) -> tuple[bytes, str]:
    """Return an answer's records as JSON with sorted keys, and the SHA-256 (hex) of it."""
    spelled = orjson.dumps(told, option=orjson.OPT_SORT_KEYS)
    return spelled, hashlib.sha256(spelled).hexdigest()


def compare(spec: Library, claims: Sequence[ClaimedValues], rows: Sequence[Any]) -> list[dict[str, Any]]:
    """Return yes or no per claimed value; nothing known of the subject is no. A register's subject may match in any one entry. A geometry may be
    claimed in any form that sources write.
    """
    found = _by_key(rows, "subject")
    systems = {attribute.id: attribute.crs for attribute in spec.attributes if attribute.type == "geometry"}
    return [
        {
            "subject": claim.subject,
            "found": claim.subject in found,
            "matches": {
                name: any(is_same(row[name], value) for row in found.get(claim.subject, ()))
                for name, value in _canonical(claim.values, systems).items()
            },
        }
        for claim in claims
    ]


def is_same(stored: Any, claimed: Any) -> bool:
    """Compare a stored value with a claimed one: dates in ISO 8601, numbers by value, texts without outer spaces; null only equals null."""
    if stored is None or claimed is None:
        return stored is claimed
    if isinstance(stored, Decimal):
        try:
            return stored == Decimal(str(claimed))
        except InvalidOperation:
            return False
    return str(stored) == str(claimed).strip()


def _canonical(values: Mapping[str, Any], systems: Mapping[str, str]) -> dict[str, Any]:
    """Return claimed values with geometries spelled as the library has them; one that is none stays as it is and matches nothing."""
    return {
        name: (canonical_of(value, systems[name]) or value) if name in systems and value is not None else value
        for name, value in values.items()
    }


def _by_key(rows: Sequence[Any], by: By) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = defaultdict(list)
    for row in rows:
        found[row[by]].append(row)
    return found


def _describer(names: Names, permit: Permit, items: Sequence[GrantedItem], by: By) -> Describe:
    masks = [(item.attribute, item.mask) for item in items]
    positions = [(item.attribute, item.position) for item in items] if permit.is_source_shown else []
    is_entry_shown = by == "subject" and _is_entry_shown(permit)
    told_by = _TOLD_BY[by]

    def describe_one(row: Any) -> dict[str, Any]:
        told: dict[str, Any] = {told_by: row[by], "found": True}
        if is_entry_shown:
            told["entry"] = row["entry"]
        told["values"] = {name: mask(row[name]) for name, mask in masks}
        told["version"], told["recorded_at"] = row["version"], row["recorded_at"].isoformat()
        if positions:
            told["sources"] = _sources(names, positions, row)
        return told

    return describe_one


def _sources(names: Names, positions: list[tuple[str, int]], row: Any) -> dict[str, dict[str, str | None]]:
    sources, batches = row["sources"], row["batches"]
    return {
        name: {"resource": names.resources.get(sources[at]), "batch": names.batches.get(batches[at])}
        for name, at in positions
        if sources[at] is not None
    }


def _is_entry_shown(permit: Permit) -> bool:
    """Say whether the entry's key may be told: only when every attribute it is made of is granted in full."""
    spec = library(permit.library)
    parts = spec.entry.from_ if spec.entry else ()
    return bool(parts) and all(part in permit.items and permit.items[part].form == "full" for part in parts)
