"""Why: a cell holds what Excel made of what somebody typed. From cell to value and back: numbers kept as text, dates kept as serials, full-width digits,
code names for codes. What cannot be read for certain is refused with its reason; nothing is guessed. Called by reading and writing.

Text that a spreadsheet would take for a formula is written behind an apostrophe (CSV injection, OWASP) and read back without it.
"""

import json
import re
import unicodedata
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from functools import cache, lru_cache
from math import isfinite
from typing import Any

from catalog.workbook.columns import Column, words
from schemas.codes import code_table

EXACT = 10**15  # Excel keeps fifteen digits; beyond them the last ones are already lost
EPOCH, EPOCH_1904 = date(1899, 12, 30), date(1904, 1, 1)
SERIALS = range(20_000, 75_000)  # 1954 to 2105: what a directory's dates can be
FEW = 4096  # remembered readings: hundreds of thousands of cells say one of a dozen words
SEPARATORS = re.compile(r"[；;、，,\n]+")
_DANGER = re.compile(r"'*[=+\-@\t\r]")
_SAVED = re.compile(r"'+[=+\-@\t\r]")
_DATE = re.compile(r"(\d{4})\s*[-/.年]?\s*(\d{1,2})\s*[-/.月]?\s*(\d{1,2})\s*日?(?:[ T].*)?")
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
NUMBERED = ("sharing_type", "update_cycle")  # tables whose codes are numbers in the document


class CellError(ValueError):
    """A cell that cannot be read: `code` of findings.yml and its facts."""

    def __init__(self, code: str, **facts: Any) -> None:
        super().__init__(code)
        self.code, self.facts = code, facts


def read_cell(column: Column, value: Any) -> Any:
    """Return what a cell that is not empty says, as the document's field wants it; None when it says nothing. Raises CellError."""
    kind, argument = column.form
    return _READERS[kind](value, argument)


def write_cell(column: Column, value: Any) -> str | float | None:
    """Return what to write into the cell so that `read_cell` gives `value` again; None leaves it empty."""
    if value is None or value == ():
        return None
    kind, argument = column.form
    return _WRITERS[kind](value, argument)


def shown(value: Any) -> str:
    """Return a cell as text for people: in findings and messages."""
    if isinstance(value, float) and value == int(value) and abs(value) < EXACT:
        return str(int(value))
    return value.isoformat() if isinstance(value, date | time) else str(value)


def plain_text(value: Any) -> str:
    """Return a cell as text: without padding, whole numbers without a point. Raises CellError for numbers that lost digits."""
    if isinstance(value, str):
        return _restored(value.strip())
    if isinstance(value, float | int) and not isinstance(value, bool) and abs(value) >= EXACT:
        raise CellError("workbook.lost_digits")
    return shown(value)


def guarded(text: str) -> str:
    """Return text that no spreadsheet takes for a formula."""
    return f"'{text}" if _DANGER.match(text) else text


def _restored(text: str) -> str:
    if text[:1] not in ("'", '"'):
        return text
    if _SAVED.match(text):
        return text[1:]
    return str(json.loads(text)) if _is_quoted(text) else text


def _is_quoted(text: str) -> bool:
    """Tell whether a text stands in quotation marks only because it would else lose its padding, or be no text at all."""
    if len(text) < 2 or not (text[0] == text[-1] == '"'):
        return False
    try:
        inner = json.loads(text)
    except ValueError:
        return False
    return isinstance(inner, str) and _needs_quotes(inner)


def _needs_quotes(text: str) -> bool:
    return text != text.strip() or not text or _is_quoted(text)


def _write_text(value: Any, _: str) -> str:
    text = str(value)
    if _needs_quotes(text):
        return json.dumps(text, ensure_ascii=False)
    return guarded(text)


def _text(value: Any, _: str) -> str:
    return plain_text(value)


def _code(value: Any, _: str) -> str:
    if isinstance(value, date | time):
        raise CellError("workbook.became_date")
    return unicodedata.normalize("NFKC", plain_text(value)).strip()


def _list(value: Any, _: str) -> list[str]:
    text = plain_text(value)
    if text.startswith("["):
        try:
            return [str(part) for part in json.loads(text)]
        except ValueError:
            pass
    return [part.strip() for part in SEPARATORS.split(text) if part.strip()]


def _write_list(value: Any, _: str) -> str:
    parts = [str(part) for part in value]
    plain = "；".join(parts)
    if _list(_write_text(plain, ""), "") == parts:
        return _write_text(plain, "")
    return json.dumps(parts, ensure_ascii=False)


def _number(value: Any, _: str) -> float:
    if isinstance(value, float | int) and not isinstance(value, bool):
        return value
    text = unicodedata.normalize("NFKC", plain_text(value)).replace(",", "")
    if not isinstance(value, str) or not _NUMBER.fullmatch(text) or not isfinite(float(text)):
        raise CellError("workbook.not_a_number")
    return float(text)


def _figure(value: Any, _: str) -> float:
    try:
        return _number(value, "")
    except CellError:
        raise CellError("workbook.not_a_figure") from None


def _whole(value: Any, _: str) -> int | None:
    number = _number(value, "")
    if number != int(number) or number < 0:
        raise CellError("workbook.not_whole")
    return int(number) or None  # length 0: offices write it for types without a length


def _date(value: Any, _: str) -> str:
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float | int) and int(value) in SERIALS:
        return (EPOCH + timedelta(days=int(value))).isoformat()
    found = _DATE.fullmatch(unicodedata.normalize("NFKC", plain_text(value)))
    try:
        return date(*map(int, found.groups())).isoformat() if found else _no_date()
    except ValueError as error:
        raise CellError("workbook.not_a_date") from error


def _no_date() -> str:
    raise CellError("workbook.not_a_date")


@lru_cache(FEW, typed=True)
def _yes_no(value: Any, _: str) -> bool:
    word = _word(value)
    if word in ("是", "y", "yes", "true", "1", "√", "有", "开放", "必填"):
        return True
    if word in ("否", "n", "no", "false", "0", "×", "x", "无", "不开放", "非必填", "不是"):
        return False
    raise CellError("workbook.not_yes_or_no")


def _word(value: Any) -> str:
    """Return a short word folded: full width, spaces and case make no other word."""
    return "".join(unicodedata.normalize("NFKC", plain_text(value)).split()).lower()


@lru_cache(FEW, typed=True)
def _coded(value: Any, table: str) -> str | int:
    by_word = _codes(table)
    word = _word(value)
    if word not in by_word:
        raise CellError("workbook.not_in_list", known="、".join(code_table(table).entries.values()))
    return int(by_word[word]) if table in NUMBERED else by_word[word]


@cache
def _codes(table: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for code, label in code_table(table).entries.items():
        named = (
            code,
            label,
            f"{code}{label}",
            f"{label}{code}",
            f"{code}-{label}",
            f"{code}.{label}",
            f"{label}({code})",
        )
        found |= {_word(word): code for word in (*named, *words()["tables"].get(table, {}).get(code, ()))}
    return found


def _write_coded(value: Any, table: str) -> str:
    return code_table(table).entries.get(str(value)) or _write_text(value, "")


@lru_cache(FEW, typed=True)
def _worded(value: Any, name: str) -> str:
    by_word = _values(name)
    word = _word(value)
    if word not in by_word:
        raise CellError("workbook.not_in_list", known="、".join(entry[0] for entry in words()[name].values()))
    return by_word[word]


@cache
def _values(name: str) -> dict[str, str]:
    return {_word(word): value for value, known in words()[name].items() for word in (value, *known)}


def _write_worded(value: Any, name: str) -> str:
    return str(words()[name][value][0])


def _json(value: Any, _: str) -> Any:
    try:
        return json.loads(plain_text(value))
    except ValueError as error:
        raise CellError("workbook.bad_json") from error


def _write_json(value: Any, _: str) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _write_yes_no(value: Any, _: str) -> str:
    return "是" if value else "否"


def _write_number(value: Any, _: str) -> float:
    return float(value) if isinstance(value, float) else int(value)


def _write_date(value: Any, _: str) -> str:
    return str(value)


_READERS: dict[str, Callable[[Any, str], Any]] = {
    "text": _text, "code": _code, "list": _list, "number": _number, "figure": _figure, "whole": _whole, "date": _date,
    "yes_no": _yes_no, "table": _coded, "words": _worded, "json": _json, "ignored": lambda *_: None,
}  # fmt: skip
_WRITERS: dict[str, Callable[[Any, str], str | float | None]] = {
    "text": _write_text, "code": _write_text, "list": _write_list, "number": _write_number, "figure": _write_number,
    "whole": _write_number, "date": _write_date, "yes_no": _write_yes_no, "table": _write_coded, "words": _write_worded,
    "json": _write_json, "ignored": lambda *_: None,
}  # fmt: skip
