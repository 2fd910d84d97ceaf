"""Why: legal entities are known by their unified social credit code (统一社会信用代码, GB 32100-2015), which carries the older organisation code
(GB 11714-1997) inside; published validators forget the letters A, N, Y in front or the inner check, so the house has its own.

Anyone may call it, through `schemas.identifiers`.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from schemas.errors import Invalid
from schemas.identifiers.columns import (
    Cells,
    Flags,
    Texts,
    blocks,
    characters,
    columns_of,
    flag_texts,
    is_present,
    join_texts,
    joined,
    scatter,
    value_table,
    weighted_sum,
)

ORGANISATION_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
ORGANISATION_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)
ORGANISATION_CHECK_CHARACTERS = "0X987654321"  # by the sum's remainder: 11 - 0 is written 0, 11 - 1 is written X
USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"  # no I, O, S, V, Z
USCC_WEIGHTS = (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28)
USCC_AUTHORITIES = "123456789ANY"  # first character: the registering authority; see code table uscc_authority
_ORGANISATION_VALUES = value_table(ORGANISATION_ALPHABET)
_USCC_VALUES = value_table(USCC_ALPHABET)
_AUTHORITY_VALUES = value_table(USCC_AUTHORITIES)
_ORGANISATION_CHECK_CODES: Cells = np.frombuffer(ORGANISATION_CHECK_CHARACTERS.encode("ascii"), dtype=np.uint8)
_USCC_CHECK_CODES: Cells = np.frombuffer((USCC_ALPHABET[0] + USCC_ALPHABET[:0:-1]).encode("ascii"), dtype=np.uint8)


@dataclass(frozen=True)
class Uscc:
    """The parts of a unified social credit code: registering authority, kind of institution, division, organisation code."""

    authority: str
    kind: str
    division: str
    organisation_code: str


def parse_uscc(text: str) -> Uscc:
    """Parse an 18-character USCC, including the organisation code inside (GB 32100-2015, 4).

    Raises Invalid `identifier.length`, `.characters`, `.authority` or `.check_character`.
    """
    _require_form(text, 18, USCC_ALPHABET, "unified social credit code")
    if not text[2:8].isdigit():
        raise Invalid("identifier.characters", kind="unified social credit code")
    if text[0] not in USCC_AUTHORITIES:
        raise Invalid("identifier.authority", authority=text[0])
    if uscc_check_digit(text[:17]) != text[17]:
        raise Invalid("identifier.check_character", kind="unified social credit code")
    return Uscc(text[0], text[1], text[2:8], parse_organisation_code(text[8:17]))


def parse_organisation_code(text: str) -> str:
    """Return the text if it is a 9-character organisation code, written without hyphen (GB 11714-1997, 3).

    Raises Invalid `identifier.length`, `.characters` or `.check_character`.
    """
    _require_form(text, 9, ORGANISATION_ALPHABET, "organisation code")
    if organisation_code_check_digit(text[:8]) != text[8]:
        raise Invalid("identifier.check_character", kind="organisation code")
    return text


def uscc_check_digit(first17: str) -> str:
    """Return the check character of a USCC's first 17: modulus 31 (GB 32100-2015, annex); raise Invalid for other lengths or characters."""
    _require_form(first17, 17, USCC_ALPHABET, "unified social credit code without check character")
    return USCC_ALPHABET[-sum(map(_product, map(USCC_ALPHABET.index, first17), USCC_WEIGHTS)) % 31]


def organisation_code_check_digit(first8: str) -> str:
    """Return the check character of an organisation code's first 8: modulus 11 (GB 11714-1997); raise Invalid for other lengths or characters."""
    _require_form(first8, 8, ORGANISATION_ALPHABET, "organisation code without check character")
    values = map(ORGANISATION_ALPHABET.index, first8)
    return ORGANISATION_CHECK_CHARACTERS[sum(map(_product, values, ORGANISATION_WEIGHTS)) % 11]


def valid_uscc(texts: Texts) -> pa.BooleanArray:
    """Return which texts are unified social credit codes, as `parse_uscc` would judge; null stays null."""
    return flag_texts(texts, 18, _is_uscc)


def valid_organisation_codes(texts: Texts) -> pa.BooleanArray:
    """Return which texts are organisation codes, as `parse_organisation_code` would judge; null stays null."""
    return flag_texts(texts, 9, _is_organisation_code)


def append_uscc_check_digits(texts17: Texts) -> pa.StringArray:
    """Return the 17-character texts with their USCC check characters; null stays null. Raises Invalid for other lengths or characters.

    The organisation code inside is the caller's: see `append_organisation_check_digits`.
    """
    return _append(texts17, 17, _USCC_VALUES, "unified social credit code")


def append_organisation_check_digits(texts8: Texts) -> pa.StringArray:
    """Return the 8-character texts with their organisation code check characters; null stays null. Raises Invalid as above."""
    return _append(texts8, 8, _ORGANISATION_VALUES, "organisation code")


def _is_uscc(cells: Cells) -> Flags:
    values = _USCC_VALUES.take(cells)
    valid: Flags = np.maximum.reduce(values, axis=0) < len(USCC_ALPHABET)
    valid &= np.maximum.reduce(values[2:8], axis=0) <= 9
    valid &= _AUTHORITY_VALUES[cells[0]] < len(USCC_AUTHORITIES)
    valid &= _uscc_check_codes(values[:17]) == cells[17]
    valid &= _organisation_check_codes(_ORGANISATION_VALUES.take(cells[8:16])) == cells[16]
    return valid


def _is_organisation_code(cells: Cells) -> Flags:
    values = _ORGANISATION_VALUES.take(cells[:8])
    valid: Flags = np.maximum.reduce(values, axis=0) < len(ORGANISATION_ALPHABET)
    valid &= _organisation_check_codes(values) == cells[8]
    return valid


def _uscc_check_codes(values: Cells) -> Cells:
    # an unknown character counts 255, which the weights (299 in all) overflow; its row is refused elsewhere
    codes: Cells = _USCC_CHECK_CODES[weighted_sum(values, USCC_WEIGHTS) % np.uint16(31)]
    return codes


def _organisation_check_codes(values: Cells) -> Cells:
    codes: Cells = _ORGANISATION_CHECK_CODES[weighted_sum(values, ORGANISATION_WEIGHTS) % np.uint16(11)]
    return codes


def _append(texts: Texts, width: int, values: Cells, kind: str) -> pa.StringArray:
    check_codes = _uscc_check_codes if width == 17 else _organisation_check_codes
    parts = []
    for block in blocks(texts):
        fits, cells = columns_of(block, width)
        numbers = values.take(cells)
        if not np.array_equal(fits, is_present(block)) or (numbers == 255).any():
            raise Invalid("identifier.unfinished", kind=kind, expected=f"{width} characters of its alphabet")
        checks = characters(scatter(fits, check_codes(numbers)), fits)
        parts.append(join_texts(block, checks, ""))
    return joined(parts, pa.StringArray)


def _product(value: int, weight: int) -> int:
    return value * weight


def _require_form(text: str, width: int, alphabet: str, kind: str) -> None:
    if len(text) != width:
        raise Invalid("identifier.length", kind=kind, expected=width, found=len(text))
    if not set(text) <= set(alphabet):
        raise Invalid("identifier.characters", kind=kind)
