"""Why: a steward must see what is wrong with a row, not whose row it is. Held and repaired values are shown as the library's attribute is masked in
answers; in clear only where somebody asks for it by name. A wrong value may be anything, so what does not fit its item's length is hidden whole.
Called by whatever shows values of quarantine or of a batch.
"""

from collections.abc import Callable, Mapping
from typing import Any

from schemas.bound import is_attribute
from schemas.library import Library, Mask, library
from schemas.masking import HIDDEN, mask_of
from schemas.resource import Item, ResourceDocument

Concealed = dict[str, str | None]
_IDENTIFIERS = ("citizen_id", "holder_code")
_SHORTEST = 4  # a value of no declared length that is as short as a code


def concealers(document: ResourceDocument) -> dict[str, Callable[[str], str]]:
    """Return per item the function that tells what may be shown of a text that stands in it."""
    spec = library(document.library) if document.library else None
    return {item.id: _concealer(item, _mask(item, spec)) for item in document.items}


def conceal(document: ResourceDocument, values: Mapping[str, Any]) -> Concealed:
    """Return a row's values as they may be shown; what is no item of the resource (a line that fits no header) is hidden, but for file and line."""
    known = concealers(document)
    return {name: None if value is None else _shown(known, name, value) for name, value in values.items()}


def key_of(document: ResourceDocument, values: Mapping[str, Any]) -> str:
    """Return a row's source key as it may be shown."""
    shown = conceal(document, values)
    parts = [shown.get(item) or "—" for item in (document.source.key if document.source else ())]
    return "/".join(parts)


def _shown(known: Mapping[str, Callable[[str], str]], name: str, value: Any) -> str:
    if name in known:
        return known[name](str(value))
    return str(value) if name in ("file", "line") else HIDDEN


def _mask(item: Item, spec: Library | None) -> Mask:
    """Return the mask of the attribute the item feeds; of an item that feeds none, one by what it is checked as, or by its sensitivity."""
    if item.sensitivity == "public":
        return "none"
    if item.check in _IDENTIFIERS:
        return "citizen_id"
    if spec is not None and item.attribute == "subject":
        return "citizen_id" if spec.subject.check in _IDENTIFIERS else "none"
    if spec is not None and item.attribute and is_attribute(item.attribute):
        return spec.attribute(item.attribute).mask
    return "all" if item.sensitivity in ("personal", "sensitive") else "none"


def _concealer(item: Item, mask: Mask) -> Callable[[str], str]:
    if mask != "none" or item.sensitivity == "public":
        return mask_of(mask)
    longest = max(item.length or 0, _SHORTEST) if item.type == "C" else 24
    return lambda text: text if len(text) <= longest else HIDDEN
