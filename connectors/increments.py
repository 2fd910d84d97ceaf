"""Why: a service's watermark is text or a number in the service's own writing; it must be compared as what it means, step back by the overlap, and
go out written as it came in. Only `connectors.rest` comes here.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from connectors.columns import text_of
from connectors.watermarks import before
from schemas.errors import Terminal

_NUMBER = re.compile(r"-?\d+(\.\d+)?")
CLOCK_FORMAT = "%Y-%m-%d %H:%M:%S"


@dataclass(frozen=True)
class Increment:
    """How new records are told from old: `watermark` names a field (a time or a growing number); `format` is how its times are written
    (strptime), where that is not ISO 8601; `overlap` in seconds, or units of a number.
    """

    connection: str
    watermark: str | None = None
    format: str | None = None
    overlap: float = 0

    def earlier(self, since: Any) -> Any:
        """Return a watermark less the overlap, written the same way. Raises Terminal connector.bad_binding."""
        if since is None or not self.overlap:
            return since
        try:
            return self._less(since)
        except (ValueError, TypeError, ArithmeticError):
            raise self._bad("value and overlap do not fit") from None

    def highest(self, records: Iterable[Mapping[str, Any]], start: Any = None) -> Any:
        """Return the highest watermark among the records and `start`, None where there is none. Raises Terminal connector.bad_binding."""
        values = [record.get(self.watermark or "") for record in records]
        given = [_plain(value) for value in (start, *values) if value is not None and value != ""]
        try:
            return max(given, key=self._order) if given else None
        except (ValueError, TypeError):
            raise self._bad(f"values of {self.watermark} do not compare; say watermark_format") from None

    def is_new(self, record: Mapping[str, Any], since: Any) -> bool:
        """Say whether a record is at or after the watermark; one without a watermark always is. Raises Terminal connector.bad_binding."""
        value = record.get(self.watermark or "")
        if value is None or value == "":
            return True
        try:
            return bool(self._order(_plain(value)) >= self._order(_plain(since)))
        except (ValueError, TypeError):
            raise self._bad(f"values of {self.watermark} do not compare; say watermark_format") from None

    def at(self, moment: datetime, zone: str) -> str:
        """Return the service's clock as its watermark is written, in the zone of its records ("+08:00"). Raises Terminal connector.bad_binding."""
        try:
            offset = datetime.strptime(zone, "%z").tzinfo
        except ValueError:
            raise self._bad(f"{zone} is no zone") from None
        return moment.astimezone(offset).strftime(self.format or CLOCK_FORMAT)

    def _less(self, since: Any) -> Any:
        text = text_of(since) or ""
        if self.format:
            return (datetime.strptime(text, self.format) - timedelta(seconds=self.overlap)).strftime(self.format)  # noqa: DTZ007 — a wall clock's reading
        if isinstance(since, int):
            return since - int(self.overlap)
        if text.isdigit():
            less = str(int(text) - int(self.overlap))
            return less.zfill(len(text)) if text.startswith("0") else less
        return before(since, self.overlap)

    def _order(self, value: Any) -> Any:
        if self.format:
            return datetime.strptime(text_of(value) or "", self.format)  # noqa: DTZ007 — compared with its like only
        if not isinstance(value, str):
            return value
        if _NUMBER.fullmatch(value):
            return Decimal(value)
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            return value
        return moment.astimezone(UTC) if moment.tzinfo else moment

    def _bad(self, reason: str) -> Terminal:
        return Terminal("connector.bad_binding", connection=self.connection, option="watermark", reason=reason)


def _plain(value: Any) -> Any:
    """Return a value that keeps its kind as JSON: whole numbers and text; other numbers by their spelling."""
    return value if isinstance(value, int | str) else text_of(value)
