"""Why: a code without its table, source and edition means nothing. Every storey asks here which codes exist and what they are called.

Anyone may call it. Each table is a data file of this folder: YAML for small ones, CSV with a `# key: value` header for long ones;
`SOURCES.md` says where their facts come from.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc

from schemas import yaml_data
from schemas.errors import Invalid

Language = Literal["zh", "en"]


@dataclass(frozen=True)
class CodeTable:
    """One code table: `entries` maps code to Chinese name; `columns` keeps what else a long table says of each row."""

    name: str
    title: dict[str, str]
    source: str
    edition: str
    note: str
    entries: dict[str, str]
    english: dict[str, str] = field(repr=False)
    spellings: dict[str, str] = field(repr=False)
    rows: tuple[dict[str, str], ...] = field(repr=False)

    def contains(self, values: Any) -> pa.BooleanArray:
        """Return, for an Arrow array (or chunked array) of texts, which values are codes of this table; null stays null."""
        texts = _texts(values)
        return pc.if_else(pc.is_null(texts), pa.scalar(None, pa.bool_()), pc.is_in(texts, value_set=self._codes))

    def codes_of(self, values: Any) -> pa.StringArray:
        """Return the values with names and known other spellings replaced by their codes; all else, codes included, is unchanged."""
        texts = _texts(values)
        places = pc.index_in(texts, value_set=self._names)
        return pc.coalesce(pc.take(self._codes_of_names, places), texts)

    def label(self, code: str, language: Language = "zh") -> str:
        """Return a code's name, Chinese where there is no English one; raise Invalid `codes.unknown_code`."""
        if code not in self.entries:
            raise Invalid("codes.unknown_code", table=self.name, value=code)
        return self.english.get(code, self.entries[code]) if language == "en" else self.entries[code]

    @cached_property
    def _codes(self) -> Any:
        return pa.array(list(self.entries), pa.string())

    @cached_property
    def _names(self) -> Any:
        return pa.array([name for name in self.spellings if name not in self.entries], pa.string())

    @cached_property
    def _codes_of_names(self) -> Any:
        return pa.array([code for name, code in self.spellings.items() if name not in self.entries], pa.string())


@dataclass(frozen=True)
class Division:
    """One administrative division: six-digit code, name, and level `province`, `city` or `county`."""

    code: str
    name: str
    level: str


@dataclass(frozen=True)
class DivisionPeriod:
    """The years a division code bore a name; None: before 1980 or not known (`first_year`), still valid (`last_year`)."""

    code: str
    name: str
    first_year: int | None
    last_year: int | None


def code_tables() -> tuple[str, ...]:
    """Return the names of all code tables, sorted."""
    return tuple(sorted(_data_files()))


@cache
def code_table(name: str) -> CodeTable:
    """Return a code table by name; raise Invalid `codes.unknown_table`."""
    found = _data_files().get(name)
    if found is None:
        raise Invalid("codes.unknown_table", name=name, known=", ".join(code_tables()))
    return _from_yaml(name, found) if found.name.endswith(".yml") else _from_csv(name, found)


@cache
def divisions() -> tuple[Division, ...]:
    """Return the divisions of the current edition down to counties, by code (GB/T 2260)."""
    return tuple(Division(**row) for row in code_table("divisions").rows)


@cache
def division_periods() -> tuple[DivisionPeriod, ...]:
    """Return every name a division code has borne, by code, abolished ones included (GB/T 2260)."""
    return tuple(
        DivisionPeriod(row["code"], row["name"], _year(row["from"]), _year(row["to"]))
        for row in code_table("divisions_historic").rows
    )


@cache
def _data_files() -> dict[str, Traversable]:
    found = {}
    for file in files(__name__).iterdir():
        stem, _, ending = file.name.partition(".")
        if ending in {"yml", "csv"}:
            found[stem] = file
    return found


def _from_yaml(name: str, file: Traversable) -> CodeTable:
    document = yaml_data.parse(file.read_text("utf-8"))
    entries: dict[str, dict[str, Any]] = document["entries"]
    words = [(word, code) for code, entry in entries.items() for word in (entry["zh"], *entry.get("also", ()))]
    return CodeTable(
        name=name,
        title=document["title"],
        source=document["source"],
        edition=document["edition"],
        note=document.get("note", ""),
        entries={code: entry["zh"] for code, entry in entries.items()},
        english={code: entry["en"] for code, entry in entries.items()},
        spellings=_unambiguous(words),
        rows=tuple({"code": code, "name": entry["zh"]} for code, entry in entries.items()),
    )


def _from_csv(name: str, file: Traversable) -> CodeTable:
    lines = file.read_text("utf-8").splitlines()
    head = dict(_header(lines))
    rows = tuple(csv.DictReader(line for line in lines if not line.startswith("#")))
    last_names = {row["code"]: row["name"] for row in sorted(rows, key=lambda row: row.get("to") or "9999")}
    entries = {row["code"]: last_names[row["code"]] for row in rows}  # in the order of the file
    return CodeTable(
        name=name,
        title={"zh": head["title_zh"], "en": head["title_en"]},
        source=head["source"],
        edition=head["edition"],
        note=head.get("note", ""),
        entries=entries,
        english={},
        spellings=_unambiguous([(name, code) for code, name in entries.items()]),
        rows=rows,
    )


def _header(lines: list[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        if line.startswith("# "):
            key, _, value = line[2:].partition(": ")
            yield key, value


def _unambiguous(words: list[tuple[str, str]]) -> dict[str, str]:
    """Return word to code for words that only one code bears: a dozen counties are called 城关区, a dozen kinds 其他."""
    bearers: dict[str, set[str]] = {}
    for word, code in words:
        bearers.setdefault(word, set()).add(code)
    return {word: codes.pop() for word, codes in bearers.items() if len(codes) == 1}


def _texts(values: Any) -> Any:
    return (values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values).cast(pa.string())


def _year(text: str) -> int | None:
    return int(text) if text else None
