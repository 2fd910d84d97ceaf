"""Why: where the private part of a hub key lies is one question with one answer: in `<key id>.pem`, plain or sealed, or in a token that
`<key id>.token.json` names. Called by keys, which holds the public parts, and by `hutong keys`.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from exchange_api.keeping import files
from exchange_api.keeping.envelope import is_sealed
from exchange_api.signing import Algorithm, HubSigner, Jwk, SoftwareSigner
from exchange_api.signing.hsm import TokenSigner, make_token_key, open_token, read_token_key
from exchange_api.signing.sm2 import Sm2Signer
from schemas.errors import Transient

KeyKind = Literal["ed25519", "ecdsa-p256-sha256", "sm2-sm3"]
Place = Literal["plain", "sealed", "token", "absent"]
"""In a file as it is, in a file under the key-encryption key, in a PKCS#11 token, not on this machine."""


@dataclass(frozen=True, slots=True)
class KeyOrder:
    """What key is wanted. is_token: made inside the PKCS#11 token; label: its name there, or that of a key the token has already."""

    kind: KeyKind = "ed25519"
    is_token: bool = False
    label: str | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """A new key's public part; the private one is kept already."""

    keyid: str
    kind: KeyKind
    jwk: Jwk


def make(folder: Path, order: KeyOrder) -> Made:
    """Make a key and keep its private part. Raises Transient key.token_unavailable, key.second_unavailable, key.kek_…."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if order.kind == "sm2-sm3":
        second = Sm2Signer.generate()
        files.make(folder / f"{second.keyid}.pem", second.pem())
        return Made(second.keyid, "sm2-sm3", second.public.jwk)
    if order.is_token:
        return _make_in_token(folder, order.kind, order.label)
    signer = SoftwareSigner.generate(order.kind)
    files.make(folder / f"{signer.keyid}.pem", signer.pem())
    return Made(signer.keyid, order.kind, signer.public.jwk)


def load(folder: Path, keyid: str) -> HubSigner:
    """Return the signer of an Ed25519 or P-256 key. Raises Transient key.none_active when its private part is not here, key.kek_…, key.token_unavailable."""
    pointer = folder / f"{keyid}.token.json"
    return (
        _load_from_token(pointer, keyid) if pointer.is_file() else SoftwareSigner.from_pem(_pem(folder, keyid), keyid)
    )


def load_sm2(folder: Path, keyid: str) -> Sm2Signer:
    """Return the signer of an SM2 key. Raises Transient key.none_active, key.second_unavailable, key.kek_…."""
    return Sm2Signer.from_pem(_pem(folder, keyid), keyid)


def place_of(folder: Path, keyid: str) -> Place:
    """Return where a key's private part lies."""
    if (folder / f"{keyid}.token.json").is_file():
        return "token"
    try:
        return "sealed" if is_sealed((folder / f"{keyid}.pem").read_bytes()) else "plain"
    except OSError:
        return "absent"


def _pem(folder: Path, keyid: str) -> bytes:
    try:
        return files.read(folder / f"{keyid}.pem")
    except OSError as missing:
        raise Transient("key.none_active", folder=str(folder)) from missing


def _make_in_token(folder: Path, algorithm: Algorithm, label: str | None) -> Made:
    token = open_token()
    name, public = make_token_key(token, algorithm, label)
    files.note(folder / f"{public.keyid}.token.json", json.dumps({"token": token.label, "key": name}).encode())
    return Made(public.keyid, public.algorithm, public.jwk)


def _load_from_token(pointer: Path, keyid: str) -> TokenSigner:
    """Return the token's signer, after seeing that the token's key of that label is the one that was published."""
    label, token = json.loads(pointer.read_bytes())["key"], open_token()
    public = read_token_key(token, label)
    if public.keyid != keyid:
        raise Transient("key.token_unavailable", token=token.label, reason=f"it holds no key {label} with id {keyid}")
    return TokenSigner(token, label, public)
