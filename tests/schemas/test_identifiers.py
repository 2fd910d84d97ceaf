"""The four national identifiers: known vectors, every refusal, and laws that hold for any identifier."""

import string
from datetime import date, timedelta

import pytest
import stdnum.cn.ric
import stdnum.cn.uscc
from hypothesis import assume, given
from hypothesis import strategies as st

from schemas.errors import Invalid
from schemas.identifiers import (
    PROVINCES,
    CertificateIdentifier,
    CitizenId,
    Uscc,
    certificate_check_digit,
    citizen_id_check_digit,
    citizen_id_from_15,
    organisation_code_check_digit,
    parse_certificate_identifier,
    parse_citizen_id,
    parse_holder_code,
    parse_organisation_code,
    parse_uscc,
    uscc_check_digit,
)
from schemas.identifiers.certificate import ROOT
from schemas.identifiers.organisation import ORGANISATION_ALPHABET, USCC_ALPHABET, USCC_AUTHORITIES

TODAY = date(2026, 6, 30)
DIGITS = string.digits


@st.composite
def citizen_ids(draw: st.DrawFn) -> str:
    birth = draw(st.dates(date(1800, 1, 1), TODAY))
    place = draw(st.sampled_from(sorted(PROVINCES))) + draw(st.text(DIGITS, min_size=4, max_size=4))
    first17 = f"{place}{birth:%Y%m%d}{draw(st.integers(0, 999)):03d}"
    return first17 + citizen_id_check_digit(first17)


@st.composite
def usccs(draw: st.DrawFn) -> str:
    body = draw(st.text(USCC_ALPHABET, min_size=8, max_size=8))
    head = draw(st.sampled_from(USCC_AUTHORITIES)) + draw(st.sampled_from(USCC_ALPHABET))
    first17 = head + draw(st.text(DIGITS, min_size=6, max_size=6)) + body + organisation_code_check_digit(body)
    return first17 + uscc_check_digit(first17)


@st.composite
def certificate_identifiers(draw: st.DrawFn) -> str:
    def part(least: int, most: int, alphabet: str = ORGANISATION_ALPHABET) -> str:
        return draw(st.text(alphabet, min_size=least, max_size=most))

    parts = [part(21, 21), part(18, 18), part(1, 32), part(3, 3, DIGITS)]
    return ".".join([ROOT, *parts, certificate_check_digit("".join(parts))])


def refusal(parse: object, *arguments: object) -> str:
    assert callable(parse)
    with pytest.raises(Invalid) as caught:
        parse(*arguments)
    assert caught.value.title("en")
    assert caught.value.remedy("zh")
    return caught.value.code


# --- known values -----------------------------------------------------------------------------------------------


def test_the_sample_of_the_standard_is_a_citizen_id() -> None:
    assert parse_citizen_id("11010519491231002X") == CitizenId("110105", date(1949, 12, 31), "2")


def test_synthetic_citizen_ids_say_their_sex() -> None:
    assert parse_citizen_id("330199199001010011").sex_code == "1"
    assert parse_citizen_id("330199198506150023").sex_code == "2"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("11330199999000013R", Uscc("1", "1", "330199", "999000013")),
        ("91330199MA9990019B", Uscc("9", "1", "330199", "MA9990019")),
        ("N2330199MF9990017Y", Uscc("N", "2", "330199", "MF9990017")),
    ],
)
def test_usccs_of_every_prefix_are_parsed(text: str, parts: Uscc) -> None:
    assert parse_uscc(text) == parts


@pytest.mark.parametrize(
    ("text", "imported"),
    [
        ("11330199999000013R001.11330199999000013R.2026000001.001.K", False),
        ("11100000000013338W011.11430000006122244L.20230000403.001.U", False),
        ("11100000000013338W009.11330105002500287C.2025052201.002.0", False),
        ("11100000MB03271699022.340100.000000016.001.9", True),
    ],
)
def test_certificate_identifiers_of_real_systems_pass(text: str, imported: bool) -> None:
    parts = text.split(".")[:4]
    assert parse_certificate_identifier(f"{ROOT}.{text}", imported=imported) == CertificateIdentifier(*parts)


def test_a_division_code_as_issuer_is_read_but_never_issued() -> None:
    text = f"{ROOT}.11100000MB03271699022.340100.000000016.001.9"
    assert refusal(parse_certificate_identifier, text) == "identifier.certificate_form"


def test_a_15_digit_id_gets_its_century_and_check_character() -> None:
    assert citizen_id_from_15("110105491231002") == "11010519491231002X"


def test_a_holder_is_a_person_or_an_organisation() -> None:
    assert isinstance(parse_holder_code("11010519491231002X"), CitizenId)
    assert isinstance(parse_holder_code("91330199MA9990019B"), Uscc)
    assert refusal(parse_holder_code, "91330199MA9990019C") == "identifier.check_character"


# --- refusals ---------------------------------------------------------------------------------------------------


def with_check(first17: str) -> str:
    return first17 + citizen_id_check_digit(first17)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "identifier.length"),
        ("110105491231002", "identifier.length"),
        ("11010519491231002X ", "identifier.length"),
        ("11010519491231002x", "identifier.characters"),  # normalisation upper-cases before
        ("1101051949123100２X", "identifier.characters"),
        ("1101O519491231002X", "identifier.characters"),
        ("110105194912310021", "identifier.check_character"),
        (with_check("16010519491231002"), "identifier.division"),
        (with_check("00010519491231002"), "identifier.division"),
        (with_check("11010519490229002"), "identifier.birth_date"),
        (with_check("11010519000229002"), "identifier.birth_date"),  # 1900 was no leap year
        (with_check("11010519491301002"), "identifier.birth_date"),
        (with_check("11010519490001002"), "identifier.birth_date"),
        (with_check("11010519490100002"), "identifier.birth_date"),
        (with_check("11010517991231002"), "identifier.birth_date"),
        (with_check("11010500001231002"), "identifier.birth_date"),
        (with_check("11010520260701002"), "identifier.birth_in_future"),
    ],
)
def test_a_wrong_citizen_id_is_refused_with_the_reason(text: str, code: str) -> None:
    assert refusal(parse_citizen_id, text, TODAY) == code


def test_birth_on_a_leap_day_and_on_the_day_itself_are_accepted() -> None:
    assert parse_citizen_id(with_check("11010520000229002"), TODAY).birth_date == date(2000, 2, 29)
    assert parse_citizen_id(with_check("11010520260630002"), TODAY).birth_date == TODAY


def test_without_a_day_given_tomorrow_is_the_future() -> None:
    later = date.today() + timedelta(days=2)  # noqa: DTZ011  two days on, no time zone matters
    assert refusal(parse_citizen_id, with_check(f"110105{later:%Y%m%d}002")) == "identifier.birth_in_future"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("9133019MA9990019B", "identifier.length"),
        ("91330199MA9990O19B", "identifier.characters"),
        ("91330199ma9990019B", "identifier.characters"),
        ("91A30199MA9990019B", "identifier.characters"),
        ("91330199MA9990019C", "identifier.check_character"),
        ("B1330199999000013" + uscc_check_digit("B1330199999000013"), "identifier.authority"),
        ("91330199MA9990018" + uscc_check_digit("91330199MA9990018"), "identifier.check_character"),  # inner code
    ],
)
def test_a_wrong_uscc_is_refused_with_the_reason(text: str, code: str) -> None:
    assert refusal(parse_uscc, text) == code


def test_an_organisation_code_has_nine_characters_and_no_hyphen() -> None:
    assert parse_organisation_code("MA9990019") == "MA9990019"
    assert refusal(parse_organisation_code, "MA999001-9") == "identifier.length"
    assert refusal(parse_organisation_code, "MA999001X") == "identifier.check_character"
    assert refusal(parse_organisation_code, "ma9990019") == "identifier.characters"


@pytest.mark.parametrize("change", [str.lower, lambda text: text + "\n", lambda text: text[2:], lambda text: text[:-2]])
def test_a_certificate_identifier_of_another_form_is_refused(change: object) -> None:
    assert callable(change)
    text = change(f"{ROOT}.11330199999000013R001.11330199999000013R.2026000001.001.K")
    assert refusal(parse_certificate_identifier, text) == "identifier.certificate_form"


@pytest.mark.parametrize("text", ["", "1" * 16, "1" * 18, "1" * 16 + "X", "1" * 16 + "１"])
def test_no_check_character_is_made_for_what_is_no_body(text: str) -> None:
    assert refusal(citizen_id_check_digit, text).startswith("identifier.")


def test_no_error_repeats_the_identifier() -> None:
    with pytest.raises(Invalid) as caught:
        parse_citizen_id("330199199001010012")
    assert "330199" not in str(caught.value)
    assert "330199" not in repr(caught.value.facts)


# --- laws -------------------------------------------------------------------------------------------------------


@given(citizen_ids(), st.integers(0, 17), st.sampled_from(DIGITS + "X"))
def test_one_changed_character_breaks_a_citizen_id(text: str, place: int, character: str) -> None:
    assume(text[place] != character)
    parse_citizen_id(text, TODAY)
    refusal(parse_citizen_id, text[:place] + character + text[place + 1 :], TODAY)


@given(usccs(), st.integers(0, 17), st.sampled_from(USCC_ALPHABET))
def test_one_changed_character_breaks_a_uscc(text: str, place: int, character: str) -> None:
    assume(text[place] != character)
    parse_uscc(text)
    refusal(parse_uscc, text[:place] + character + text[place + 1 :])


@given(certificate_identifiers(), st.data(), st.sampled_from(ORGANISATION_ALPHABET))
def test_one_changed_character_breaks_a_certificate_identifier(text: str, data: st.DataObject, character: str) -> None:
    place = data.draw(st.sampled_from([n for n in range(len(ROOT) + 1, len(text)) if text[n] != "."]))
    assume(text[place] != character)
    parse_certificate_identifier(text)
    refusal(parse_certificate_identifier, text[:place] + character + text[place + 1 :])


@given(st.text(DIGITS, min_size=17, max_size=17))
def test_check_characters_of_citizen_ids_agree_with_stdnum(first17: str) -> None:
    assert citizen_id_check_digit(first17) == stdnum.cn.ric.calc_check_digit(first17 + "?")


@given(usccs())
def test_usccs_agree_with_stdnum_where_it_is_right(text: str) -> None:
    assert uscc_check_digit(text[:17]) == stdnum.cn.uscc.calc_check_digit(text[:17])
    if text[:2].isdigit():  # it refuses letters in front, which agriculture, the army and others have
        assert stdnum.cn.uscc.is_valid(text)


@given(citizen_ids())
def test_a_15_digit_id_is_the_18_digit_one_without_century_and_check(text: str) -> None:
    assume(text[6:8] == "19")
    assert citizen_id_from_15(text[:6] + text[8:17]) == text
