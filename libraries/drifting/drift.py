"""Why: an unknown, missing, renamed or retyped column must stop a batch by name before a row of it is believed; nothing is guessed, but the line that
would mend the binding is proposed. `libraries.collecting.collection` comes here; `libraries.drifting.drift_proposals` reads what is said here back.
"""

import json
from collections.abc import Iterable, Mapping
from difflib import SequenceMatcher

import pyarrow as pa

from schemas.errors import Terminal
from schemas.resource import Source

CODE = "landing.schema_drift"
ALIKE = 0.5  # of two names, above which one may be the other renamed


def require_known_columns(resource_id: str, source: Source, found: pa.Schema | Iterable[str]) -> None:
    """Hold the source's columns against the binding. Raises Terminal `landing.schema_drift` naming unknown and missing columns and a proposal.

    found: the schema as the source describes it, or only its names. The error's fact `columns` keeps it as JSON (name → type) for the new version.
    """
    types = {one.name: str(one.type) for one in map(_field, found)}
    unknown = sorted(types.keys() - set(source.mapping) - set(source.ignore))
    missing = sorted(set(source.mapping) - types.keys())
    if unknown or missing:
        changes = [f"+ {name}" for name in unknown] + [f"- {name}" for name in missing]
        raise Terminal(
            CODE,
            resource=resource_id,
            changes=", ".join(changes),
            proposal=_proposal(source, unknown, missing),
            columns=json.dumps(types, ensure_ascii=False),
        )


def require_same_types(resource_id: str, found: Mapping[str, str], before: Mapping[str, str]) -> None:
    """Hold the delivered types (item → type) against the last merged batch of the same version. Raises Terminal `landing.schema_drift`."""
    changed = sorted(item for item in found.keys() & before.keys() if found[item] != before[item])
    if changed:
        changes = ", ".join(f"{item}: {before[item]} → {found[item]}" for item in changed)
        raise Terminal(
            CODE,
            resource=resource_id,
            changes=changes,
            proposal=f"a new version of {resource_id} that confirms the types",
            types=json.dumps({item: found[item] for item in changed}),
        )


def renamings(unknown: Iterable[str], missing: Iterable[str]) -> dict[str, str]:
    """Return new column → former column where one may be the other renamed: the most alike names first; one new and one lost column are a pair."""
    new, old = sorted(unknown), sorted(missing)
    alike = sorted(((_likeness(one, other), one, other) for one in new for other in old), key=lambda of: -of[0])
    pairs: dict[str, str] = {}
    for likeness, one, other in alike:
        if likeness >= ALIKE and one not in pairs and other not in pairs.values():
            pairs[one] = other
    left = [one for one in new if one not in pairs], [other for other in old if other not in pairs.values()]
    if len(left[0]) == len(left[1]) == 1:
        pairs[left[0][0]] = left[1][0]
    return pairs


def is_sure(new: str, former: str) -> bool:
    """Return whether two names are alike enough to be one column's, and not only what was left over."""
    return _likeness(new, former) >= ALIKE


def _field(one: pa.Field | str) -> pa.Field:
    return one if isinstance(one, pa.Field) else pa.field(one, pa.string())


def _likeness(one: str, other: str) -> float:
    """Return from 0 to 1 how alike two names are; an abbreviation (xm of xingming, dh of dh_mobile) counts as alike."""
    short, long = sorted((one.lower(), other.lower()), key=len)
    letters = iter(long)
    is_short_for = len(short) > 1 and short[0] == long[0] and all(letter in letters for letter in short)
    return max(SequenceMatcher(None, short, long).ratio(), ALIKE if is_short_for else 0)


def _proposal(source: Source, unknown: list[str], missing: list[str]) -> str:
    renamed = renamings(unknown, missing)
    lines = [
        f"mapping: {{{name}: {source.mapping[renamed[name]]}}} (instead of {renamed[name]})"
        if name in renamed
        else f"ignore: [{name}]"
        for name in unknown
    ]
    lines += [f"without mapping {name}: {source.mapping[name]}" for name in missing if name not in renamed.values()]
    return "; ".join(lines)
