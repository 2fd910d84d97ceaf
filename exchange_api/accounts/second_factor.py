"""Why: a password can be overheard; a code that a device makes anew every thirty seconds cannot be used later (RFC 6238, SHA-1, six digits: what every
authenticator app speaks). Called by `sign_ins` and the page of one's own account.

The secret lies sealed under `factor.key` of the keys folder, which is itself sealed by the key-encryption key and moved with it. No code counts twice.
Recovery codes are kept as SHA-256: they are random, so nothing slower is needed.
"""

import hashlib
import hmac
import io
import secrets
import time

import segno
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from pydantic import Field

from exchange_api.keeping import files
from exchange_api.signing.folder import keys_folder
from schemas.errors import Invalid, Transient
from schemas.settings import HutongSettings
from schemas.tables.operations import Officer

STEP_SECONDS, DIGITS, SECRET_BYTES, RECOVERY_CODES = 30, 6, 20, 10
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # nothing that is read for something else
_NONCE = 12


class FactorSettings(HutongSettings):
    """Who must have a second factor, and what authenticator apps call this hub."""

    portal_second_factor_roles: str = Field(
        default="system_admin,security_admin,auditor,authority",
        description="Roles that cannot sign in without a second factor, separated by commas; empty: nobody has to.",
    )
    portal_second_factor_name: str = Field(
        default="Hutong 互通", max_length=60, description="Name of this hub in authenticator apps."
    )


def is_needed(officer: Officer) -> bool:
    """Return whether one of the officer's roles may not be used without a second factor."""
    roles = {one.strip() for one in FactorSettings().portal_second_factor_roles.split(",")}
    return not officer.is_eased and not roles.isdisjoint(officer.roles)


def draft(officer_id: str) -> bytes:
    """Return a fresh secret, sealed for this officer; nobody has it until it is confirmed. Raises Transient key.kek_…."""
    nonce = secrets.token_bytes(_NONCE)
    return nonce + _key().encrypt(nonce, secrets.token_bytes(SECRET_BYTES), officer_id.encode())


def address(sealed: bytes, officer_id: str) -> str:
    """Return the otpauth address of a secret, as authenticator apps read it."""
    name = FactorSettings().portal_second_factor_name.replace(":", " ")
    return _totp(_open(sealed, officer_id)).get_provisioning_uri(officer_id, name)


def square(sealed: bytes, officer_id: str) -> bytes:
    """Return the QR code of `address` as an SVG image."""
    out = io.BytesIO()
    segno.make(address(sealed, officer_id), error="m").save(
        out, kind="svg", scale=5, border=4, light="#fff", title="otpauth"
    )
    return out.getvalue()


def enrol(officer: Officer, sealed: bytes, code: str) -> list[str]:
    """Take a draft for the officer's second factor once a code of it fits; return his recovery codes, which are nowhere kept. Raises Invalid
    `officer.code_wrong`.
    """
    step = _matching(_open(sealed, officer.id), code, None)
    if step is None:
        raise Invalid("officer.code_wrong")
    codes = [
        "-".join("".join(secrets.choice(_ALPHABET) for _ in range(5)) for _ in range(3)) for _ in range(RECOVERY_CODES)
    ]
    officer.factor_secret, officer.factor_step = sealed, step
    officer.recovery_hashes = [_digest(one) for one in codes]
    return codes


def accept(officer: Officer, code: str) -> bool:
    """Return whether this is the officer's code of now, or a recovery code; either is used up with it."""
    written = "".join(code.split()).lower()
    if officer.factor_secret is None:
        return False
    if (digest := _digest(written)) in officer.recovery_hashes:
        officer.recovery_hashes = [one for one in officer.recovery_hashes if one != digest]
        return True
    step = _matching(_open(officer.factor_secret, officer.id), written, officer.factor_step)
    if step is None:
        return False
    officer.factor_step = step
    return True


def remove(officer: Officer) -> None:
    """Take the second factor away; where the role needs one, the next sign-in asks for a new one."""
    officer.factor_secret, officer.factor_step, officer.recovery_hashes = None, None, []


def _matching(secret: bytes, code: str, last: int | None) -> int | None:
    """Return the step of thirty seconds that a code is of: this one or the one beside it (clocks differ), never one at or before `last`."""
    written = "".join(code.split())
    if len(written) != DIGITS or not (written.isascii() and written.isdigit()):
        return None
    now, totp = int(time.time()) // STEP_SECONDS, _totp(secret)
    fitting = [
        step
        for step in (now - 1, now, now + 1)
        if hmac.compare_digest(totp.generate(step * STEP_SECONDS), written.encode()) and (last is None or step > last)
    ]
    return fitting[0] if fitting else None


def _totp(secret: bytes) -> TOTP:
    return TOTP(secret, DIGITS, SHA1(), STEP_SECONDS)  # noqa: S303 - RFC 6238's own; HMAC-SHA-1 stands


def _open(sealed: bytes, officer_id: str) -> bytes:
    try:
        return _key().decrypt(sealed[:_NONCE], sealed[_NONCE:], officer_id.encode())
    except InvalidTag as wrong:
        raise Transient("officer.factor_sealed", officer=officer_id) from wrong


def _key() -> AESGCM:
    path = keys_folder() / "factor.key"
    if not path.exists():
        files.make(path, secrets.token_bytes(32))
    return AESGCM(files.read(path))


def _digest(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()
