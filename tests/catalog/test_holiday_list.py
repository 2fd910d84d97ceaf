"""The notice of a year's holidays, from a file: what it may say, what is refused by its line, and back again."""

from datetime import date
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from catalog import calendar_edits, deadlines
from catalog.findings import Findings
from catalog.lists import holiday_list
from schemas.errors import Invalid

# the notice of 2026 as the package knows it; its holidays in ranges, as notices say them
OF_2026 = """日期,结束日期,类型,名称
2026-01-01,2026-01-03,放假,元旦
2026-01-04,,补班,
2026-02-14,,补班,
2026-02-15,2026-02-23,放假,春节
2026-02-28,,补班,
2026-04-04,2026-04-06,放假,清明节
2026-05-01,2026-05-05,放假,劳动节
2026-05-09,,补班,
2026-06-19,2026-06-21,放假,端午节
2026-09-20,,补班,
2026-09-25,2026-09-27,放假,中秋节
2026-10-01,2026-10-07,放假,国庆节
2026-10-10,,补班,
"""
YAML = """
holidays:
  - {name: 元旦, from: 2027-01-01, to: 2027-01-03}
  - {name: 劳动节, from: 2027-05-01, to: 2027-05-05}
  - {name: 国庆节, from: 2027-10-01, to: 2027-10-07}
make_up_days: [2027-05-08, 2027-10-09]
"""


def read(folder: Path, text: str, year: int, name: str = "notice.csv") -> tuple[list[calendar_edits.DayEdit], Findings]:
    file, findings = folder / name, Findings()
    file.write_bytes(text.encode("gb18030" if name.endswith("csv") else "utf-8"))
    return holiday_list.read(file, year, findings), findings


def codes(findings: Findings) -> list[str]:
    return [one.code for one in findings]


def test_a_notice_says_what_the_package_knows(tmp_path: Path, session: Session) -> None:
    edits, findings = read(tmp_path, OF_2026, 2026)
    assert codes(findings) == []
    calendar = deadlines.calendar(session)
    assert {one.day: one.is_working for one in edits} == {one.day: calendar.is_working_day(one.day) for one in edits}
    assert (len(edits), sum(one.is_working for one in edits)) == (39, 6)


def test_yaml_says_the_same(tmp_path: Path) -> None:
    edits, findings = read(tmp_path, YAML, 2027, "notice.yml")
    assert codes(findings) == ["calendar.out_of_balance"]  # the moon's holidays are missing: advice, no refusal
    assert findings.errors == 0
    assert edits[0] == calendar_edits.DayEdit(date(2027, 1, 1), False, "元旦")
    assert [one.day for one in edits if one.is_working] == [date(2027, 5, 8), date(2027, 10, 9)]


@pytest.mark.parametrize(
    ("line", "code", "row"),
    [
        ("2026-03-02,,补班,", "calendar.make_up_on_weekday", 15),
        ("2026-10-05,,放假,中秋节", "calendar.day_twice", 15),
        ("2026-02-14,,放假,除夕", "calendar.day_both", 15),
        ("2027-01-02,,放假,元旦", "calendar.other_year", 15),
        ("2026-12-30,2027-01-02,放假,元旦", "calendar.other_year", 15),
        ("2026-08-05,2026-08-01,放假,", "calendar.bad_range", 15),
        ("2026-07-01,2026-08-05,放假,", "calendar.bad_range", 15),
        ("2026-02-30,,放假,", "calendar.not_a_date", 15),
        ("三月一日,,放假,", "calendar.not_a_date", 15),
        ("2026-08-01,,调班,", "calendar.unknown_kind", 15),
    ],
)
def test_what_no_notice_can_say_is_named_by_its_row(tmp_path: Path, line: str, code: str, row: int) -> None:
    _, findings = read(tmp_path, OF_2026 + line + "\n", 2026)
    found = next(one for one in findings if one.code == code)
    assert (found.row, found.is_error) == (row, True)
    assert found.words("zh")
    assert found.remedy("en")


def test_a_year_without_its_fixed_holidays_is_refused(tmp_path: Path) -> None:
    text = OF_2026.replace("2026-10-01,2026-10-07", "2026-10-01,2026-10-02")
    _, findings = read(tmp_path, text, 2026)
    assert [one.value for one in findings if one.is_error] == ["2026-10-03"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("notice.csv", "节日,说明\n元旦,放假\n"),
        ("notice.yml", "holidays: 元旦"),
        ("notice.yml", "holidays: [\n"),
        ("notice.csv", '日期,类型\n"2026-01-01,放假\n'),
    ],
)
def test_what_is_no_list_is_refused(tmp_path: Path, name: str, text: str) -> None:
    with pytest.raises(Invalid, match=r"directory\.bad_document"):
        read(tmp_path, text, 2026, name)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=r"directory\.bad_document"):
        holiday_list.read(tmp_path / "none.csv", 2026, Findings())


@pytest.mark.parametrize("year", [2025, 2026])
def test_an_exported_year_comes_in_again_and_changes_no_day(tmp_path: Path, session: Session, year: int) -> None:
    before = calendar_edits.view(session, year)
    file, findings = tmp_path / "out.csv", Findings()
    file.write_text(holiday_list.write(before), "utf-8")
    edits = holiday_list.read(file, year, findings)
    assert (codes(findings), findings.errors) == ([], 0)
    calendar_edits.edit(session, "chen", edits, "导出")
    after = calendar_edits.view(session, year)
    assert (after.off, after.make_up) == (before.off, before.make_up)
    assert holiday_list.write(after) == holiday_list.write(before)


def test_a_year_nobody_entered_is_seen_by_its_weekdays_alone(session: Session) -> None:
    seen = calendar_edits.view(session, 2027)
    assert (seen.is_confirmed, seen.off, seen.make_up) == (False, (date(2027, 1, 1),), ())
    assert calendar_edits.view(session, 2026).is_confirmed
