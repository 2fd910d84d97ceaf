"""Why: what an item leaves unsaid its data element says. Items inherit type, length, code table and sensitivity; where one says otherwise, that is shown.

Called by the directory when it publishes (`resolve`: a published version is self-contained, and `catalog.rules.rules_of` sees what was inherited), by
`catalog.gaps`, and by commands and pages that show deviations. Pure: no database.

An item is silent where it holds the field's default (type C, sensitivity internal, no length, no code table): a stored draft keeps no other trace of it.
Sensitivity is inherited upwards only (就高不就低): silence never makes an item public.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, get_args

from schemas.resource import Item, ResourceDraft, Sensitivity

SENSITIVITIES: tuple[str, ...] = get_args(Sensitivity)  # from open to close
TEXTS = frozenset("CMG")  # data types whose length counts characters
FIELDS = ("type", "length", "code_table", "sensitivity")
_Draft = TypeVar("_Draft", bound=ResourceDraft)


class Meaning(Protocol):
    """What of a data element is inherited: a stored one and an `ElementDocument` both are."""

    @property
    def type(self) -> Any:
        """Data type."""

    @property
    def length(self) -> int | None:
        """Greatest length in characters."""

    @property
    def code_table(self) -> str | None:
        """Its code table."""

    @property
    def sensitivity(self) -> Any:
        """How closely it is kept."""


@dataclass(frozen=True)
class Deviation:
    """Where an item says other than its element; `is_weaker`: it promises less (longer, without the code table, kept less closely)."""

    item: str
    element: str
    field: str
    said: Any
    meant: Any
    is_weaker: bool


def inherited(item: Item, element: Meaning) -> Item:
    """Return the item with type, length, code table and sensitivity of its element where it says nothing itself."""
    update: dict[str, Any] = {}
    kind = element.type if item.type == "C" else item.type
    if kind != item.type:
        update["type"] = kind
    if item.length is None and element.length is not None and kind in TEXTS:
        update["length"] = element.length
    if item.code_table is None and element.code_table is not None and kind in TEXTS:
        update["code_table"] = element.code_table
    if item.sensitivity == "internal" and _rank(element.sensitivity) > _rank("internal"):
        update["sensitivity"] = element.sensitivity
    return item.model_copy(update=update) if update else item


def deviations(item: Item, element: Meaning) -> tuple[Deviation, ...]:
    """Return what the item, after inheriting, still says otherwise than its element."""
    whole = inherited(item, element)
    return tuple(
        Deviation(
            item.id,
            str(item.element),
            field,
            getattr(whole, field),
            getattr(element, field),
            _weaker(whole, element, field),
        )
        for field in FIELDS
        if getattr(whole, field) != getattr(element, field)
    )


def resolve(document: _Draft, elements: Mapping[str, Meaning]) -> _Draft:
    """Return the document with every bound item inheriting from its element; items without one, or of an unknown one, stay as they are."""
    items = tuple(
        inherited(item, elements[item.element]) if item.element and item.element in elements else item
        for item in document.items
    )
    return document if items == document.items else document.model_copy(update={"items": items})


def deviations_of(document: ResourceDraft, elements: Mapping[str, Meaning]) -> Iterator[Deviation]:
    """Yield the deviations of all bound items of a document, in their order."""
    for item in document.items:
        if item.element and item.element in elements:
            yield from deviations(item, elements[item.element])


def _weaker(item: Item, element: Meaning, field: str) -> bool:
    if field == "length":
        return item.length is None or (element.length is not None and item.length > element.length)
    if field == "sensitivity":
        return _rank(item.sensitivity) < _rank(element.sensitivity)
    if field == "code_table":
        return item.code_table is None
    return item.type in TEXTS and element.type not in TEXTS


def _rank(sensitivity: str) -> int:
    return SENSITIVITIES.index(sensitivity)
