"""Row hashes are kept in the database: they must never depend on machine, slicing, chunking or which columns came along."""

from datetime import date

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from libraries.fingerprint import hash_column, hash_rows

texts = st.lists(st.one_of(st.none(), st.text(max_size=40)), min_size=1, max_size=30)


@given(values=texts, before=st.integers(0, 5))
def test_equal_values_hash_equal_wherever_they_stand(values: list[str | None], before: int) -> None:
    column = pa.array(values, pa.string())
    shifted = pa.array([*["前"] * before, *values], pa.string())[before:]
    hashes = hash_rows({"name": column}, len(values))
    assert (hashes == hash_rows({"name": shifted, "sex": pa.nulls(len(values), pa.string())}, len(values))).all()
    assert len(set(hashes.tolist())) == len(set(values))


def test_hashes_are_what_they_were() -> None:
    column = pa.array(["", "a", "12345678", "123456789", "公民身份号码"])
    days = pa.array([date(1970, 1, 1), date(1949, 10, 1), None, None, None])
    assert hash_rows({"name": column, "birth_date": days}, 5).tolist() == PINNED


def test_a_code_column_hashes_as_any_other() -> None:
    values = [f"{n % 7}" for n in range(2000)]
    many = pa.array([*(f"x{n}" for n in range(2000)), *values])  # the sample at its head shows no codes
    assert (hash_column(pa.array(values)) == hash_column(many)[2000:]).all()


def test_near_rows_fall_into_all_partitions_evenly() -> None:
    part = hash_column(pa.array([f"33010619900101{n:04}" for n in range(8000)])) >> np.uint64(61)
    assert np.bincount(part.astype(int), minlength=8).min() > 800


PINNED = [5030659882656549229, -4605144546596748245, 8151052170277275614, 7721837896648065857, -2560034193720103706]
