"""Why: a time stamp (RFC 3161) says that a checkpoint, and so every entry below it, existed at a moment that the hub cannot choose. Asked for by
`vouching`, checked offline by receipts and audits with the authority's certificates alone. `rfc3161-client` has its one door here.

A token has places that no signature covers (versions, the signature's algorithm, certificates beside the signer's): they are held to the one value they
may have, so that no byte of a token can be changed unnoticed.
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from rfc3161_client import (
    HashAlgorithm,
    TimestampRequestBuilder,
    TimeStampResponse,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from schemas.errors import Invalid

_GRANTED = bytes.fromhex("3003020100")
_SHA2 = {"sha256": "608648016503040201", "sha384": "608648016503040202", "sha512": "608648016503040203"}
_RSA = {"sha256": "0b", "sha384": "0c", "sha512": "0d"}
_ECDSA = {"sha256": "02", "sha384": "03", "sha512": "04"}
_RSA_PLAIN = "300d06092a864886f70d0101010500"
_SIGNER_TAGS = (0x02, 0x30, 0x30, 0xA0, 0x30, 0x04)


@dataclass(frozen=True)
class Authority:
    """Whom time is believed: root certificates, those between, and the policy a stamp must name (None: any)."""

    roots: tuple[x509.Certificate, ...]
    between: tuple[x509.Certificate, ...] = ()
    policy: x509.ObjectIdentifier | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """A request to the authority, and the nonce its answer must repeat."""

    data: bytes
    nonce: int


def read_authority(pem: bytes, policy: str | None = None) -> Authority:
    """Return the authority from PEM certificates (self-issued ones are roots) and a policy's OID; raises Invalid stamp.authority."""
    try:
        found = x509.load_pem_x509_certificates(pem)
        wanted = x509.ObjectIdentifier(policy) if policy else None
    except ValueError as wrong:
        raise Invalid("stamp.authority") from wrong
    roots = tuple(one for one in found if one.issuer == one.subject)
    if not roots:
        raise Invalid("stamp.authority")
    return Authority(roots, tuple(one for one in found if one not in roots), wanted)


def ask(note: str) -> Question:
    """Return a request for a stamp over a note: SHA-256, a nonce, the signer's certificate wanted along."""
    request = TimestampRequestBuilder().data(note.encode()).hash_algorithm(HashAlgorithm.SHA256).build()
    assert request.nonce is not None
    return Question(request.as_bytes(), request.nonce)


def take(answer: bytes, question: Question) -> bytes:
    """Return the token of an authority's answer to this question; ValueError when it refused or answered another."""
    found = decode_timestamp_response(answer)
    if found.status != 0:
        raise ValueError(f"the authority refused with status {found.status}: {', '.join(found.status_string)[:200]}")
    if found.tst_info.nonce != question.nonce:
        raise ValueError("the answer belongs to another question")
    return found.time_stamp_token()


def stamped_at(token: bytes, note: str) -> datetime:
    """Return the moment a token names for this note; ValueError when it speaks of another. The signature is not checked here."""
    imprint = _read(token).tst_info.message_imprint
    if (
        imprint.hash_algorithm.dotted_string != "2.16.840.1.101.3.4.2.1"
        or imprint.message != hashlib.sha256(note.encode()).digest()
    ):
        raise ValueError("the time stamp is over another checkpoint")
    return _read(token).tst_info.gen_time.astimezone(UTC)


def verify_token(token: bytes, note: str, authority: Authority) -> datetime:
    """Return the moment the authority vouches for: its certificates must have been good then. ValueError when anything does not hold."""
    moment = stamped_at(token, note)
    answer = _read(token)
    _hold_uncovered(token, authority)
    verifier = VerifierBuilder(
        policy_id=authority.policy, roots=list(authority.roots), intermediates=list(authority.between)
    ).build()
    try:
        verifier.verify_message(answer, note.encode())
    except VerificationError as wrong:
        raise ValueError(f"the time stamp does not hold: {wrong}") from wrong
    return moment


def _read(token: bytes) -> TimeStampResponse:
    """Read a token by way of the answer it came in, whose other parts are fixed."""
    return decode_timestamp_response(_wrap(0x30, _GRANTED + token))


def _hold_uncovered(token: bytes, authority: Authority) -> None:
    """Hold what no signature covers to its one value; ValueError otherwise."""
    content_info = _elements(_elements(token)[0][1])
    signed = _elements(_elements(content_info[1][1])[0][1])
    signers = _elements(signed[-1][1])
    signer = _elements(signers[0][1]) if len(signers) == 1 else []
    if [tag for tag, _ in signed] != [0x02, 0x31, 0x30, 0xA0, 0x31] or tuple(tag for tag, _ in signer) != _SIGNER_TAGS:
        raise ValueError("the time stamp holds more or less than a signed moment")
    if signed[0][1] != b"\x03" or signer[0][1] != b"\x01":
        raise ValueError("the time stamp is of an unknown version")
    if _wrap(0x30, signer[4][1]).hex() not in _algorithms(signer[2][1].hex()):
        raise ValueError("the time stamp names a signature algorithm that does not fit its digest")
    known = {one.public_bytes(Encoding.DER) for one in (*authority.roots, *authority.between)}
    held = [_wrap(0x30, one) for _, one in _elements(signed[3][1])]
    if len([one for one in held if one not in known]) > 1 or len(set(held)) != len(held):
        raise ValueError("the time stamp holds certificates that are neither its signer's nor known")


def _algorithms(digest: str) -> set[str]:
    for name, oid in _SHA2.items():
        if oid in digest:
            with_null = f"300d06092a864886f70d0101{_RSA[name]}0500"
            return {_RSA_PLAIN, with_null, f"300a06082a8648ce3d0403{_ECDSA[name]}"}
    return set()


def _elements(der: bytes) -> list[tuple[int, bytes]]:
    """Return tag and content of each element of a DER content; ValueError where it does not add up."""
    found, at = [], 0
    while at + 1 < len(der):
        tag, length, at = der[at], der[at + 1], at + 2
        if length & 0x80:
            size = length & 0x7F
            length, at = int.from_bytes(der[at : at + size], "big"), at + size
        found.append((tag, der[at : at + length]))
        at += length
    if at != len(der):
        raise ValueError("the time stamp is cut short")
    return found


def _wrap(tag: int, content: bytes) -> bytes:
    length = len(content)
    if length < 0x80:
        return bytes([tag, length]) + content
    size = (length.bit_length() + 7) // 8
    return bytes([tag, 0x80 | size]) + length.to_bytes(size, "big") + content
