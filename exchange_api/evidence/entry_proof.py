"""Why: an entry of the log with its proof of inclusion is evidence by itself, of officers' deeds too, which are no answers and have no receipt. Pure; called by
`receipt` and by whoever must tell such a file from a receipt.
"""

import json
from collections.abc import Mapping
from typing import Any

from exchange_api.evidence.receipt_checks import Broken, Receipt, trusted
from exchange_api.signing import Request, Response

FORMAT = "hutong-entry/1"
MEMBERS = {"entry", "proof"}


def is_one(data: bytes) -> bool:
    """Say whether a file is an entry with its proof, and no receipt: neither question nor answer is in it."""
    try:
        found: Any = json.loads(data)
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and found.keys() - {"stamp"} == MEMBERS


def read(data: bytes, jwks: Mapping[str, Any]) -> Receipt:
    """Parse the file and the trust root beside it; ValueError or Broken when either is not in form. Spaces and order are free: the leaf is spelled anew."""
    found = json.loads(data, object_pairs_hook=_unique, parse_float=_refuse, parse_constant=_refuse)
    if not isinstance(found, dict) or found.keys() - {"stamp"} != MEMBERS:
        raise Broken("the file does not hold exactly: entry, proof")
    entry, proof, stamp = found["entry"], found["proof"], found.get("stamp")
    if (
        not isinstance(entry, dict)
        or entry.get("format") != FORMAT
        or not isinstance(proof, str)
        or not isinstance(stamp, str | None)
    ):
        raise Broken("a member is of the wrong kind")
    keys, periods = trusted(jwks)
    nothing = Request("", "", "", "", {}, b""), Response(0, {}, b"")
    return Receipt(*nothing, None, None, entry, proof, keys, periods, "stamp" in found, stamp)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Broken("a key stands twice in one object")
    return found


def _refuse(text: str) -> Any:
    raise Broken(f"{text} is not an integer")
