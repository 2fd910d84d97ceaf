"""Why: an answer may carry a second signature, by SM2, under a label and tag of its own: who looks for label `hub` or tag `hub-resp` sees what it always
saw. It covers exactly what the first covers, at the same second. Called by `responses`; keys makes the pair of signers.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from exchange_api.signing.algorithms import Algorithm, HubSigner, PublicKey, decode_base64
from exchange_api.signing.messages import Request, Response, response_base
from schemas.errors import Denied

SECOND_LABEL, SECOND_TAG, SECOND_ALGORITHM = "hub-sm2", "hub-resp-sm2", "sm2-sm3"
_MEMBER = (
    rf', {SECOND_LABEL}=(?P<second>(?P<covered2>\([ -~]+?\));created=(?P<created2>\d{{1,11}});keyid="(?P<keyid2>[!#-\[\]-~]{{1,200}})"'
    rf';alg="{SECOND_ALGORITHM}";tag="{SECOND_TAG}")'
)
INPUT_MEMBER, SIGNATURE_MEMBER = f"(?:{_MEMBER})?", rf"(?:, {SECOND_LABEL}=:(?P<raw2>[A-Za-z0-9+/]{{86}}==):)?"
"""What may follow the first signature in Signature-Input and in Signature."""


class SecondSigner(Protocol):
    """Who signs beside the hub's key."""

    @property
    def keyid(self) -> str:
        """Return the id under which the public part is published."""
        ...

    def sign(self, data: bytes) -> bytes:
        """Return the raw signature, 64 bytes."""
        ...


class SecondKey(Protocol):
    """A key that verifies second signatures."""

    def verify(self, signature: bytes, data: bytes) -> bool:
        """Say whether it is this key's."""
        ...


@dataclass(frozen=True, slots=True)
class PairedSigner:
    """The hub's signer with a second one beside it: alone it is the first."""

    first: HubSigner
    second: SecondSigner

    @property
    def keyid(self) -> str:
        """Return the first key's id."""
        return self.first.keyid

    @property
    def algorithm(self) -> Algorithm:
        """Return the first key's algorithm."""
        return self.first.algorithm

    @property
    def is_slow(self) -> bool:
        """Say whether the first key keeps one waiting."""
        return bool(getattr(self.first, "is_slow", False))

    @property
    def public(self) -> PublicKey:
        """Return the first key's public part."""
        return self.first.public

    def sign(self, data: bytes) -> bytes:
        """Return the first key's signature."""
        return self.first.sign(data)


def second_params(covered: str, created: int, keyid: str) -> str:
    """Return the parameters of a second signature."""
    return f'{covered};created={created};keyid="{keyid}";alg="{SECOND_ALGORITHM}";tag="{SECOND_TAG}"'


def verify_second(
    response: Response, request: Request, found: tuple[str, str, str], find_key: Callable[[str], SecondKey | None]
) -> None:
    """Check a second signature, read as (parameters, key id, base64); raises Denied signature.unknown_key, signature.malformed, signature.wrong."""
    params, keyid, coded = found
    key = find_key(keyid)
    if key is None:
        raise Denied("signature.unknown_key", keyid=keyid)
    try:
        raw = decode_base64(coded)
    except ValueError as wrong:
        raise Denied("signature.malformed", reason="the second signature is not canonical base64") from wrong
    if not key.verify(raw, response_base(response, request, params).encode("latin-1", "replace")):
        raise Denied("signature.wrong", keyid=keyid)


def agrees(read: re.Match[str], signature: re.Match[str]) -> bool:
    """Say whether both headers name a second signature or neither does, over the same parts at the same second as the first."""
    if read["second"] is None or signature["raw2"] is None:
        return read["second"] is None and signature["raw2"] is None
    return read["covered2"] == read["covered"] and read["created2"] == read["created"]
