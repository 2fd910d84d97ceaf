"""Why: an item of a resource may feed a library with more than its attributes: who the record is about, and from which day on what is said is true. These
two are bound like attributes and are none: they have no authority, no mask, and no grant covers them. Anyone may read it.
"""

SUBJECT = "subject"
EFFECTIVE_FROM = "effective_from"
BESIDE_ATTRIBUTES = (SUBJECT, EFFECTIVE_FROM)
"""What `attribute` of an item may name beside the library's attributes."""


def is_attribute(bound: str | None) -> bool:
    """Tell whether what an item is bound to is an attribute of the library; nothing is none."""
    return bool(bound) and bound not in BESIDE_ATTRIBUTES
