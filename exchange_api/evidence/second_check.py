"""Why: an answer that carries an SM2 signature beside the first is only whole when both hold; a machine without SM2 says that it did not look.
Called by `receipt_checks`; needs neither network nor database.
"""

from collections.abc import Mapping
from typing import Any

from exchange_api.signing import Request, Response
from exchange_api.signing.responses import second_keyid, verify_second_signature
from exchange_api.signing.sm2 import is_sm2, sm2_key_from_jwk
from schemas.errors import Denied, Transient


def told_by_second(response: Response, request: Request, trusted: Mapping[str, Mapping[str, Any]]) -> str:
    """Return what the second signature adds in words, empty when there is none; `trusted` holds the trust root's keys by id.

    ValueError when it does not hold, Denied when it is not in form.
    """
    keyid = second_keyid(response)
    if keyid is None:
        return ""
    jwk = dict(trusted.get(keyid, {}))
    if not is_sm2(jwk):
        raise Denied("signature.unknown_key", keyid=keyid)
    try:
        key = sm2_key_from_jwk(jwk, keyid)
    except Transient:
        return f"; its SM2 signature by {keyid} was not checked: this machine's libcrypto has no SM2"
    made = verify_second_signature(response, request, lambda _: key)
    begin, end = jwk.get("hutong:not_before", 0), jwk.get("hutong:not_after")
    if made is None or made < begin - 5 or (end is not None and made > end + 5):
        raise ValueError(f"SM2 key {keyid} was not in use at {made}")
    return f", and by SM2 with key {keyid}"
