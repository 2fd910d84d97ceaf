"""Why: witnesses and time stamping authorities are other bureaus' machines: each may be away, slow or wrong, and none may hold the log up. Called by
`vouching`: one POST with a limit on time and size.
"""

import time
from dataclasses import dataclass
from urllib.parse import urlsplit

import requests

from schemas.errors import Transient

MOST_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back."""

    status: int
    body: bytes


def post(url: str, body: bytes, content_type: str, seconds: float) -> Reply:
    """Post and return the reply, following no redirect; raises Transient evidence.voucher_away when it does not come whole in time."""
    begun = time.monotonic()
    address = urlsplit(url).netloc.rpartition("@")[2]
    try:
        with requests.post(
            url, data=body, headers={"content-type": content_type}, timeout=seconds, stream=True, allow_redirects=False
        ) as answer:
            found = b""
            for piece in answer.iter_content(4_096):
                found += piece
                if len(found) > MOST_BYTES or time.monotonic() - begun > seconds:
                    raise Transient("evidence.voucher_away", address=address)
            return Reply(answer.status_code, found)
    except (requests.RequestException, ValueError) as away:  # ValueError: an address that is none
        raise Transient("evidence.voucher_away", address=address) from away
