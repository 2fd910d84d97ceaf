"""Places are known by twelve digits of a division, and an address by its own number behind them."""

import pyarrow as pa
import pytest

from schemas.errors import Invalid
from schemas.identifiers import PlaceCode, parse_place_code, valid_place_codes

GOOD = {
    "330000000000": None,
    "330100000000": None,
    "330106000000": None,
    "330106004000": None,
    "330106004051": None,
    "441900003004": None,  # 东莞: towns right below the prefecture
    "330106004051-A12": "A12",
    "330106004000-7": "7",
}
BAD = [
    "",
    "330106",  # six digits: a division of GB/T 2260, not yet a place code
    "3301060040511",
    "33010600405X",
    "３３0106004051",
    "000106004051",  # no such province
    "330006000000",  # a county of no prefecture
    "330106000051",  # a village of no town
    "330106600000",  # towns end with 599
    "330106004600",
    "330106000000-1",  # an address of a county
    "330106004051-",
    "330106004051-a1",
    "330106004051-123456789012345678",
]


@pytest.mark.parametrize("text", GOOD)
def test_a_place_code_comes_apart(text: str) -> None:
    assert parse_place_code(text) == PlaceCode(text[:12], GOOD[text])


@pytest.mark.parametrize("text", BAD)
def test_what_is_no_place_code_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse_place_code(text)
    assert refused.value.code == "identifier.place"
    assert not text or text not in str(refused.value)


def test_whole_columns_are_judged_and_null_stays_null() -> None:
    texts = [*GOOD, None, *BAD]
    wanted = [*(True for _ in GOOD), None, *(False for _ in BAD)]
    assert valid_place_codes(pa.chunked_array([texts[:3], texts[3:]], pa.string())).to_pylist() == wanted
    assert valid_place_codes(pa.array(texts).slice(2, 9)).to_pylist() == wanted[2:11]
    assert valid_place_codes(pa.array(["330106004051"] * 2).dictionary_encode()).to_pylist() == [True, True]
