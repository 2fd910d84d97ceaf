"""Why: evidence has one spelling. Canonical JSON out (RFC 8785, integers only) and a reader that refuses every other spelling. Pure, standard library."""

import json
from typing import Any

_ENCODER = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)


def canonical_json(value: Any) -> bytes:
    """Return canonical JSON in UTF-8: sorted keys, no spaces, no needless escapes."""
    return _ENCODER.encode(value).encode("utf-8")


def parse_strict(data: bytes) -> dict[str, Any]:
    """Return the object in a canonical file (one newline at its end); ValueError for any other spelling, duplicate keys, floats."""
    try:
        value = json.loads(
            data.decode("utf-8"), object_pairs_hook=_unique, parse_float=_refuse_number, parse_constant=_refuse_number
        )
    except UnicodeDecodeError as wrong:
        raise ValueError("the file is not UTF-8") from wrong
    except json.JSONDecodeError as wrong:
        raise ValueError(f"the file is not JSON: {wrong.msg} at {wrong.pos}") from wrong
    if not isinstance(value, dict):
        raise ValueError("the file holds no JSON object")
    if canonical_json(value) + b"\n" != data:
        raise ValueError("the file is not in canonical form (sorted keys, no spaces, one newline at the end)")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _refuse_number(text: str) -> Any:
    raise ValueError(f"{text} is not an integer")
