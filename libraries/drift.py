"""Why: an unknown, missing, renamed or retyped column must stop a batch by name before a row of it is believed; nothing is guessed, but the line that
would mend the binding is proposed. Only `libraries.collection` comes here.
"""

from collections.abc import Iterable, Mapping
from difflib import SequenceMatcher

from schemas.errors import Terminal
from schemas.resource import Source


def require_known_columns(resource_id: str, source: Source, found: Iterable[str]) -> None:
    """Hold the source's columns against the binding. Raises Terminal `landing.schema_drift` naming unknown and missing columns and a proposal."""
    names = set(found)
    unknown = sorted(names - set(source.mapping) - set(source.ignore))
    missing = sorted(set(source.mapping) - names)
    if unknown or missing:
        changes = [f"+ {name}" for name in unknown] + [f"- {name}" for name in missing]
        raise Terminal(
            "landing.schema_drift",
            resource=resource_id,
            changes=", ".join(changes),
            proposal=_proposal(source, unknown, missing),
        )


def require_same_types(resource_id: str, found: Mapping[str, str], before: Mapping[str, str]) -> None:
    """Hold the delivered types (item → type) against the last merged batch of the same version. Raises Terminal `landing.schema_drift`."""
    changed = sorted(item for item in found.keys() & before.keys() if found[item] != before[item])
    if changed:
        changes = ", ".join(f"{item}: {before[item]} → {found[item]}" for item in changed)
        raise Terminal(
            "landing.schema_drift",
            resource=resource_id,
            changes=changes,
            proposal=f"a new version of {resource_id} that confirms the types",
        )


def _proposal(source: Source, unknown: list[str], missing: list[str]) -> str:
    lines = []
    left = list(missing)
    for name in unknown:
        near = max(left, key=lambda old, new=name: SequenceMatcher(None, old, new).ratio(), default=None)  # type: ignore[misc]
        if near is not None:
            left.remove(near)
            lines.append(f"mapping: {{{name}: {source.mapping[near]}}} (instead of {near})")
        else:
            lines.append(f"ignore: [{name}]")
    lines += [f"without mapping {name}: {source.mapping[name]}" for name in left]
    return "; ".join(lines)
