"""Why: who asks. A key belongs to one application system and means one algorithm; both are looked up here, never taken from the wire.
Called by delivery. Registration of applications and their keys is the desk `applications`.
"""

import json
import math
import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from exchange_api.remembered import Remembered
from exchange_api.signing import PublicKey, Request, VerifiedRequest, confirm_claim, public_key_from_jwk, read_claim

FIND_KEY = """SELECT application_id, algorithm, public_jwk, extract(epoch FROM expires_at)::float8 AS expires FROM exchange.application_keys
    WHERE keyid = $1 AND state = 'active'"""


@dataclass(frozen=True, slots=True)
class RegisteredKey:
    """An application's active key; expires: Unix seconds from which on it signs nothing more."""

    application_id: str
    key: PublicKey
    expires: float = math.inf


@dataclass(slots=True)  # not frozen: made for every answer, and a frozen one takes five times as long to make
class Caller:
    """Who asked, with the checked question."""

    application_id: str
    verified: VerifiedRequest


async def authenticate(request: Request, keys: Remembered[str, RegisteredKey], authorities: Collection[str]) -> Caller:
    """Check signature, digest, clock, nonce's form, key and authority of a question; raises Denied with the code of the failing step."""
    now = time.time()
    claim = read_claim(request, now, authorities)
    registered = await keys.get(claim.keyid)
    if registered is not None and registered.expires <= now:
        registered = None
    verified = confirm_claim(claim, request, registered.key if registered else None)
    assert registered is not None
    return Caller(registered.application_id, verified)


async def load_key(pool: Any, keyid: str) -> RegisteredKey | None:
    """Return an active key from the database, or None when there is none or its algorithm is not the one it was registered with."""
    row = await pool.fetchrow(FIND_KEY, keyid)
    if row is None:
        return None
    key = public_key_from_jwk(json.loads(row["public_jwk"]), keyid)
    expires = math.inf if row["expires"] is None else row["expires"]
    return RegisteredKey(row["application_id"], key, expires) if key.algorithm == row["algorithm"] else None
