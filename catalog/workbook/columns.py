"""Why: every office renames headers a little. Which columns a directory workbook has, in which order, and by which headers they are known is data,
not code (`columns.yml`). Called by reading, writing and the report.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from typing import Any

from schemas import yaml_data
from schemas.library import LIBRARIES, library

SHEET = "信息资源目录"
GUIDE_SHEET = "填写说明"
FINDINGS_SHEET = "问题清单"
KEYS = ("id", "name", "code")  # name a resource; they are repeated on each of its rows
OWN = (*KEYS, "abstract")  # no two resources share one of these cells, merged or not
_ASIDE = re.compile(r"[(\[【].*?[)\]】]")
_NUMBERING = re.compile(r"^[0-9]+[.、]\s*")
_PUNCTUATION = re.compile(r"[\W_]+")


@dataclass(frozen=True)
class Column:
    """One column: its place in the document (`items.*` of an item), its header, how its cells are read, its width in characters."""

    key: str
    header: str
    kind: str
    width: int
    also: tuple[str, ...] = ()

    @cached_property
    def is_of_item(self) -> bool:
        """Tell whether its cells belong to the row's item, not to the resource."""
        return self.key.startswith("items.")

    @cached_property
    def form(self) -> tuple[str, str]:
        """Return how cells are read, and the table or list of words it needs."""
        kind, _, argument = self.kind.partition(":")
        return kind, argument


@cache
def columns() -> tuple[Column, ...]:
    """Return every column in the order it is written."""
    entries: list[dict[str, Any]] = yaml_data.parse(_data("columns.yml"))
    return tuple(Column(**entry | {"also": tuple(entry.get("also", ()))}) for entry in entries)


@cache
def column_of(key: str) -> Column:
    """Return the column of a place in the document. Raises StopIteration."""
    return next(column for column in columns() if column.key == key)


@cache
def words() -> dict[str, dict[str, Any]]:
    """Return the words of cells that have no code table, and more spellings of codes that have one (under `tables`)."""
    found: dict[str, dict[str, Any]] = yaml_data.parse(_data("words.yml"))
    known = found["library"]
    found["library"] = {
        name: list(dict.fromkeys([*known.get(name, ()), library(name).name["zh"]])) for name in LIBRARIES
    }
    return found


def known_header(*texts: str) -> Column | None:
    """Return the column that a header names, alone or with the header above it: `known_header("信息项信息", "名称")`."""
    whole = _folded("".join(texts))
    return _by_header().get(_folded(texts[-1])) or _by_header().get(whole)


@cache
def _by_header() -> dict[str, Column]:
    return {_folded(text): column for column in columns() for text in (column.header, *column.also)}


def _folded(text: str) -> str:
    """Full width, notes in brackets, numbering, stars and punctuation make no other header: （必填）1. 信息资源名称* is 信息资源名称."""
    plain = _NUMBERING.sub("", _ASIDE.sub("", unicodedata.normalize("NFKC", text)).strip())
    return _PUNCTUATION.sub("", plain).lower()


def _data(name: str) -> str:
    return files("catalog.workbook").joinpath(name).read_text("utf-8")
