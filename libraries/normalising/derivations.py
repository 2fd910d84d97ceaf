"""Why: old systems know an organisation by its nine-character code (GB 11714), the city by its unified social credit code, which carries that code inside.
With the registering authority, the kind of institution and the division beside it the new code follows exactly (GB 32100-2015, clause 4); where one of
them is not given nothing is derived, because nothing is guessed. Called by `libraries.normalising.normalise`.
"""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from libraries.texts import offsets_of
from schemas.identifiers import append_uscc_check_digits, valid_organisation_codes
from schemas.identifiers.organisation import USCC_ALPHABET
from schemas.resource import ResourceDocument

# which kinds each registering authority gives (GB 32100-2015, tables 1 and 2)
KINDS = {
    "1": "1239", "2": "19", "3": "123459", "4": "19", "5": "1239", "6": "129", "7": "129", "8": "19", "9": "123", "A": "19",
    "N": "1239", "Y": "1",
}  # fmt: skip
_HEAD = f"^(?:{'|'.join(f'{authority}[{kinds}]' for authority, kinds in KINDS.items())})[0-9]{{6}}$"
_BODY = f"^[{USCC_ALPHABET}]{{9}}$"
_FORMS = (re.compile(rf"[{''.join(KINDS)}]"), re.compile(r"[1-9]"), re.compile(r"\d{6}"))


def parts_of_uscc(argument: str, document: ResourceDocument) -> tuple[str, ...] | None:
    """Return authority, kind and division of a declared derivation, each a constant or the id of an item; None when it is not well declared."""
    parts = tuple(part.strip() for part in argument.split(","))
    known = {item.id for item in document.items}
    if len(parts) != len(_FORMS):
        return None
    good = (part in known or form.fullmatch(part) for part, form in zip(parts, _FORMS, strict=True))
    return parts if all(good) else None


def is_item(name: str, document: ResourceDocument) -> bool:
    """Tell whether a derivation names an item of the resource."""
    return any(item.id == name for item in document.items)


def usccs_of(texts: Any, parts: Sequence[Any]) -> Any:
    """Return sound organisation codes (with or without their hyphen) as unified social credit codes, all else unchanged.

    parts: authority, kind, division: a scalar, or an array row for row. A part that is missing or that GB 32100 does not know leaves the code as it is.
    """
    widths = np.diff(offsets_of(texts))
    rows = pa.array(np.flatnonzero((widths == 9) | (widths == 10)))
    if not len(rows):
        return texts
    bare = pc.replace_substring_regex(texts.take(rows), r"^([0-9A-Z]{8})-([0-9X])$", r"\1\2")
    head = pc.binary_join_element_wise(
        *(pa.repeat(p, len(rows)) if isinstance(p, pa.Scalar) else p.take(rows) for p in parts), ""
    )
    sound = pc.and_kleene(valid_organisation_codes(bare), pc.match_substring_regex(bare, _BODY))
    sound = pc.and_kleene(sound, pc.match_substring_regex(head, _HEAD)).fill_null(False)
    derived = append_uscc_check_digits(pc.binary_join_element_wise(head.filter(sound), bare.filter(sound), ""))
    mask = np.zeros(len(texts), np.bool_)
    mask[np.asarray(rows)[np.asarray(sound.to_numpy(zero_copy_only=False))]] = True
    return pc.replace_with_mask(texts, pa.array(mask), derived.cast(pa.string()))
