"""Masks over whole columns leave exactly what the masks of single values leave, of any text."""

from typing import Any, get_args

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange_api.exports.columns import masked
from schemas.library import Mask
from schemas.masking import mask_of

DIGITS = "0123456789０９٣"
TEXTS = st.one_of(
    st.text(max_size=30),
    st.text(alphabet=DIGITS, min_size=6, max_size=6),
    st.text(alphabet=DIGITS, min_size=10, max_size=12).map(lambda text: "1" + text[1:]),
    st.from_regex(r"\A\d{4}-\d{2}-\d{2}.{0,3}\Z"),
    st.from_regex(r"\A[1-9]\d{16}[\dX]\Z"),
    st.sampled_from(
        ["浙江省杭州市西湖区文一路1号", "欧阳小一", "张", "13812345678", "1990-03-07", "330106", "\n", "13812345678\n"]
    ),
)


@pytest.mark.parametrize("mask", get_args(Mask))
def test_a_masked_column_is_its_masked_values(mask: Any) -> None:
    @given(st.lists(st.one_of(st.none(), TEXTS), max_size=20))
    def hold(texts: list[str | None]) -> None:
        one_by_one = [None if text is None else mask_of(mask)(text) for text in texts]
        assert masked(pa.array(texts, pa.string()), mask).to_pylist() == one_by_one

    hold()
