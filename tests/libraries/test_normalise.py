"""Declared repairs: what each one mends, what it leaves alone, and that it counts exactly what it changed."""

import re
import unicodedata
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libraries.normalising.normalise import normalise
from libraries.normalising.spellings import dates_of
from libraries.texts import plain
from libraries.typed import cast_to


def texts(*values: Any) -> Any:
    return plain(pa.array(values, pa.string()))


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("trim", " 张三\t", "张三"),
        ("trim", "张三\u3000", "张三"),
        ("trim", "\ufeff张三\u00a0", "张三"),
        ("trim", "张 三", "张 三"),
        ("half_width", "３３０１０６１９９００１０１００１Ｘ", "33010619900101001X"),
        ("half_width", "（甲）　乙～", "(甲) 乙~"),
        ("half_width", "ﾊﾝｶｸ。、℃①", "ﾊﾝｶｸ。、℃①"),
        ("upper", "33010619900101001x", "33010619900101001X"),
        ("nfc", unicodedata.normalize("NFD", "é"), "é"),
        ("citizen_id_18", "330106900101001", "330106199001010018"),
        ("citizen_id_18", "330106901301001", "330106901301001"),
        ("date", "20230102", "2023-01-02"),
        ("date", "2023/1/2", "2023-01-02"),
        ("date", "2023.01.02", "2023-01-02"),
        ("date", "2023年1月2日", "2023-01-02"),
        ("date", "2023-01-02 08:30:00", "2023-01-02"),
        ("date", "2023-01-02T08:30:00.123Z", "2023-01-02"),
        ("date", "2023年2月30日", "2023年2月30日"),
        ("date", "01/02/2023", "01/02/2023"),
        ("date", "昨天", "昨天"),
        ("code:sex", "女", "2"),
        ("code:sex", "2", "2"),
        ("code:sex", "无", "无"),
    ],
)
def test_each_repair_mends_what_it_names_and_nothing_else(name: Any, before: Any, after: Any) -> None:
    found, count = normalise(texts("", before, None, before), name)
    assert found.to_pylist() == [None, after, None, after]
    assert count == (2 if before != after else 0)


def test_a_text_of_blanks_becomes_missing_when_trimmed() -> None:
    found, count = normalise(texts("  "), "trim")
    assert (plain(found).to_pylist(), count) == ([None], 1)


@given(st.lists(st.one_of(st.none(), st.text(max_size=12)), max_size=20), st.integers(0, 5))
@settings(max_examples=150, deadline=None)
def test_half_width_agrees_with_the_character_by_character_definition(values: Any, skipped: Any) -> None:
    twins = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}
    array = texts(*values).slice(skipped)
    expected = [value.translate(twins) if value else None for value in values[skipped:]]
    found, count = normalise(array, "half_width")
    assert found.to_pylist() == expected
    assert count == sum(new != (old or None) for old, new in zip(values[skipped:], expected, strict=True))


@given(st.lists(st.one_of(st.none(), st.text(alphabet=" \u3000\ta中Ａ\u2009é", max_size=6)), max_size=20))
@settings(max_examples=150, deadline=None)
def test_trimming_agrees_with_python(values: Any) -> None:
    found, _ = normalise(texts(*values), "trim")
    assert [text or None for text in found.to_pylist()] == [
        value.strip() or None if value else None for value in values
    ]


@given(
    st.lists(st.one_of(st.none(), st.from_regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", fullmatch=True), st.text(max_size=10)))
)
@settings(max_examples=200, deadline=None)
def test_days_of_the_calendar_agree_with_python(values: Any) -> None:
    from datetime import date

    def parsed(value: Any) -> Any:
        if not value or not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
            return None
        try:
            return date.fromisoformat(value)
        except ValueError:
            return None

    assert dates_of(texts(*values)).to_pylist() == [parsed(value) for value in values]


@pytest.mark.parametrize(
    ("kind", "text", "is_good"),
    [
        ("N", "1.50", True),
        ("N", "-3", True),
        ("N", "1e5", False),
        ("N", "1,000", False),
        ("N", "0.1234567", False),
        ("N", "0.12345600", True),
        ("N", "9" * 30, False),
        ("I", "12", True),
        ("I", "12.5", False),
        ("D", "2024-02-29", True),
        ("D", "2023-02-29", False),
        ("T", "2023-01-01 23:59:59", True),
        ("T", "2023-01-01 24:00:00", False),
        ("L", "是", True),
        ("L", "maybe", False),
    ],
)
def test_a_value_that_does_not_fit_its_type_becomes_null_and_never_raises(kind: Any, text: Any, is_good: Any) -> None:
    assert cast_to(kind, texts(text, None)).is_valid().to_pylist() == [is_good, False]


@pytest.mark.parametrize("kind", ["N", "I"])
def test_numbers_that_are_no_numbers_do_not_fit(kind: Any) -> None:
    found = cast_to(kind, pa.array([1.0, float("nan"), float("inf"), None, 1e30]))
    assert found.is_valid().to_pylist() == [True, False, False, False, False]
