"""Why: from cases to figures to a score, with nothing in between that could not be done again by hand. Pure; called by `snapshots` and `recomputing`.

A share is the sum of n over the sum of d. Below LEAST cases it says nothing and counts nowhere. The score is the weighted mean of the shares that
count, 0 to 100; one event of an indicator that vetoes makes it 0. A score without any share that counts is none.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from exchange_api.evidence.canonical import canonical_json
from exchange_api.supervision.definitions import LEAST, Indicator
from exchange_api.supervision.inputs import Case


@dataclass(frozen=True)
class Figure:
    """One indicator of one department. value: a share, or the number of events; none where too little stands behind it."""

    key: str
    numerator: float
    denominator: float
    value: float | None
    state: str
    cases: Sequence[Case]


@dataclass(frozen=True)
class Score:
    """A department's score, 0 to 100, and what it is made of. weight: of the indicators that count."""

    score: float | None
    weight: int
    is_vetoed: bool
    figures: Sequence[Figure]


def figure(indicator: Indicator, cases: Sequence[Case]) -> Figure:
    """Return the figure of an indicator over its cases."""
    numerator, denominator = round(sum(one.n for one in cases), 4), round(sum(one.d for one in cases), 4)
    if indicator.direction == "veto":
        return Figure(indicator.key, numerator, denominator, numerator, "rated", cases)
    is_small = denominator < LEAST
    value = None if is_small else round(numerator / denominator, 6)
    return Figure(indicator.key, numerator, denominator, value, "small" if is_small else "rated", cases)


def score(indicators: Sequence[Indicator], cases: Mapping[str, Sequence[Case]]) -> Score:
    """Return the score over the cases of each indicator; indicators without cases have no figure."""
    figures = [figure(one, cases[one.key]) for one in indicators if cases.get(one.key)]
    known = {one.key: one for one in indicators}
    is_vetoed = any(known[one.key].direction == "veto" and one.numerator > 0 for one in figures)
    counting = [
        (known[one.key].weight, one.value)
        for one in figures
        if one.value is not None and known[one.key].direction == "up"
    ]
    weight = sum(weight for weight, _ in counting)
    if is_vetoed:
        return Score(0.0, weight, True, figures)
    if not weight:
        return Score(None, 0, False, figures)
    return Score(round(100 * sum(weight * value for weight, value in counting) / weight, 2), weight, False, figures)


def digest(week: str, department_id: str, definition_version: str, made: Score) -> str:
    """Return what names a score with all its inputs: SHA-256 of its canonical JSON."""
    figures = [{"key": one.key, "cases": [case.as_json() for case in one.cases]} for one in made.figures]
    whole: dict[str, Any] = {
        "week": week, "department": department_id, "definitions": definition_version, "score": made.score, "figures": figures,
    }  # fmt: skip
    return hashlib.sha256(canonical_json(whole)).hexdigest()
