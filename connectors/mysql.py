"""Why: MySQL and MariaDB have session settings, types and error numbers of their own; everything else about them is plain SQL. Only `connectors.sql`
comes here.
"""

import re
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from schemas.errors import HutongError, Terminal, Transient

NAMES = ("mysql", "mariadb")
CONNECT_SECONDS = 10
LOCK_SECONDS = 30
SILENCE_SECONDS = 600  # the longest a server may say nothing (a big sort before its first row), and the longest we may take to write a batch away
_DECLARED = re.compile(r"(\w*)(?:\((\d+)(?:,(\d+))?\))?(.*)", re.DOTALL)
_TYPES = (
    ({"tinyint", "smallint", "mediumint", "int", "bigint", "year"}, pa.int64()),
    ({"float", "double"}, pa.float64()),
    ({"date"}, pa.date32()),
    ({"datetime"}, pa.timestamp("us")),
    ({"timestamp"}, pa.timestamp("us", "UTC")),
    ({"tinyblob", "blob", "mediumblob", "longblob", "binary", "varbinary", "bit", "geometry", "point"}, pa.binary()),
    ({"linestring", "polygon", "multipoint", "multilinestring", "multipolygon", "geometrycollection"}, pa.binary()),
)
_REFUSED = {1044, 1045, 1130, 1142, 1143, 1227, 1370, 1698}
_TIMEOUT = {1205, 1969, 3024}
_BROKEN_OFF = {1053, 1080, 1152, 1158, 1159, 1160, 1161, 1213, 1317, 1927, 2006, 2013, 2014, 2027}
_UNREACHABLE = {1040, 1129, 1203, 1226, 2002, 2003, 2005}
_MISSING = {1049: "connector.missing_table", 1146: "connector.missing_table", 1054: "connector.missing_column"}


def connect_arguments(timeout_seconds: float) -> dict[str, Any]:
    """Return the driver's arguments: a server that vanishes is noticed, and text is read in full Unicode."""
    silence = timeout_seconds + CONNECT_SECONDS if timeout_seconds else SILENCE_SECONDS
    return {"connect_timeout": CONNECT_SECONDS, "read_timeout": silence, "write_timeout": silence, "charset": "utf8mb4"}


def session_settings(timeout_seconds: float, is_mariadb: bool) -> Iterator[str]:
    """Yield what a reading session says first: nothing can be written, instants are UTC, locks and statements have an end.

    The server must not hang up while we write a batch away, hence net_write_timeout.
    """
    yield "SET SESSION TRANSACTION READ ONLY"
    yield "SET SESSION time_zone = '+00:00'"
    yield f"SET SESSION net_write_timeout = {SILENCE_SECONDS}"
    yield f"SET SESSION lock_wait_timeout = {max(1, min(LOCK_SECONDS, int(timeout_seconds) or LOCK_SECONDS))}"
    if timeout_seconds and is_mariadb:
        yield f"SET SESSION max_statement_time = {timeout_seconds}"
    elif timeout_seconds:
        yield f"SET SESSION max_execution_time = {int(timeout_seconds * 1_000)}"


def arrow_type(declared: str) -> pa.DataType:
    """Return the Arrow type of a column type as SHOW COLUMNS writes it; text where there is none that keeps every value.

    TIMESTAMP is an instant (UTC), DATETIME a clock on the wall; an unsigned BIGINT does not fit 64 signed bits.
    """
    name, precision, scale, rest = _DECLARED.fullmatch(declared.lower()).groups()  # type: ignore[union-attr]  # it matches any text
    if name == "decimal" and precision and int(precision) <= 38:
        return pa.decimal128(int(precision), int(scale or 0))
    if name == "bigint" and "unsigned" in rest:
        return pa.decimal128(20, 0)
    return next((type for names, type in _TYPES if name in names), pa.string())


def needs_text(declared: str) -> bool:
    """Say whether the server must write a column as text: a TIME may be negative or longer than a day."""
    return declared.lower().startswith("time") and not declared.lower().startswith("timestamp")


def leave_rest(driver: Any) -> None:
    """Tell the driver that nobody wants the rest of a streamed answer: it would else fetch it all, or complain of the lost connection."""
    result = getattr(driver, "_result", None)
    if result is not None:
        result.unbuffered_active, result.connection = False, None


def translated(error: Exception, facts: dict[str, str]) -> HutongError | None:
    """Return what the driver's error number means; None for numbers that say nothing of the source's state."""
    number = error.args[0] if error.args else None
    if number in _MISSING:
        name = str(error.args[-1]).split("'")[1:2]
        return Terminal(
            _MISSING[number], **facts, table=name[0] if name else "", column=name[0] if name else "", found=""
        )
    if number in _REFUSED:
        return Terminal("connector.refused", **facts)
    for numbers, code in (
        (_TIMEOUT, "connector.timeout"),
        (_BROKEN_OFF, "connector.broken_off"),
        (_UNREACHABLE, "connector.unreachable"),
    ):
        if number in numbers:
            late = number == 2013 and "timed out" in str(error)
            return Transient("connector.timeout" if late else code, **facts)
    return None
