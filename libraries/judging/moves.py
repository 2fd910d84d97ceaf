"""Why: an entry that was withdrawn or repaired must not come back because a lagging source still calls it valid: the most recent word would win. A rule of
kind `state_moves` holds delivered states against the entry's present one and the table of `libraries.states`, a row group at a time and set-based.
Called by `libraries.judging.screening`. Where the present state is a steward's ruling it says nothing: the ruling wins anyway.
"""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import String, bindparam, func, select
from sqlalchemy.dialects.postgresql import ARRAY

from catalog.rules import Rule
from libraries.claims import RULING
from libraries.frames import Frame
from libraries.states import EXPIRED, MOVES, VALID, may_become
from libraries.texts import Flags, flags
from schemas.database import transaction
from schemas.errors import Terminal
from schemas.library import Library, library
from schemas.tables.library import golden_table


def forbidden(rule: Rule, frame: Frame) -> Flags:
    """Return which rows state what their entry may not become any more. The rule's item is the one that feeds the state.

    Raises Terminal `quality.bad_rule`.
    """
    spec, found = _register_of(rule, frame), np.zeros(frame.rows, np.bool_)
    keys, states = _keys(spec, frame), frame.texts(rule.items[0])
    present = _present(spec, keys.drop_null().to_pylist())
    if present:
        ended = flags(pc.is_in(keys, value_set=pa.array(list(present), pa.string())))
        for row in np.flatnonzero(ended):
            found[row] = not _may_become(present[keys[row].as_py()], states[row].as_py())
    return found


def _may_become(before: str, after: str | None) -> bool:
    """A code that no table knows is another rule's to find; a missing one would make the entry valid."""
    return may_become(before, after) or not (after is None or after in MOVES)


def _keys(spec: Library, frame: Frame) -> Any:
    """Return the entries' keys; null where a part is missing."""
    fed = {item.attribute: item.id for item in frame.document.items if item.attribute}
    parts = [frame.texts(fed[name]) for name in (spec.entry.from_ if spec.entry else ())]
    return pc.binary_join_element_wise(*parts, "/")


def _present(spec: Library, keys: list[str]) -> dict[str, str]:
    """Return the states of those entries that are neither valid nor over by date: from all others every move is allowed."""
    golden = golden_table(spec.library).c
    place = spec.attribute_ids.index("state") + 1
    asked = select(func.unnest(bindparam("asked", type_=ARRAY(String))).label("entry")).subquery()
    query = (
        select(golden.entry, golden.state)
        .where(golden.entry == asked.c.entry, golden.state.not_in((VALID, EXPIRED)))
        .where(golden.sources[place] != RULING)
    )
    with transaction("ingest") as session:
        return {row[0]: row[1] for row in session.execute(query, {"asked": keys})}


def _register_of(rule: Rule, frame: Frame) -> Library:
    name: Any = frame.document.library
    fed = {item.attribute for item in frame.document.items} | {None}
    if name != "credit" or not {"state", *(library(name).entry.from_ if library(name).entry else ())} <= fed:  # type: ignore[union-attr]
        reason = "state_moves is for resources that feed the credit register's key and state"
        raise Terminal("quality.bad_rule", rule=rule.id, resource=frame.document.id, reason=reason)
    return library(name)
