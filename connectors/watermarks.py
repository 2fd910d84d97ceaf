"""Why: a watermark leaves as JSON in a manifest and comes back as text; it must meet the column it was read from as the same kind of value, and step
back by the overlap that late commits need. The connectors with watermarks come here.
"""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa


def typed(value: Any, type: pa.DataType) -> Any:
    """Return a watermark, perhaps read back from JSON text, as the Python value of an Arrow type. Raises ValueError."""
    if not isinstance(value, str):
        return value
    if pa.types.is_timestamp(type):
        moment = datetime.fromisoformat(value)
        return (
            moment.astimezone(UTC) if type.tz and moment.tzinfo else moment
        )  # drivers without zones write the clock down as it is
    if pa.types.is_date(type):
        return date.fromisoformat(value)
    if pa.types.is_integer(type):
        return int(value)
    return Decimal(value) if pa.types.is_decimal(type) else value


def before(value: Any, overlap: float) -> Any:
    """Return the value `overlap` earlier: seconds for dates and times (also written as ISO 8601 text), plain units for numbers. Raises ValueError."""
    if not overlap:
        return value
    if isinstance(value, str):
        moment = datetime.fromisoformat(value) - timedelta(seconds=overlap)
        return moment.isoformat("T" if "T" in value else " ", "microseconds" if "." in value else "seconds")[
            : 10 if len(value) == 10 else None
        ]
    if isinstance(value, datetime):
        return value - timedelta(seconds=overlap)
    if isinstance(value, date):
        return value - timedelta(days=-(-overlap // 86_400))
    return value - type(value)(overlap)
