"""Why: a password that is short, plain, known or old opens the door to anybody. Its rules (GB/T 22239-2019 level 3: complexity and regular change) and its
hash. Called by `officers`, `sign_ins` and the page of one's own account.

The length, the kinds and the list of common words are this project's reading of "complexity"; the standard names no numbers. Ninety days likewise.
"""

import re
import secrets
from datetime import UTC, datetime, timedelta
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from pydantic import Field

from schemas.errors import Denied, HutongError, Invalid
from schemas.settings import HutongSettings
from schemas.tables.operations import Officer

LONGEST = 200
KINDS = (re.compile("[a-z]"), re.compile("[A-Z]"), re.compile("[0-9]"), re.compile("[^a-zA-Z0-9]"))
COMMON = frozenset(
    """password passwort passw0rd admin administrator root welcome letmein qwerty qwertyuiop qwerty123 asdfgh asdfghjkl zxcvbnm 1qaz2wsx qazwsx
    1qaz2wsx3edc abc abcd abcdef abcdefg iloveyou monkey dragon master shadow sunshine princess football login test guest user changeme secret
    default woaini woaini1314 aini mima zhongguo china beijing shanghai hangzhou shenzhen guangzhou government zhengfu zhengwu hutong shuju
    gongxiang pingtai system xitong guanli guanliyuan huawei lenovo microsoft windows oracle postgres""".split()  # noqa: SIM905 - a list of words is read more easily without quotes
)
"""Words people begin with; what stands around them (digits, signs) and a letter written as a figure makes them no better."""
_AS_LETTERS = str.maketrans("0134578@$!", "oieastbasi")


class PasswordSettings(HutongSettings):
    """What a password must be, and how long it lasts."""

    portal_password_length: int = Field(default=12, ge=8, le=64, description="Fewest characters of a password.")
    portal_password_days: int = Field(
        default=90, ge=0, description="Days after which a password is to be changed; 0: never."
    )
    portal_password_history: int = Field(
        default=5, ge=1, le=24, description="How many of the last passwords may not be used again."
    )
    portal_change_generated: bool = Field(
        default=True, description="Whether a generated password is to be changed at the first sign-in."
    )


def generated() -> str:
    """Return a fresh random password of 20 characters."""
    return secrets.token_urlsafe(15)


def fits(password_hash: str, password: str) -> bool:
    """Return whether a password is the one of this hash."""
    try:
        return _hasher().verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False


def hashed(password: str) -> str:
    """Return the argon2id hash of a password."""
    return _hasher().hash(password)


@cache
def nobody() -> str:
    """Return a hash that nobody's password fits: an unknown name takes as long as a wrong password."""
    return _hasher().hash(secrets.token_urlsafe(32))


def is_to_be_changed(officer: Officer) -> bool:
    """Return whether the officer must choose another password before he goes on."""
    if officer.is_eased:
        return False
    settings = PasswordSettings()
    age = timedelta(days=settings.portal_password_days)
    is_old = bool(age) and officer.password_set_at + age <= datetime.now(UTC)
    return is_old or (officer.is_generated and settings.portal_change_generated)


def give(officer: Officer) -> str:
    """Set a generated password, lift a lock, and return it."""
    password = generated()
    _set(officer, password, is_generated=True)
    officer.failed_attempts, officer.locked_until = 0, None
    return password


def change(officer: Officer, current: str, wanted: str) -> None:
    """Set the password that the officer chose. Raises Denied `officer.password_wrong`, and as `require_good`."""
    if not fits(officer.password_hash, current):
        raise Denied("officer.password_wrong")
    require_good(officer, wanted)
    _set(officer, wanted, is_generated=False)


def require_good(officer: Officer, wanted: str) -> None:
    """Refuse a password that the rules do not allow. Raises Invalid `officer.password_short`, `.password_plain`, `.password_named`, `.password_common`,
    `.password_used`.
    """
    settings = PasswordSettings()
    if refused := next((error for error in _faults(officer, wanted, settings)), None):
        raise refused
    former = [officer.password_hash, *officer.former_hashes][: settings.portal_password_history]
    if any(fits(one, wanted) for one in former):
        raise Invalid("officer.password_used", count=settings.portal_password_history)


def _faults(officer: Officer, wanted: str, settings: PasswordSettings) -> list[HutongError]:
    """Return what is wrong with a password as such; the hashes, which take time, are asked after."""
    found: list[HutongError] = []
    if not settings.portal_password_length <= len(wanted) <= LONGEST:
        found.append(Invalid("officer.password_short", length=settings.portal_password_length, most=LONGEST))
    if sum(bool(kind.search(wanted)) for kind in KINDS) < 3:
        found.append(Invalid("officer.password_plain"))
    if officer.id in wanted.lower():
        found.append(Invalid("officer.password_named"))
    if _is_common(wanted.lower()):
        found.append(Invalid("officer.password_common"))
    return found


def _is_common(wanted: str) -> bool:
    """Take away what stands around a word, undo figures for letters, and repetitions: `P@ssw0rd2026!!` is `password`."""
    cores = {
        re.sub(r"[^a-z]", "", wanted),
        re.sub(r"[^a-z]", "", wanted.strip("0123456789!@#$%^&*_-+=.,?").translate(_AS_LETTERS)),
    }
    return any(core in COMMON or _repeats(core) for core in cores) or len(set(wanted)) < 5


def _repeats(core: str) -> bool:
    return any(len(core) > len(word) and not core.replace(word, "") for word in COMMON)


def _set(officer: Officer, password: str, *, is_generated: bool) -> None:
    kept = PasswordSettings().portal_password_history - 1
    officer.former_hashes = [one for one in (officer.password_hash, *officer.former_hashes) if one][:kept]
    officer.password_hash, officer.is_generated = hashed(password), is_generated
    officer.password_set_at = datetime.now(UTC)


@cache
def _hasher() -> PasswordHasher:
    return PasswordHasher()  # argon2id, RFC 9106 low-memory profile
