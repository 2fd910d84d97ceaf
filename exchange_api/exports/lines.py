"""Why: a line of JSON per row, written one by one, costs ten times what the row cost to read. Here whole Arrow columns become lines at once; what JSON has to
escape or to spell in its own way, orjson spells, once per different value. Called by `writing`; pure, and held against orjson by a test over any values.
"""

from collections.abc import Set
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from exchange_api.exports.columns import once_each

_WHOLE = 2**63
_ESCAPED = r'["\\\x00-\x1f]'


def json_lines(rows: Any, lead: int, fragments: Set[str] = frozenset()) -> Any:
    """Return a text array of lines: the first `lead` columns as members, the others under `values`; fragments: columns that are JSON already."""
    parts: list[Any] = []
    text = "{"
    for place, name in enumerate(rows.schema.names):
        text += '"values":{' if place == lead else ""
        column, is_bare = _spelled(rows.column(place), is_json=name in fragments)
        mark = '"' if is_bare else ""
        parts += [f"{text}{orjson.dumps(name).decode()}:{mark}", column]
        text = f"{mark},"
    parts.append(f"{text[:-1]}}}}}\n" if lead < rows.num_columns else f'{text}"values":{{}}}}\n')
    return pc.binary_join_element_wise(*parts, "", null_handling="replace", null_replacement="null")


def _spelled(column: Any, *, is_json: bool) -> tuple[Any, bool]:
    """Return a column as JSON, and whether the quotation marks around its values are still missing."""
    if is_json:
        return column, False
    if pa.types.is_floating(column.type):
        return _numbers(column), False
    text = column.cast(pa.string())
    if pc.any(pc.match_substring_regex(text, _ESCAPED)).as_py():
        return once_each(text, lambda one: orjson.dumps(one).decode()), False
    return (text, True) if not text.null_count else (pc.binary_join_element_wise('"', text, '"', ""), False)


def _numbers(column: Any) -> Any:
    coded = pc.dictionary_encode(column)
    return pa.array([_number(one) for one in coded.dictionary.to_pylist()], pa.string()).take(coded.indices)


def _number(one: float) -> str:
    """Spell a number as answers do: whole ones without a point, as far as JSON's readers hold them exactly."""
    return orjson.dumps(int(one) if one.is_integer() and abs(one) < _WHOLE else one).decode()
