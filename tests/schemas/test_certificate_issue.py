"""What is issued can be read again, counts its versions on, and never carries what older systems wrote."""

import string

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import Invalid
from schemas.identifiers import (
    certificate_check_digit,
    certificate_identifier_findings,
    issue_certificate_identifier,
    next_certificate_version,
    organisation_code_check_digit,
    parse_certificate_identifier,
    uscc_check_digit,
    valid_certificate_identifiers,
)
from schemas.identifiers.certificate import ROOT
from schemas.identifiers.organisation import ORGANISATION_ALPHABET

ISSUER = "11330199999900038J"
TYPE = ISSUER + "001"


@st.composite
def usccs(draw: st.DrawFn) -> str:
    stem = draw(st.text(string.digits, min_size=8, max_size=8))
    first = f"11330199{stem}{organisation_code_check_digit(stem)}"
    return first + uscc_check_digit(first)


@given(
    usccs(), usccs(), st.integers(0, 999), st.text(ORGANISATION_ALPHABET, min_size=1, max_size=32), st.integers(1, 999)
)
def test_what_is_issued_reads_as_its_parts(definer: str, issuer: str, number: int, serial: str, version: int) -> None:
    type_code = f"{definer}{number:03d}"
    identifier = issue_certificate_identifier(type_code, issuer, serial, version)
    known = parse_certificate_identifier(identifier)
    assert (known.type_code, known.issuer, known.serial, known.version) == (type_code, issuer, serial, f"{version:03d}")
    assert certificate_identifier_findings(identifier) == ()
    if version < 999:
        following = parse_certificate_identifier(next_certificate_version(identifier))
        assert (following.serial, int(following.version)) == (serial, version + 1)


@pytest.mark.parametrize(
    ("parts", "code"),
    [
        ((TYPE[:-1], ISSUER, "1", 1), "identifier.certificate_part"),
        ((TYPE, "330199", "1", 1), "identifier.length"),
        ((TYPE, ISSUER[:-1] + "K", "1", 1), "identifier.check_character"),
        ((TYPE, ISSUER, "2019_01", 1), "identifier.certificate_part"),
        ((TYPE, ISSUER, "", 1), "identifier.certificate_part"),
        ((TYPE, ISSUER, "1", 1000), "identifier.no_version"),
        ((TYPE, ISSUER, "1", 0), "identifier.no_version"),
    ],
)
def test_nothing_non_conforming_is_issued(parts: tuple[str, str, str, int], code: str) -> None:
    with pytest.raises(Invalid) as caught:
        issue_certificate_identifier(*parts)
    assert caught.value.code == code


def test_a_certificate_of_before_the_standard_is_never_renewed_under_its_old_identifier() -> None:
    with pytest.raises(Invalid):
        next_certificate_version(f"{ROOT}.11100000MB03271699022.340100.000000016.001.9")


@pytest.mark.parametrize(
    ("rest", "findings"),
    [
        ("11100000000013338W011.11430000006122244L.20230000403.001.U", ()),
        ("11100000MB03271699022.340100.000000016.001.9", ("issuer",)),
        (f"{TYPE}.{ISSUER}.test_01.001.0", ("serial",)),
        (f"{TYPE}.330199.0a6c1f52-7d5e-4c89-9a55-18a1b2c3d4e5.001.X", ("issuer", "serial")),
    ],
)
def test_what_is_odd_about_an_imported_identifier_has_a_name(rest: str, findings: tuple[str, ...]) -> None:
    text = f"{ROOT}.{rest}"
    assert certificate_identifier_findings(text) == findings
    assert valid_certificate_identifiers(pa.array([text]), imported=True).to_pylist() == [True]
    assert valid_certificate_identifiers(pa.array([text])).to_pylist() == [findings == ()]


def test_a_wrong_check_character_is_no_old_spelling() -> None:
    parts = (TYPE, "330199", "000000016", "001")
    right = certificate_check_digit("".join(parts))
    wrong = ".".join((ROOT, *parts, "0" if right != "0" else "1"))
    assert valid_certificate_identifiers(pa.array([wrong]), imported=True).to_pylist() == [False]
