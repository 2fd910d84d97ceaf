"""Why: credit entries and certificates belong to a person or to an organisation, so their subject is a citizen id or a USCC in one column.

Anyone may call it, through `schemas.identifiers`.
"""

from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from schemas.errors import Invalid
from schemas.identifiers.citizen_id import CitizenId, parse_citizen_id, valid_citizen_ids
from schemas.identifiers.columns import Texts
from schemas.identifiers.organisation import Uscc, parse_uscc, valid_uscc


def parse_holder_code(text: str, today: date | None = None) -> CitizenId | Uscc:
    """Parse a citizen id or else a USCC; raise Invalid with what is wrong with it as a USCC."""
    try:
        return parse_citizen_id(text, today)
    except Invalid:
        return parse_uscc(text)


def valid_holder_codes(texts: Texts, today: date | None = None) -> pa.BooleanArray:
    """Return which texts are citizen ids or USCCs; null stays null."""
    either: Any = pc.or_(valid_citizen_ids(texts, today), valid_uscc(texts))
    return either
