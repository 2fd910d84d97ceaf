"""Why: what ODCS 3.1 is and which of its words mean which of ours, said once for both directions. Called by this room alone.

Every contract is held against the official JSON schema (folder odcs-3.1.0, with its source and licence); nothing is fetched.
"""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from catalog.yaml_text import Steps

if TYPE_CHECKING:
    from jsonschema import ValidationError
    from jsonschema.protocols import Validator

API_VERSION = "v3.1.0"
ENGINE = "hutong"  # of quality rules that only this hub knows how to judge
ELEMENT_URN = "urn:hutong:element:"
STATES = {
    "draft": "draft",
    "office_review": "proposed",
    "authority_review": "proposed",
    "scheduled": "proposed",
    "published": "active",
    "superseded": "deprecated",
    "withdrawn": "retired",
}
LOGICAL_TYPES = {  # data type (element 8) → logicalType
    "C": "string",
    "M": "string",
    "N": "number",
    "Y": "number",
    "B": "number",
    "F": "number",
    "I": "integer",
    "D": "date",
    "T": "timestamp",
    "L": "boolean",
    "G": "object",
}
DATA_TYPES = {  # logicalType → the data type it means when the contract says no more
    "string": "C",
    "number": "N",
    "integer": "I",
    "date": "D",
    "timestamp": "T",
    "time": "C",
    "boolean": "L",
    "object": "G",
    "array": "G",
}
LIMITS = {  # logicalType → its options that items have too, and our names of them
    "string": {"maxLength": "length", "pattern": "pattern"},
    "number": {"minimum": "minimum", "maximum": "maximum"},
    "integer": {"minimum": "minimum", "maximum": "maximum"},
}
DIMENSIONS = {  # indicator (GB/T 36344) → dimension
    "normativity": "conformity",
    "completeness": "completeness",
    "accuracy": "accuracy",
    "consistency": "consistency",
    "timeliness": "timeliness",
    "accessibility": "coverage",
}
FREQUENCIES: dict[
    int, tuple[Any, str | None]
] = {  # update cycle (element 11) → value and unit of the service level `frequency`
    1: ("continuous", None),
    2: (1, "d"),
    3: (7, "d"),
    4: (1, "m"),
    5: (3, "m"),
    6: (1, "y"),
    7: ("irregular", None),
    8: (10, "d"),
}


@dataclass(frozen=True)
class Problem:
    """Where a contract breaks the standard, and how, in both languages."""

    path: Steps
    words: str


def problems(contract: Any) -> list[Problem]:
    """Return every place where `contract` breaks the ODCS 3.1.0 schema, the innermost of each, in the contract's order; at most 50."""
    leaves = [_leaf(error) for error in _validator().iter_errors(contract)]
    # a part with an error inside has, to the schema, no known fields at all: what follows from that is not told
    told = [x for x in leaves if x.validator != "unevaluatedProperties" or not _explained(x, leaves)]
    found = {
        (problem.path, problem.words): problem for problem in (Problem(tuple(x.absolute_path), _words(x)) for x in told)
    }
    return sorted(found.values(), key=lambda problem: [str(step).zfill(9) for step in problem.path])[:50]


def _explained(error: "ValidationError", others: "list[ValidationError]") -> bool:
    path = list(error.absolute_path)
    inside = [x for x in others if list(x.absolute_path)[: len(path)] == path]
    return any(len(x.absolute_path) > len(path) or x.validator != "unevaluatedProperties" for x in inside)


@cache
def _validator() -> "Validator":
    from jsonschema import Draft201909Validator

    text = files(__package__).joinpath("odcs-3.1.0", "odcs-json-schema-v3.1.0.json").read_text("utf-8")
    return Draft201909Validator(json.loads(text))


def _leaf(error: "ValidationError") -> "ValidationError":
    """A choice says only that nothing fitted; what did not fit lies in its branches: the deepest place is in the branch that was meant."""
    while error.context:
        error = max(error.context, key=lambda inner: (len(inner.absolute_path), inner.validator != "type"))
    return error


def _words(error: "ValidationError") -> str:
    message = error.message if len(error.message) <= 200 else f"{error.message[:200]}…"
    wanted = str(error.validator_value)[:160]
    chinese = {
        "required": "缺少必填字段",
        "type": f"类型应为 {wanted}",
        "enum": f"取值须为 {wanted} 之一",
        "const": f"取值须为 {wanted}",
        "pattern": f"格式须符合 {wanted}",
        "additionalProperties": "标准中没有这个字段",
        "unevaluatedProperties": "标准中没有这个字段，或其内容不符合标准",
    }.get(str(error.validator), "不符合标准")
    return f"{message} / {chinese}"
