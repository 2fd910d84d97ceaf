"""Why: once a year the State Council says which days are off and which weekends are worked instead, and every due date of the year hangs on it. Reads that
notice from CSV or YAML, and refuses what cannot be: a make-up day on a weekday, a holiday named twice, the first of January at work.

Called by `exchange_api.clocks.calendar_desk`; `write` gives a year back in the same form.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from catalog.calendar_edits import DayEdit, YearView
from catalog.findings import Findings, Place, finding_at
from catalog.lists.csv_table import read_table
from catalog.yaml_text import read_yaml
from schemas.errors import Invalid

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "from": ("day", "date", "日期", "开始", "开始日期", "起"), "to": ("until", "结束", "结束日期", "止"),
    "kind": ("type", "类型", "类别"), "name": ("holiday", "名称", "节日", "说明"),
}  # fmt: skip
KINDS = {
    "holiday": False, "off": False, "放假": False, "休": False, "假期": False, "节假日": False,
    "make_up": True, "work": True, "working": True, "上班": True, "补班": True, "调休": True, "班": True,
}  # fmt: skip
FIXED = ((1, 1), (5, 1), (5, 2), (10, 1), (10, 2), (10, 3))
"""Statutory holidays of the solar calendar (全国年节及纪念日放假办法, as revised 2024): off in every year. The article numbers are not confirmed."""
STATUTORY = 13
"""Statutory holidays of a year; every further weekday off is worked on a weekend."""
LONGEST = 15
DAY_FORMS = ("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y年%m月%d日", "%Y%m%d")


@dataclass(frozen=True)
class Line:
    """One line of a notice: days from–to, off or worked, and where it stands."""

    first: date
    last: date
    is_working: bool
    name: str
    place: Place


def read(path: Path, year: int, findings: Findings) -> list[DayEdit]:
    """Return what a notice says of a year's days, what is wrong among the findings. Raises Invalid `directory.bad_document` when the file is no list."""
    if not path.is_file():
        raise Invalid("directory.bad_document", file=path.name, problem="no such file / 没有此文件")
    raw = _yaml_rows(path) if path.suffix.lower() in (".yml", ".yaml") else _csv_rows(path, findings)
    lines = [line for place, row in raw if (line := _line(place, row, year, findings))]
    days = _days(lines, findings)
    _look_at_the_whole(Place(path.name), year, days, findings)
    return [DayEdit(day, line.is_working, line.name or None) for day, line in sorted(days.items())]


def write(view: YearView) -> str:
    """Return a year as CSV, a row for each day that is off by a holiday or worked on a weekend; `read` takes it in again."""
    names = {row.day: row.name or "" for row in view.edits}
    worked = {row.day for row in view.edits if row.is_working}
    fixed = {date(view.year, month, day) for month, day in FIXED} - worked
    named = fixed | {row.day for row in view.edits if not row.is_working}  # weekends within a holiday too
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["from", "to", "kind", "name"])
    kinds = {**dict.fromkeys([*named, *view.off], "holiday"), **dict.fromkeys(view.make_up, "make_up")}
    for day, kind in sorted(kinds.items()):
        table.writerow([day.isoformat(), day.isoformat(), kind, names.get(day, "")])
    return text.getvalue()


def _csv_rows(path: Path, findings: Findings) -> Iterator[tuple[Place, Mapping[str, str]]]:
    table = read_table(path, COLUMNS, findings)
    if missing := {"from", "kind"} - set(table.columns):
        raise Invalid(
            "directory.bad_document", file=path.name, problem=f"no column / 缺少列 {', '.join(sorted(missing))}"
        )
    yield from ((table.place(row), row.values) for row in table.rows)


def _yaml_rows(path: Path) -> Iterator[tuple[Place, Mapping[str, str]]]:
    """`holidays: [{name, from, to}]`, `make_up_days: [2027-02-06, …]`."""
    text = read_yaml(path)
    body = text.value if isinstance(text.value, dict) else {}
    for key, kind in (("holidays", "holiday"), ("make_up_days", "make_up")):
        for number, entry in enumerate(_entries(body, key, path)):
            values: dict[str, Any] = entry if isinstance(entry, dict) else {"from": entry}
            said = {name: str(value) for name, value in values.items() if value is not None}
            yield Place(path.name, None, text.line([key, number])), {**said, "kind": kind}


def _entries(body: Mapping[str, Any], key: str, path: Path) -> list[Any]:
    found = body.get(key) or []
    if not isinstance(found, list):
        raise Invalid("directory.bad_document", file=path.name, problem=f"{key}: a list is wanted / 应为列表")
    return found


def _line(place: Place, row: Mapping[str, str], year: int, findings: Findings) -> Line | None:
    first = _date(place, row.get("from", ""), findings)
    last = _date(place, row.get("to") or row.get("from", ""), findings) if first else None
    kind = row.get("kind", "").strip().casefold()
    if first is None or last is None:
        return None
    code = "calendar.unknown_kind" if kind not in KINDS else _misplaced(first, last, year)
    if code:
        given = kind if kind not in KINDS else f"{first} – {last}"
        findings.add(finding_at(place, code, given, given=given, year=str(year)))
        return None
    return Line(first, last, KINDS[kind], row.get("name", "").strip(), place)


def _misplaced(first: date, last: date, year: int) -> str | None:
    if {first.year, last.year} != {year}:
        return "calendar.other_year"
    return "calendar.bad_range" if not 0 <= (last - first).days < LONGEST else None


def _date(place: Place, text: str, findings: Findings) -> date | None:
    for form in DAY_FORMS:
        try:
            return datetime.strptime(text.strip(), form).date()  # noqa: DTZ007 - a day, not a moment
        except ValueError:
            continue
    findings.add(finding_at(place, "calendar.not_a_date", text))
    return None


def _days(lines: Iterable[Line], findings: Findings) -> dict[date, Line]:
    days: dict[date, Line] = {}
    for line in lines:
        for ahead in range((line.last - line.first).days + 1):
            day = line.first + timedelta(days=ahead)
            if line.is_working and day.weekday() < 5:
                findings.add(finding_at(line.place, "calendar.make_up_on_weekday", day.isoformat()))
            elif day in days:
                code = "calendar.day_twice" if days[day].is_working == line.is_working else "calendar.day_both"
                findings.add(finding_at(line.place, code, day.isoformat(), first=days[day].place.words()))
            else:
                days[day] = line
    return days


def _look_at_the_whole(place: Place, year: int, days: Mapping[date, Line], findings: Findings) -> None:
    """Tell holidays that every year has and this one lacks; advise where days off and days worked do not balance."""
    for month, day in FIXED:
        fixed = date(year, month, day)
        if fixed not in days or days[fixed].is_working:
            findings.add(finding_at(place, "calendar.fixed_day_missing", fixed.isoformat()))
    off = sum(not line.is_working and day.weekday() < 5 for day, line in days.items())
    worked = sum(line.is_working for line in days.values())
    if off - worked != STATUTORY:
        facts = {"off": str(off), "worked": str(worked), "wanted": str(STATUTORY)}
        findings.add(finding_at(place, "calendar.out_of_balance", is_error=False, **facts))
