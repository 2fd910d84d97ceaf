"""Why: an expired, withdrawn or repaired entry must stop being handed out by itself, at midnight in China and without any job, so the rule is a condition
on the entry's own row. It is declared with the library (`serving`); the exchange asks with it, stewards are told by it why an entry is not served.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

from schemas.library import Library, Serving

TODAY = "(now() AT TIME ZONE INTERVAL '08:00')::date"
"""The current day in China (`schemas.calendar.CHINA`) as the server knows it; needs no time zone names there."""


def condition(spec: Library, day: str = TODAY, row: str = "", among: str | None = None) -> str:
    """Return the SQL condition under which an entry is served on a day; "true" where the library declares nothing.

    day: SQL of type date, a parameter or TODAY; row: the row's name in the statement with its dot, if it has one; among: where newer versions are
    looked for, the golden records if not said. An entry is served on its last day.
    """
    if spec.serving is None:
        return "true"
    rule = spec.serving
    states = ", ".join(f"'{state}'" for state in rule.states)
    by_state = f"{row}{rule.state} IN ({states})"
    if not rule.is_state_required:
        by_state = f"({row}{rule.state} IS NULL OR {by_state})"
    ends = [f"({row}{name} IS NULL OR {row}{name} >= {day})" for name in rule.until]
    newest = [f"NOT EXISTS ({newer_versions(spec, day, row, among)})"] if spec.versions else []
    return " AND ".join([by_state, *ends, *newest])


def newer_versions(spec: Library, day: str = TODAY, row: str = "", among: str | None = None) -> str:
    """Return the SELECT of the keys (`newer`) of newer versions of an entry that are in force on a day: one range of the primary key.

    Whatever became of the newer one since, the older does not come back: it was replaced, not interrupted. `row` and `among` as in `condition`.
    """
    rule = spec.versions
    assert rule is not None
    drafts = ", ".join(f"'{state}'" for state in rule.drafts)
    # columns are renamed, so that the row's own may stand without the name of its table
    known = f"SELECT entry AS newer, {rule.state} AS its_state, {rule.from_} AS its_from FROM {among or f'library.{spec.library}'} AS held_too"  # noqa: S608 - names of our own definition only
    return (
        f"SELECT newer FROM ({known}) AS versions WHERE newer > {row}entry"  # noqa: S608
        f" AND newer <= left({row}entry, -{rule.suffix}) || '{rule.last}' AND length(newer) = length({row}entry)"
        f" AND length({row}entry) > {rule.suffix}"
        f" AND (its_state IS NULL OR its_state NOT IN ({drafts})) AND (its_from IS NULL OR its_from <= {day})"
    )


def why_not(spec: Library, entry: Mapping[str, Any], day: date) -> str | None:
    """Return the attribute that keeps an entry from being served on a day, None when it is served: the rule of `condition` in words."""
    rule = spec.serving
    if rule is None:
        return None
    if not _is_state_served(rule, entry[rule.state]):
        return rule.state
    return next((name for name in rule.until if entry[name] is not None and entry[name] < day), None)


def _is_state_served(rule: Serving, state: str | None) -> bool:
    return not rule.is_state_required if state is None else state in rule.states
