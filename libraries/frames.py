"""Why: rules and libraries want a row group as declared: repaired, then in its types. A frame is one landed row group seen that way, every step
vectorised and every repair counted. Called by `libraries.judging.screening`, `masks` and `duplicates`.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import date
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from libraries.landing import ROW
from libraries.normalising.normalise import REPAIRS, Binding, Step, codes_of, repair_of, repairs_of, steps
from libraries.texts import plain
from libraries.typed import ATTRIBUTE_TYPES, cast_to
from schemas.bound import EFFECTIVE_FROM, SUBJECT
from schemas.errors import Invalid, Terminal
from schemas.geometry import Shapes, read_shapes
from schemas.library import Library, library
from schemas.resource import Item, ResourceDocument

_TYPED = ("D", "T", "N", "Y", "F", "B", "I")
_FITS = {"date": ("D", "T"), "number": ("N", "Y", "F", "B", "I"), "geometry": ("C", "M", "G")}


class Frame:
    """One row group: `texts(item)` after normalisation, `typed(item)` in the declared type; an item is worked on when first asked for.

    today: the day the batch landed, by which dates are judged, so that checking again gives the same verdict.
    """

    def __init__(self, table: pa.Table, document: ResourceDocument, today: date) -> None:
        self.document, self.rows, self.today = document, table.num_rows, today
        self._counts: Counter[str] = Counter()
        self._landed = {name: table.column(name) for name in table.column_names}
        self._texts: dict[str, Any] = {}
        self._typed: dict[str, Any] = {}
        self._values: dict[str, Any] = {}
        self._shapes: dict[str, Shapes] = {}

    @cached_property
    def repairs(self) -> Counter[str]:
        """Return how many values each declared normalisation changed, by "item.normalisation"."""
        for item in self.document.items:
            self._value(item.id)
        return self._counts

    @cached_property
    def numbers(self) -> NDArray[np.int64]:
        """Return the rows' numbers in the batch, from 1."""
        return np.asarray(self._landed[ROW].to_numpy(), np.int64)

    def texts(self, item_id: str) -> Any:
        """Return an item as text, normalised; a missing value is null."""
        if item_id not in self._texts:
            self._texts[item_id] = plain(self._value(item_id))
        return self._texts[item_id]

    def typed(self, item_id: str) -> Any:
        """Return an item in its declared type, null where it is missing or does not fit."""
        if item_id not in self._typed:
            self._typed[item_id] = cast_to(self.document.item(item_id).type, self._value(item_id))
        return self._typed[item_id]

    def shapes(self, item_id: str) -> Shapes:
        """Return an item that feeds a geometry as canonical GeoJSON, with what is wrong where it is not. Raises KeyError for another item."""
        if item_id not in self._shapes:
            item = self.document.item(item_id)
            attribute = library(self.document.library or "").attribute(item.attribute or "")
            self._shapes[item_id] = read_shapes(self.texts(item_id), attribute.crs)
        return self._shapes[item_id]

    def key(self) -> Any:
        """Return the source key of every row as text, its parts joined with "/"; null when a part is missing."""
        assert self.document.source is not None
        return _joined([self.texts(item) for item in self.document.source.key])

    def output(self) -> pa.Table:
        """Return the rows as the library takes them: key, subject, fed attributes in the library's order, effective day if bound, row number."""
        if self.document.library is None:
            columns = {item.id: self.typed(item.id) for item in self.document.items}
            return pa.table({**columns, ROW: self._landed[ROW]})
        spec = library(self.document.library)
        fed = {item.attribute: item for item in self.document.items if item.attribute}
        columns = {name: self._attribute(spec, name, fed[name]) for name in spec.attribute_ids if name in fed}
        subject = {"subject": self.texts(fed["subject"].id)} if "subject" in fed else {}
        if spec.entry is not None:
            subject = {"entry": _joined([plain(columns[name]) for name in spec.entry.from_]), **subject}
        if EFFECTIVE_FROM in fed:
            columns[EFFECTIVE_FROM] = self.typed(fed[EFFECTIVE_FROM].id).cast(ATTRIBUTE_TYPES["date"])
        return pa.table({**subject, **columns, ROW: self._landed[ROW]})

    def _value(self, item_id: str) -> Any:
        if item_id not in self._values:
            self._values[item_id] = self._repaired(self.document.item(item_id))
        return self._values[item_id]

    def steps(self, item_id: str) -> Iterator[Step]:
        """Yield every repair of an item's landed texts, in order; nothing for what the source delivers in types of its own."""
        values = self._delivered(item_id)
        if not self._is_typed(item_id, values):
            yield from steps(plain(values), self.document.item(item_id), Binding(self.document, self.texts))

    def _repaired(self, item: Item) -> Any:
        values = self._delivered(item.id)
        if self._is_typed(item.id, values):
            return values  # there is nothing to repair in a date or a number
        values = plain(values)
        for step in self.steps(item.id):
            values = step.after
            if step.changed:
                self._counts[f"{item.id}.{step.name}"] += step.changed
        return plain(values)

    def _delivered(self, item_id: str) -> Any:
        landed = self._landed.get(item_id)
        if landed is None:
            return pa.nulls(self.rows, pa.string())
        values = landed.combine_chunks() if isinstance(landed, pa.ChunkedArray) else landed
        if isinstance(values, pa.ChunkedArray):  # an empty chunked array stays one
            values = pa.concat_arrays(values.chunks) if values.num_chunks else pa.array([], values.type)
        return values

    def _is_typed(self, item_id: str, values: Any) -> bool:
        is_text = pa.types.is_string(values.type) or pa.types.is_large_string(values.type)
        return self.document.item(item_id).type in _TYPED and not is_text

    def _attribute(self, spec: Library, name: str, item: Item) -> Any:
        kind = spec.attribute(name).type
        if kind == "geometry":
            return self.shapes(item.id).canonical
        return self.texts(item.id) if kind == "text" else self.typed(item.id).cast(ATTRIBUTE_TYPES[kind])


def require_checkable(document: ResourceDocument) -> None:
    """Refuse a version whose declared repairs or types cannot work. Raises Terminal `quality.unknown_normalisation`, `quality.bad_attribute`."""
    spec = library(document.library) if document.library else None
    _require_tables(document)
    for item in document.items:
        for name in repairs_of(item, document):
            _require_repair(document, item, name)
        if spec is not None and item.attribute and item.attribute != SUBJECT:
            wanted = "date" if item.attribute == EFFECTIVE_FROM else spec.attribute(item.attribute).type
            if item.type not in _FITS.get(wanted, (item.type,)):
                raise Terminal(
                    "quality.bad_attribute", resource=document.id, item=item.id, type=item.type,
                    attribute=item.attribute, wanted=wanted,
                )  # fmt: skip


def _require_tables(document: ResourceDocument) -> None:
    """Refuse a table of the binding that nothing uses: a misspelt item would leave its codes as they are in silence."""
    used = {name.removeprefix("map:") for item in document.items for name in repairs_of(item, document)}
    if unused := sorted(set(codes_of(document)) - used):
        raise Terminal(
            "quality.unknown_normalisation", resource=document.id, item=unused[0], name=f"codes: {unused[0]}",
            known=", ".join(item.id for item in document.items),
        )  # fmt: skip


def _require_repair(document: ResourceDocument, item: Item, name: str) -> None:
    try:
        found = repair_of(name, Binding(document, lambda _: None))
    except Invalid:
        found = None
    if found is None:
        raise Terminal(
            "quality.unknown_normalisation", resource=document.id, item=item.id, name=name, known=", ".join(REPAIRS)
        )


def _joined(parts: list[Any]) -> Any:
    return parts[0] if len(parts) == 1 else pc.binary_join_element_wise(*parts, "/")
