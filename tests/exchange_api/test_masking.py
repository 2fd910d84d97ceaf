"""What a mask hides cannot be read from what it shows."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange_api.masking import HIDDEN, compile_mask
from schemas.library import LIBRARIES, Attribute, Mask, library

HAN = st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FA5), min_size=1, max_size=12)
ATTRIBUTES = [attribute for name in LIBRARIES for attribute in library(name).attributes]


def _mask(kind: Mask, value: Any) -> Any:
    attribute = library("population").attribute("name").model_copy(update={"mask": kind})
    return compile_mask(attribute, "masked")(value)


@given(HAN)
def test_of_a_name_only_the_first_character_is_shown(name: str) -> None:
    masked = _mask("name", name)
    assert masked == (HIDDEN if len(name) == 1 else name[0] + "*" * (len(name) - 1))


@given(st.from_regex(r"[1-9]\d{16}[\dX]", fullmatch=True))
def test_of_a_citizen_id_only_the_ends_are_shown(number: str) -> None:
    masked = _mask("citizen_id", number)
    assert (masked[0], masked[1:-1], masked[-1]) == (number[0], "*" * 16, number[-1])


@given(st.from_regex(r"1\d{10}", fullmatch=True))
def test_of_a_mobile_number_the_middle_is_hidden(number: str) -> None:
    assert _mask("phone", number) == f"{number[:3]}****{number[7:]}"


@given(st.text(max_size=7))
def test_a_value_too_short_for_its_mask_is_hidden_whole(text: str) -> None:
    assert {_mask("phone", text), _mask("tail4", text), _mask("citizen_id", text)} == {HIDDEN}


@given(st.dates(min_value=date(1900, 1, 1)))
def test_of_a_date_only_the_year_is_shown(day: date) -> None:
    assert _mask("year", day) == _mask("year", day.isoformat()) == f"{day.year}"


@given(st.text(max_size=60))
def test_hiding_all_shows_not_even_the_length(text: str) -> None:
    assert _mask("all", text) == HIDDEN


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("浙江省杭州市西湖区文三路123号4幢502室", "浙江省杭州市西湖区***"),
        ("兴和市东河区人民路9号", "兴和市东河区***"),
        ("江苏省苏州市昆山市玉山镇1号", "江苏省苏州市昆山市***"),
        ("内蒙古自治区呼伦贝尔市鄂温克族自治旗巴彦托海镇2号", "内蒙古自治区呼伦贝尔市鄂温克族自治旗***"),
        ("文三路123号阳光小区5幢", HIDDEN),
        ("阳光小区5幢502室", HIDDEN),
        ("某某村7组", HIDDEN),
        ("502室", HIDDEN),
        ("西湖区", HIDDEN),
    ],
)
def test_an_address_is_shown_to_its_county_or_not_at_all(address: str, shown: str) -> None:
    assert _mask("address", address) == shown


@given(HAN, st.from_regex(r"[0-9]{1,4}号[0-9]{1,3}室", fullmatch=True))
def test_house_and_room_never_show_in_a_masked_address(street: str, house: str) -> None:
    assert house not in _mask("address", f"兴和市东河区{street}{house}")
    assert not any(character.isdigit() and character.isascii() for character in _mask("address", street + house))


def test_a_division_is_shown_to_its_prefecture() -> None:
    assert _mask("division", "330106") == "3301**"


@pytest.mark.parametrize("attribute", ATTRIBUTES, ids=lambda a: a.id)
def test_every_attribute_of_every_library_keeps_its_word(attribute: Attribute) -> None:
    point = '{"type":"Point","coordinates":[120.5,30.0]}'
    values = {"date": date(1990, 3, 7), "number": Decimal("12.50"), "text": "440301199003070019", "geometry": point}
    value: Any = values[attribute.type]
    assert compile_mask(attribute, "yes_no")(value) is True
    assert compile_mask(attribute, "yes_no")(None) is False
    assert compile_mask(attribute, "masked")(None) is compile_mask(attribute, "full")(None) is None
    full = compile_mask(attribute, "full")(value)
    told = {
        "date": "1990-03-07",
        "number": 12.5,
        "text": value,
        "geometry": {"type": "Point", "coordinates": [120.5, 30.0]},
    }
    assert full == told[attribute.type]
    if attribute.mask != "none":
        assert compile_mask(attribute, "masked")(value) != full
