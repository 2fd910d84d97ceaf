"""What is shown of a held value tells whose row it is as little as an answer would."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libraries.holding.concealing import conceal, key_of
from schemas.masking import HIDDEN
from schemas.resource import ResourceDocument
from tests.libraries.conftest import RESIDENT as BASE

DOCUMENT = ResourceDocument.model_validate(BASE)


@pytest.mark.parametrize(
    ("item", "value", "shown"),
    [
        ("citizen_id", "33010619900101001X", "3****************X"), ("citizen_id", "330106", HIDDEN), ("name", "张三丰", "张**"),
        ("phone", "12", HIDDEN), ("phone", "13812345678", "138****5678"), ("birth_date", "1990-01-02", "1990"),
        ("birth_date", "2023年2月30日", HIDDEN), ("sex", "1", "1"), ("sex", "13812345678", HIDDEN), ("height", "300", "300"),
        ("height", "33010619900101001X 张三丰 13812345678", HIDDEN), ("text", "a,b,c", HIDDEN), ("line", "7", "7"),
    ],
)  # fmt: skip
def test_a_value_is_masked_as_its_attribute_is_and_hidden_where_it_does_not_fit(
    item: str, value: str, shown: str
) -> None:
    assert conceal(DOCUMENT, {item: value, "none": None}) == {item: shown, "none": None}


def test_the_item_decides_where_it_feeds_no_attribute() -> None:
    def shown(**changes: Any) -> str | None:
        item = {"id": "note", "name": "备注", **changes}
        document = ResourceDocument.model_validate({**BASE, "items": [*BASE["items"], item]})
        return conceal(document, {"note": "abc"})["note"]

    assert shown(sensitivity="sensitive") == shown(sensitivity="personal") == HIDDEN
    assert shown(sensitivity="internal") == shown(sensitivity="public") == "abc"


@given(st.from_regex(r"[1-9][0-9]{16}[0-9X]", fullmatch=True))
def test_a_key_never_tells_the_birth_date(number: str) -> None:
    assert number[6:14] not in key_of(DOCUMENT, {"citizen_id": number})
