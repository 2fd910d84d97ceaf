"""Why: where a member is named twice, readers of JSON differ in which one they take (RFC 8259 §4): what a gateway, a filter or a court's expert reads in a
signed question must be what the hub answered. So such a body is refused, and so is what only looks like JSON. Called by `questions` and `legacy`.
"""

import json
from typing import Any

import orjson

from schemas.errors import Invalid


def require_strict(body: bytes) -> None:
    """Refuse a body that is no JSON (RFC 8259), or names a member twice. Raises Invalid `request.not_json`, `request.duplicate`.

    Without escapes, quotes stand only around texts: when reading and writing again loses none, no member was lost. That costs a microsecond; all
    else is read with care.
    """
    if b"\\" not in body:
        try:
            if orjson.dumps(orjson.loads(body)).count(b'"') == body.count(b'"'):
                return
        except orjson.JSONDecodeError:
            pass
        except TypeError:  # a number that cannot be written again
            pass
    try:
        json.loads(body.decode("utf-8"), object_pairs_hook=_once, parse_constant=_refuse)
    except (ValueError, RecursionError) as wrong:
        raise Invalid("request.not_json") from wrong


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise Invalid("request.duplicate")
    return members


def _refuse(_: str) -> None:
    raise ValueError("no number of JSON")
