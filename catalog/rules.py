"""Why: what a batch is checked for follows from the published resource version, so that the directory and the checks can never disagree.
The libraries storey compiles these rules; pages and answer keys name them by id (`<item>.<kind>` or the id of a declared check).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from schemas.library import library
from schemas.resource import Check, Item, ResourceDocument

# GB/T 36344-2018: which of the six quality indicators a kind of rule speaks for
INDICATORS = {
    "required": "completeness", "type": "normativity", "length": "normativity", "pattern": "normativity",
    "code_table": "normativity", "check_digit": "accuracy", "range": "accuracy", "unique": "accuracy",
    "geometry": "normativity", "geometry_shape": "accuracy", "geometry_crs": "consistency", "geometry_range": "accuracy",
}  # fmt: skip
GEOMETRY_FAULTS = ("geometry", "geometry_shape", "geometry_crs", "geometry_range")
"""What a geometry may have wrong: it cannot be read; its shape is empty, crosses itself or is not flat; it is in other coordinates than the library's; it
lies outside longitude and latitude.
"""
_TYPED = {
    "N": "number",
    "Y": "number",
    "I": "integer",
    "F": "number",
    "B": "number",
    "D": "date",
    "T": "datetime",
    "L": "logical",
}


@dataclass(frozen=True)
class Rule:
    """One rule: what must hold (`kind`, `options`) of which items, in which scope (row, batch, library), for which indicator."""

    id: str
    kind: str
    items: tuple[str, ...]
    indicator: str
    scope: str = "row"
    options: dict[str, Any] = field(default_factory=dict)


def rules_of(document: ResourceDocument) -> tuple[Rule, ...]:
    """Return the rule set of one resource version, items first in their order, then uniqueness of the key, then declared checks."""
    rules = [rule for item in document.items for rule in (*_rules_of_item(item), *_rules_of_geometry(document, item))]
    if document.source:
        key = document.source.key
        rules.append(Rule(f"{'+'.join(key)}.unique", "unique", key, INDICATORS["unique"], scope="batch"))
    return (*rules, *(declared(check) for check in document.checks))


def _rules_of_item(item: Item) -> Iterator[Rule]:
    def rule(kind: str, **options: Any) -> Rule:
        return Rule(f"{item.id}.{kind}", kind, (item.id,), INDICATORS[kind], options=options)

    if item.required:
        yield rule("required")
    if item.type in _TYPED:
        yield rule("type", type=_TYPED[item.type])
    elif item.length:
        yield rule("length", maximum=item.length)
    if item.minimum is not None or item.maximum is not None:
        yield rule("range", minimum=item.minimum, maximum=item.maximum)
    named = {
        "pattern": ("pattern", item.pattern),
        "code_table": ("table", item.code_table),
        "check_digit": ("identifier", item.check),
    }
    for kind, (option, value) in named.items():
        if value:
            yield rule(kind, **{option: value})


def _rules_of_geometry(document: ResourceDocument, item: Item) -> Iterator[Rule]:
    spec = library(document.library) if document.library else None
    for attribute in spec.attributes if spec else ():
        if attribute.id == item.attribute and attribute.type == "geometry":
            for kind in GEOMETRY_FAULTS:
                yield Rule(f"{item.id}.{kind}", kind, (item.id,), INDICATORS[kind], options={"crs": attribute.crs})


def declared(check: Check) -> Rule:
    """Return the rule that a declared check states; one in SQL looks at the batch as a whole."""
    scope = "batch" if check.kind == "sql" and check.scope == "row" else check.scope
    return Rule(check.id, check.kind, check.items, check.indicator, scope, dict(check.options))
