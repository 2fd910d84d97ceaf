"""Why: departments' lists come with their dirt. A finding says where it lies (file, sheet, row, column, value), what is wrong and how to mend it,
so that nothing is hidden and a person can act. Every importer makes them and returns an `Outcome`; pages, commands and the report workbook show them.

The words live in `findings.yml` (and `gaps.yml`, for gaps told as findings); codes of `schemas.errors` may be used as they are.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

from schemas import yaml_data
from schemas.errors import HutongError, Language, error_codes

KEPT = 20_000  # errors kept with their words, and as much advice; more are only counted, so that a million bad rows stay small
VALUE_LENGTH = 200


@dataclass(frozen=True)
class Place:
    """Where something lies in what was given; rows count from 1 as spreadsheets and editors show them."""

    file: str
    sheet: str | None = None
    row: int | None = None
    column: str | None = None

    def words(self, language: Language = "zh") -> str:
        """Return the place as people say it."""
        zh = language == "zh"
        parts = [self.file]
        if self.sheet:
            parts.append(f"工作表“{self.sheet}”" if zh else f"sheet “{self.sheet}”")
        if self.row:
            parts.append(f"第 {self.row} 行" if zh else f"row {self.row}")
        if self.column:
            parts.append(f"“{self.column}”列" if zh else f"column “{self.column}”")
        return " ".join(part for part in parts if part)


@dataclass(frozen=True)
class Finding:
    """One thing found: its place, the value as it stood there, and a code whose words `facts` fill in. An error keeps its entry out."""

    file: str
    sheet: str | None
    row: int | None
    column: str | None
    value: str
    code: str
    facts: dict[str, Any] = field(default_factory=dict)
    is_error: bool = True

    @property
    def place(self) -> Place:
        """Return where it lies."""
        return Place(self.file, self.sheet, self.row, self.column)

    def words(self, language: Language = "zh") -> str:
        """Return what is wrong, with the facts filled in; `value` and `column` are facts too."""
        return self._filled("title", language)

    def remedy(self, language: Language = "zh") -> str:
        """Return how to mend it."""
        return self._filled("remedy", language)

    def _filled(self, part: str, language: Language) -> str:
        shown = self.value if len(self.value) <= VALUE_LENGTH else f"{self.value[:VALUE_LENGTH]}…"
        facts = _Facts({"value": shown, "column": self.column or "", "row": self.row or "", **self.facts})
        return finding_words(self.code)[part][language].format_map(facts)


def finding_at(place: Place, code: str, value: str = "", /, *, is_error: bool = True, **facts: Any) -> Finding:
    """Return a finding at `place`; its facts may bear any name, `code` and `value` too."""
    return Finding(place.file, place.sheet, place.row, place.column, value, code, facts, is_error)


def finding_of(error: HutongError, place: Place) -> Finding:
    """Return a catalogued failure as a finding at `place`."""
    return finding_at(place, error.code, **error.facts)


class Findings:
    """The findings of one import, in order. Keeps 20,000 errors and as much advice whole and counts all; remembers where drafts came from."""

    def __init__(self, found: Iterable[Finding] = ()) -> None:
        self.kept: list[Finding] = []
        self.counts: Counter[str] = Counter()
        self.errors = 0
        self.refused = 0  # entries of which no draft could be made
        self.places: dict[str, Place] = {}  # by resource id (or whatever id the importer's entries have)
        self.column_names: dict[str, str] = {}  # field of the document → what the importer's file calls it
        self._kept = [0, 0]  # advice, errors
        self.extend(found)

    def add(self, finding: Finding) -> None:
        """Take one more."""
        self.counts[finding.code] += 1
        self.errors += finding.is_error
        if self._kept[finding.is_error] < KEPT:
            self._kept[finding.is_error] += 1
            self.kept.append(finding)

    def extend(self, found: Iterable[Finding]) -> None:
        """Take several more."""
        for finding in found:
            self.add(finding)

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.kept)

    def __len__(self) -> int:
        return self.counts.total()


@dataclass(frozen=True)
class Outcome:
    """What an import did: ids of new and changed entries, how many said nothing new, how many were refused, and everything found."""

    created: list[str]
    changed: list[str]
    unchanged: int
    refused: int
    findings: Findings

    def summary(self) -> str:
        """Return one line: `N created, N changed, N unchanged, N refused; findings: …`."""
        counts = ", ".join(f"{number} {code}" for code, number in self.findings.counts.most_common())
        done = f"{len(self.created)} created, {len(self.changed)} changed, {self.unchanged} unchanged"
        return f"{done}, {self.refused} refused; findings: {counts or 'none'}"


def finding_words(code: str) -> dict[str, dict[str, str]]:
    """Return {title: {zh, en}, remedy: {zh, en}} of a code. Raises KeyError."""
    if code in _words():
        return _words()[code]
    entry = error_codes()[code]
    return {"title": entry.title, "remedy": entry.remedy}


@cache
def _words() -> dict[str, dict[str, dict[str, str]]]:
    found: dict[str, dict[str, dict[str, str]]] = {}
    for name in ("gaps.yml", "findings.yml"):
        if (file := files("catalog").joinpath(name)).is_file():
            found |= yaml_data.parse(file.read_text("utf-8"))
    return found


class _Facts(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return f"<{key}>"
