"""Why: an electronic certificate (电子证照) is known by an identifier that holds its type, issuer, serial and version (GB/T 36904-2018).

Anyone may call it, through `schemas.identifiers`. Older records carry a division code where the issuer's USCC belongs:
they are read with `imported=True`, and never issued.
"""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.errors import Invalid
from schemas.identifiers.columns import (
    Cells,
    Flags,
    Texts,
    blocks,
    characters,
    columns_of,
    flags_array,
    is_present,
    join_texts,
    joined,
    widths_of,
)
from schemas.identifiers.organisation import ORGANISATION_ALPHABET as ALPHABET

ROOT = "1.2.156.3005.2"
_BODY = r"1\.2\.156\.3005\.2\.([0-9A-Z]{21})\.([0-9A-Z]{%s})\.([0-9A-Z]{1,32})\.([0-9]{3})"
_ISSUED, _IMPORTED = _BODY % "18", _BODY % "6,18"
_SKIPPED = len(ROOT) + 1
_DOT = 36  # stands for the dots between the parts, which the check leaves out


_CHECK_CODES: Cells = np.array([ord(ALPHABET[(37 - state) % 36]) for state in range(37)], np.uint8)


@dataclass(frozen=True)
class CertificateIdentifier:
    """The parts of a certificate identifier: 21-character type, issuer (USCC), serial, three-digit version."""

    type_code: str
    issuer: str
    serial: str
    version: str


def parse_certificate_identifier(text: str, *, imported: bool = False) -> CertificateIdentifier:
    """Parse a certificate identifier; `imported` also accepts issuers of 6 to 17 characters, as older records have (GB/T 36904-2018).

    Raises Invalid `identifier.certificate_form` or `identifier.check_character`.
    """
    match = re.fullmatch((_IMPORTED if imported else _ISSUED) + r"\.([0-9A-Z])", text)
    if match is None:
        raise Invalid("identifier.certificate_form")
    *parts, check = match.groups()
    if certificate_check_digit("".join(parts)) != check:
        raise Invalid("identifier.check_character", kind="certificate identifier")
    return CertificateIdentifier(*parts)


def certificate_check_digit(joined_parts: str) -> str:
    """Return the check character over type, issuer, serial and version written together: ISO 7064 MOD 37,36; raise Invalid for other characters."""
    if not joined_parts or not set(joined_parts) <= set(ALPHABET):
        raise Invalid("identifier.characters", kind="certificate identifier")
    state = 36
    for character in joined_parts:
        state = ((state + ALPHABET.index(character)) % 36 or 36) * 2 % 37
    return ALPHABET[(37 - state) % 36]


def valid_certificate_identifiers(texts: Texts, *, imported: bool = False) -> pa.BooleanArray:
    """Return which texts are certificate identifiers, as `parse_certificate_identifier` would judge; null stays null."""
    pattern = f"^{_IMPORTED if imported else _ISSUED}\\.[0-9A-Z]$"
    parts = []
    for block in blocks(texts):
        formed = _matches(block, pattern)
        checks, last = _check_codes(block, formed, trailing=2)
        parts.append(flags_array(block, formed & (checks == last)))
    return joined(parts, pa.BooleanArray)


def append_certificate_check_digits(texts: Texts) -> pa.StringArray:
    """Return identifiers that end with the version (`1.2.156.3005.2.TYPE.ISSUER.SERIAL.VERSION`) with `.` and their check character.

    Null stays null. Raises Invalid `identifier.unfinished` if a text has another form.
    """
    parts = []
    for block in blocks(texts):
        formed = _matches(block, f"^{_ISSUED}$")
        if not np.array_equal(formed, is_present(block)):
            raise Invalid(
                "identifier.unfinished", kind="certificate identifier", expected=f"{ROOT}.TYPE.ISSUER.SERIAL.VERSION"
            )
        checks, _ = _check_codes(block, formed, trailing=0)
        parts.append(join_texts(block, characters(checks, formed), "."))
    return joined(parts, pa.StringArray)


def _matches(block: "pa.Array[Any]", pattern: str) -> Flags:
    found: Any = pc.fill_null(pc.match_substring_regex(block, pattern), False)
    return np.asarray(found.to_numpy(zero_copy_only=False), dtype=np.bool_)


def _check_codes(block: "pa.Array[Any]", formed: Flags, trailing: int) -> tuple[Cells, Cells]:
    """Return per row the check character computed before the last `trailing` bytes, and the last byte; zeros where not `formed`."""
    checks, last = np.zeros(len(block), np.uint8), np.zeros(len(block), np.uint8)
    # widths differ by serial, so rows are taken width by width; a row of the right form has one of at most 44 widths
    wanted = block.filter(pa.array(formed)) if not formed.all() else block
    places = np.flatnonzero(formed)
    for width in widths_of(wanted):
        fits, cells = columns_of(wanted, width)
        checks[places[fits]] = _CHECK_CODES.take(_final_states(_values(cells[_SKIPPED : width - trailing])))
        last[places[fits]] = cells[-1]
    return checks, last


def _values(cells: Cells) -> Cells:
    """Return 0–9 for digits, 10–35 for capitals, and `_DOT` for the dots; other bytes do not occur in texts of the right form."""
    digits = cells - np.uint8(ord("0"))
    return np.where(digits <= 9, digits, np.where(cells == ord("."), np.uint8(_DOT), cells - np.uint8(ord("A") - 10)))


def _final_states(values: Cells) -> Cells:
    """Run ISO 7064 MOD 37,36 down the columns in bytes: states stay in 1–36, so each modulus is one conditional subtraction."""
    state = np.full(values.shape[1], 36, np.uint8)
    for line in values:
        total = state + line
        total -= np.uint8(36) * (total > 36)
        total += total
        total -= np.uint8(37) * (total > 36)
        dots = line == _DOT
        state = np.where(dots, state, total) if dots.any() else total
    return state
