"""Why: a provider may grant some rows only: those of its own district, of one kind of company. The rules are compiled once a grant; rows outside them are as if
they were not there, so that an answer never tells that they are. Called by `permit` and `compiling`.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from exchange_api.grant.terms import RowRule
from exchange_api.masking import plain
from schemas.bound import SUBJECT
from schemas.library import Library

Admits = Callable[[Any], bool]


def compile_rows(rules: Sequence[RowRule]) -> Admits | None:
    """Return the function that says whether a stored row may be seen: every rule must hold, and no value fits none. None: there are no rules."""
    if not rules:
        return None
    tests = [(rule.attribute, _test(rule)) for rule in rules]

    def admits(row: Any) -> bool:
        return all(_holds(row[attribute], test) for attribute, test in tests)

    return admits


def columns_of(rules: Iterable[RowRule]) -> tuple[str, ...]:
    """Return the attributes that must be read to judge a row; the subject is read always."""
    return tuple(dict.fromkeys(rule.attribute for rule in rules if rule.attribute != SUBJECT))


def fits(rule: RowRule, spec: Library) -> bool:
    """Tell whether a rule says anything of a library: it names one of its attributes, or the subject."""
    return rule.attribute == SUBJECT or rule.attribute in spec.attribute_ids


def _test(rule: RowRule) -> Callable[[str], bool]:
    return frozenset(rule.values).__contains__ if rule.kind == "in" else lambda text: text.startswith(rule.values)


def _holds(value: Any, test: Callable[[str], bool]) -> bool:
    return value is not None and test(str(plain(value)))
