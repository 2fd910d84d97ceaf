"""Why: each kind of rule is one vectorised question to a row group, "which rows break it?"; the answers are packed as bits, one rule one bit, for
Great Expectations to judge (docs/decisions/0003). Called by `libraries.judging.screening`.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from catalog.rules import GEOMETRY_FAULTS, Rule
from libraries.frames import Frame
from libraries.texts import Flags, flags, offsets_of, present
from schemas.codes import code_table
from schemas.errors import HutongError, Terminal
from schemas.identifiers import (
    citizen_id_birth_dates,
    citizen_id_sex,
    valid_certificate_identifiers,
    valid_citizen_ids,
    valid_organisation_codes,
    valid_place_codes,
    valid_uscc,
)

RULES_PER_COLUMN = 63
Bits = NDArray[np.uint64]
Judge = Callable[[Rule, Frame], Flags]


def broken(rule: Rule, frame: Frame) -> Flags:
    """Return which rows of the frame break a row rule; `options.when` ({item: value or values}) limits it to rows that have these values.

    Raises Terminal `quality.bad_rule`.
    """
    try:
        found = JUDGES[rule.kind](rule, frame)
        for item, values in rule.options.get("when", {}).items():
            wanted = [values] if isinstance(values, str) else list(values)
            found = found & flags(pc.is_in(frame.texts(item), value_set=pa.array(wanted, pa.string())))
    except (KeyError, StopIteration, pa.ArrowInvalid, HutongError) as error:
        reason = f"{type(error).__name__} {error}"
        raise Terminal("quality.bad_rule", rule=rule.id, resource=frame.document.id, reason=reason) from error
    return found


def pack(rows: int, answers: list[Flags]) -> list[Bits]:
    """Return answers packed as bits, RULES_PER_COLUMN to a column, the first rule in the lowest bit."""
    columns = [np.zeros(rows, np.uint64) for _ in range(-(-len(answers) // RULES_PER_COLUMN) or 1)]
    for number, answer in enumerate(answers):
        column, bit = divmod(number, RULES_PER_COLUMN)
        if answer.any():
            columns[column] |= answer.astype(np.uint64) << np.uint64(bit)
    return columns


def holder_codes(texts: Any) -> Any:
    """Return which texts are a citizen id or a unified social credit code."""
    return pc.or_(valid_citizen_ids(texts), valid_uscc(texts))


IDENTIFIERS: dict[str, Callable[[Any], Any]] = {
    "citizen_id": valid_citizen_ids,
    "uscc": valid_uscc,
    "organisation_code": valid_organisation_codes,
    # records of before the standard are taken and named (libraries.certificates.flags); only issuing is strict
    "certificate_identifier": partial(valid_certificate_identifiers, imported=True),
    "holder_code": holder_codes,
    "place_code": valid_place_codes,
}


def _required(rule: Rule, frame: Frame) -> Flags:
    return ~present(frame.texts(rule.items[0]))


def _type(rule: Rule, frame: Frame) -> Flags:
    return present(frame.texts(rule.items[0])) & ~present(frame.typed(rule.items[0]))


def _length(rule: Rule, frame: Frame) -> Flags:
    texts, limit = frame.texts(rule.items[0]), int(rule.options["maximum"])
    if np.diff(offsets_of(texts)).max(initial=0) <= limit:  # so many bytes cannot be more characters
        return np.zeros(frame.rows, np.bool_)
    return flags(pc.greater(pc.utf8_length(texts), limit))


def _pattern(rule: Rule, frame: Frame) -> Flags:
    return _not(pc.match_substring_regex(frame.texts(rule.items[0]), f"^(?:{rule.options['pattern']})$"))


def _code_table(rule: Rule, frame: Frame) -> Flags:
    return _not(code_table(rule.options["table"]).contains(frame.texts(rule.items[0])))


def _check_digit(rule: Rule, frame: Frame) -> Flags:
    return _not(IDENTIFIERS[rule.options["identifier"]](frame.texts(rule.items[0])))


def _geometry(rule: Rule, frame: Frame) -> Flags:
    return frame.shapes(rule.items[0]).faults[rule.kind]


def _range(rule: Rule, frame: Frame) -> Flags:
    values = pc.cast(frame.typed(rule.items[0]), pa.float64())
    low, high = rule.options.get("minimum"), rule.options.get("maximum")
    found = np.zeros(frame.rows, np.bool_)
    if low is not None:
        found |= flags(pc.less(values, float(low)))
    if high is not None:
        found |= flags(pc.greater(values, float(high)))
    return found


def _birth_date_matches_id(rule: Rule, frame: Frame) -> Flags:
    identifier, other = _identifier_and_other(rule, frame)
    return flags(pc.not_equal(citizen_id_birth_dates(frame.texts(identifier)), frame.typed(other)))


def _sex_matches_id(rule: Rule, frame: Frame) -> Flags:
    identifier, other = _identifier_and_other(rule, frame)
    sexes = frame.texts(other)
    said = pc.if_else(
        pc.is_in(sexes, value_set=pa.array(["1", "2"])), sexes, None
    )  # unknown and not stated contradict nothing
    return flags(pc.not_equal(citizen_id_sex(frame.texts(identifier)), said))


def _not_after(rule: Rule, frame: Frame) -> Flags:
    first, second = rule.items
    return flags(pc.greater(frame.typed(first), frame.typed(second)))


def _not_in_future(rule: Rule, frame: Frame) -> Flags:
    today = pa.scalar(frame.today)
    found: Flags = np.logical_or.reduce([flags(pc.greater(frame.typed(item), today)) for item in rule.items])
    return found


def _state_matches_validity(rule: Rule, frame: Frame) -> Flags:
    state, until = rule.items
    is_valid = pc.is_in(frame.texts(state), value_set=pa.array(list(rule.options["valid_states"]), pa.string()))
    return flags(is_valid) & flags(pc.less(frame.typed(until), pa.scalar(frame.today)))


def _one_of(rule: Rule, frame: Frame) -> Flags:
    """`values`: the item is one of them; without: at least one of the items is there."""
    if "values" in rule.options:
        allowed = pa.array([str(value) for value in rule.options["values"]], pa.string())
        texts = frame.texts(rule.items[0])
        return present(texts) & ~flags(pc.is_in(texts, value_set=allowed))
    found: Flags = np.logical_and.reduce([~present(frame.texts(item)) for item in rule.items])
    return found


JUDGES: dict[str, Judge] = {
    "required": _required,
    "type": _type,
    "length": _length,
    "pattern": _pattern,
    "code_table": _code_table,
    "check_digit": _check_digit,
    "range": _range,
    **dict.fromkeys(GEOMETRY_FAULTS, _geometry),
    "birth_date_matches_id": _birth_date_matches_id,
    "sex_matches_id": _sex_matches_id,
    "not_after": _not_after,
    "not_in_future": _not_in_future,
    "state_matches_validity": _state_matches_validity,
    "one_of": _one_of,
}


def _identifier_and_other(rule: Rule, frame: Frame) -> tuple[str, str]:
    identifier = next(item for item in rule.items if frame.document.item(item).check == "citizen_id")
    return identifier, next(item for item in rule.items if item != identifier)


def _not(good: Any) -> Flags:
    return flags(pc.invert(good))
