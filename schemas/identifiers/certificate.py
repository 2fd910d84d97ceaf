"""Why: an electronic certificate (电子证照) is known by an identifier that holds its type, issuer, serial and version (GB/T 36904-2018).

Anyone may call it, through `schemas.identifiers`. Older records carry a division code where the issuer's USCC belongs, or a serial with other characters:
they are read with `imported=True`, named by `certificate_identifier_findings`, and never issued.
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
from schemas.identifiers.organisation import parse_uscc

ROOT = "1.2.156.3005.2"
_SERIAL = "[0-9A-Z]{1,32}"
_BODY = r"1\.2\.156\.3005\.2\.([0-9A-Z]{21})\.([0-9A-Z]{%s})\.(%s)\.([0-9]{3})"
_ISSUED, _IMPORTED = _BODY % ("18", _SERIAL), _BODY % ("6,18", _SERIAL)
_ODD = _BODY % (
    "6,18",
    "[0-9A-Za-z_/-]{1,40}",
)  # serials of before the standard, over which no check character can be told
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


def issue_certificate_identifier(type_code: str, issuer: str, serial: str, version: int = 1) -> str:
    """Make the identifier of a certificate to be issued, check character included (GB/T 36904-2018); nothing non-conforming leaves here.

    type_code: USCC of the authority that defined the type and its three-digit number; version: 1 to 999.
    Raises Invalid `identifier.certificate_part`, `identifier.no_version` and what `parse_uscc` raises.
    """
    parse_uscc(issuer)
    if not re.fullmatch(r"[0-9A-Z]{18}[0-9]{3}", type_code):
        raise Invalid("identifier.certificate_part", part="type code / 证照类型代码", expected="USCC + 3 digits")
    parse_uscc(type_code[:18])
    if not re.fullmatch(_SERIAL, serial):
        raise Invalid("identifier.certificate_part", part="serial / 流水号", expected="1–32 of 0-9A-Z")
    if not 1 <= version <= 999:
        raise Invalid("identifier.no_version", version=version)
    parts = (type_code, issuer, serial, f"{version:03d}")
    return ".".join((ROOT, *parts, certificate_check_digit("".join(parts))))


def next_certificate_version(text: str) -> str:
    """Return the identifier of the next version of a certificate: the serial stays, the version counts on.

    Raises what `parse_certificate_identifier` and `issue_certificate_identifier` raise.
    """
    known = parse_certificate_identifier(text)
    return issue_certificate_identifier(known.type_code, known.issuer, known.serial, int(known.version) + 1)


def certificate_identifier_findings(text: str) -> tuple[str, ...]:
    """Return what an imported identifier has that may not be issued: `issuer` (no USCC in its place), `serial` (other characters, so no check).

    Raises Invalid as `parse_certificate_identifier(imported=True)`.
    """
    known = parse_certificate_identifier(text, imported=True)
    odd = {"issuer": len(known.issuer) != 18, "serial": not re.fullmatch(_SERIAL, known.serial)}
    return tuple(name for name, is_odd in odd.items() if is_odd)


def parse_certificate_identifier(text: str, *, imported: bool = False) -> CertificateIdentifier:
    """Parse a certificate identifier; `imported` also accepts what older records have: issuers of 6 to 17 characters, serials of other characters,
    over which no check is possible (GB/T 36904-2018).

    Raises Invalid `identifier.certificate_form` or `identifier.check_character`.
    """
    match = re.fullmatch((_ODD if imported else _ISSUED) + r"\.([0-9A-Z])", text)
    if match is None:
        raise Invalid("identifier.certificate_form")
    *parts, check = match.groups()
    if re.fullmatch(_SERIAL, parts[2]) and certificate_check_digit("".join(parts)) != check:
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
        fits = formed & (checks == last)
        if imported and not fits.all():
            fits |= ~formed & _matches(block, f"^{_ODD}\\.[0-9A-Z]$")
        parts.append(flags_array(block, fits))
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
