"""States of credit entries: one table; by the days alone and by batches an entry moves along it and never back."""

import itertools
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libraries import serving
from libraries.states import EXPIRED, MOVES, REPAIRED, REVOKED, SUPERSEDED, VALID, WITHDRAWN, may_become, standing
from schemas.codes import code_table
from schemas.library import library

FIRST = date(2026, 1, 1)
DAYS = 12
day = st.one_of(st.none(), st.integers(0, DAYS).map(lambda n: FIRST + timedelta(days=n)))
ENTRY = st.fixed_dictionaries(
    {
        "state": st.sampled_from([None, *MOVES]), "valid_until": day, "publication_until": day, "withdrawn_on": day, "repaired_on": day,
    }
)  # fmt: skip


def entry(state: str | None = VALID, **dates: date) -> dict[str, Any]:
    return {
        "valid_until": None,
        "publication_until": None,
        "withdrawn_on": None,
        "repaired_on": None,
        "state": state,
        **dates,
    }


def test_the_table_knows_every_state_of_the_code_table() -> None:
    assert set(MOVES) == set(code_table("credit_entry_state").entries)
    assert {after for moves in MOVES.values() for after in moves} <= set(MOVES)


@given(ENTRY)
@settings(max_examples=400, deadline=None)
def test_from_day_to_day_a_state_only_moves_along_the_table(values: dict[str, Any]) -> None:
    stands = [standing(values, FIRST + timedelta(days=n)) for n in range(DAYS + 3)]
    for before, after in itertools.pairwise(stands):
        assert may_become(before, after), (before, after)


@given(ENTRY, st.integers(0, DAYS))
@settings(max_examples=400, deadline=None)
def test_what_stands_otherwise_than_valid_is_not_served(values: dict[str, Any], after: int) -> None:
    now = FIRST + timedelta(days=after)
    if standing(values, now) in (WITHDRAWN, REPAIRED, REVOKED, SUPERSEDED, EXPIRED):
        served = serving.why_not(library("credit"), {"changed_on": None, **values}, now) is None
        # a withdrawal or repair that falls today ends the serving at midnight, when its source left the state as it was
        assert not served or now in (values["withdrawn_on"], values["repaired_on"])


@pytest.mark.parametrize(
    ("values", "before", "on", "after"),
    [
        (entry(valid_until=FIRST), VALID, VALID, EXPIRED),
        (entry(publication_until=FIRST, valid_until=FIRST + timedelta(days=9)), VALID, VALID, EXPIRED),
        (entry(REPAIRED, repaired_on=FIRST), VALID, REPAIRED, REPAIRED),
        (entry(WITHDRAWN, withdrawn_on=FIRST), VALID, WITHDRAWN, WITHDRAWN),
        (entry(REVOKED), REVOKED, REVOKED, REVOKED),
        (entry(None), VALID, VALID, VALID),
    ],
)
def test_the_day_before_the_day_and_the_day_after(values: dict[str, Any], before: str, on: str, after: str) -> None:
    found = [standing(values, FIRST + timedelta(days=n)) for n in (-1, 0, 1)]
    assert found == [before, on, after]
