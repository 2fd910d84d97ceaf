"""Why: an entry's state moves one way: what is withdrawn or repaired does not become valid again by a slip of a source's hand. The states and their moves are
one table; the rule `state_moves` of a resource holds delivered rows against it, the view says by it where an entry stands on a day.

Codes are those of `schemas/codes/credit_entry_state.yml`. Pure; anyone in the libraries may call it.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

VALID, EXPIRED, REVOKED, SUPERSEDED, WITHDRAWN, REPAIRED = "01", "02", "03", "04", "05", "06"
MOVES: Mapping[str, frozenset[str]] = {
    VALID: frozenset({EXPIRED, REVOKED, SUPERSEDED, WITHDRAWN, REPAIRED}),
    # a permit is extended under its own number; what was published may be found unlawful or repaired after its time
    EXPIRED: frozenset({VALID, REVOKED, SUPERSEDED, WITHDRAWN, REPAIRED}),
    REVOKED: frozenset({WITHDRAWN}),  # revoked by decision, then taken out of publication
    SUPERSEDED: frozenset({WITHDRAWN}),
    REPAIRED: frozenset({WITHDRAWN}),  # the decision itself may fall after its repair
    WITHDRAWN: frozenset(),
}
"""From each state, the states it may become; staying is always allowed. A decision taken anew has a number of its own."""

_SINCE = {WITHDRAWN: "withdrawn_on", REPAIRED: "repaired_on"}
_FINAL = (WITHDRAWN, REVOKED, SUPERSEDED, REPAIRED)  # what weighs most first
_ENDS = ("valid_until", "publication_until")


def may_become(before: str | None, after: str | None) -> bool:
    """Tell whether an entry may go from one state to another; no state counts as valid."""
    start, end = before or VALID, after or VALID
    return start == end or end in MOVES.get(start, frozenset())


def standing(entry: Mapping[str, Any], day: date) -> str:
    """Return an entry's state on a day: what its source states, not before the day it names for it, and what its own dates make of it.

    entry: the columns `state`, `valid_until`, `publication_until`, `withdrawn_on`, `repaired_on`; a missing state is valid.
    """
    stated = entry["state"] or VALID
    reached = {state for state, name in _SINCE.items() if entry[name] is not None and entry[name] <= day}
    since = entry[_SINCE[stated]] if stated in _SINCE else None
    if since is None or since <= day:
        reached.add(stated)
    if final := next((state for state in _FINAL if state in reached), None):
        return final
    ends = [entry[name] for name in _ENDS if entry[name] is not None]
    if ends:
        return EXPIRED if min(ends) < day else VALID
    return EXPIRED if stated == EXPIRED else VALID
