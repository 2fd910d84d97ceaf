"""A workbook comes back with its errors marked where they are, can be mended there and sent again."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from sqlalchemy.orm import Session

from catalog.findings import Findings, Outcome, Place, finding_at
from catalog.workbook import report
from catalog.workbook.reading import take_in
from catalog.workbook.report import write_report
from tests.catalog.workbook.conftest import SHORT, row

Book = Callable[..., Path]
LISTED = "问题清单"


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    book = openpyxl.load_workbook(path)
    yield book
    book.close()


def _marked(sheet: Any) -> list[str]:
    return [cell.coordinate for line in sheet.iter_rows() for cell in line if cell.fill.fgColor.rgb == "FFFFC7CE"]


@pytest.fixture(params=[True, False], ids=["whole", "anew"])
def is_kept_whole(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Both ways of writing a report: ordinary workbooks, and ones too large to hold."""
    if not request.param:
        monkeypatch.setattr(report, "WHOLE", 0)
    return bool(request.param)


def test_errors_are_marked_in_place_and_listed(town: Session, book: Book, tmp_path: Path, is_kept_whole: bool) -> None:
    path = book(
        [
            ["目录"],
            SHORT,
            row(),
            row(信息资源名称="'=特困", 信息资源代码="306001/0002", 数据类型="varchar", 更新周期="偶尔"),
        ]
    )
    outcome = take_in(town, path)
    write_report(tmp_path / "report.xlsx", outcome, path)
    with _opened(tmp_path / "report.xlsx") as book_:
        assert _marked(book_["Sheet"]) == ["I4", "O4"]
        assert book_["Sheet"]["I4"].value == "varchar"
        if is_kept_whole:
            assert "varchar" in book_["Sheet"]["I4"].comment.text
        lines = [[cell.value for cell in line] for line in book_[LISTED].iter_rows()]
    assert {"错误 error", "Sheet", "数据类型", "varchar"} <= set(lines[1])
    assert lines[1][2] == 4
    assert len([line for line in lines if line[0] == "错误 error"]) == 2


def test_a_mended_report_can_be_sent_back(town: Session, book: Book, tmp_path: Path, is_kept_whole: bool) -> None:
    path = book([SHORT, row(), row(信息资源名称="特困人员", 信息资源代码="306001/0002", 数据类型="varchar")])
    write_report(tmp_path / "report.xlsx", take_in(town, path), path)
    with _opened(tmp_path / "report.xlsx") as mended:
        mended["Sheet"]["I3"] = "字符型"
        mended.save(tmp_path / "mended.xlsx")
    outcome = take_in(town, tmp_path / "mended.xlsx")
    assert (outcome.findings.errors, len(outcome.created)) == (0, 2)
    write_report(tmp_path / "again.xlsx", outcome, tmp_path / "mended.xlsx")
    with _opened(tmp_path / "again.xlsx") as again:
        assert again.sheetnames.count(LISTED) == 1
    assert is_kept_whole or not list(tmp_path.glob(".*.part"))


def test_an_error_in_a_merged_cell_marks_the_cell_that_shows(town: Session, book: Book, tmp_path: Path) -> None:
    def merge(sheet: Any) -> None:
        sheet.merge_cells("H2:H3")

    path = book([SHORT, row(), [None] * 8 + ["I"]], merge)
    write_report(tmp_path / "report.xlsx", take_in(town, path), path)
    with _opened(tmp_path / "report.xlsx") as marked:
        assert _marked(marked["Sheet"]) == ["H2"]


def test_what_is_no_workbook_gets_the_list_alone(tmp_path: Path) -> None:
    findings = Findings([finding_at(Place("a.csv", None, 3, "名称"), "workbook.missing", "=cmd()")])
    write_report(tmp_path / "report.xlsx", Outcome([], [], 0, 1, findings))
    with _opened(tmp_path / "report.xlsx") as book:
        assert book.sheetnames == [LISTED]
        line = [cell.value for cell in book[LISTED][2]]
    assert line[1:5] == ["a.csv", 3, "名称", "'=cmd()"]


def test_findings_keep_errors_when_there_is_much_advice() -> None:
    findings = Findings(finding_at(Place("a"), "workbook.missing", is_error=False) for _ in range(25_000))
    findings.add(finding_at(Place("b"), "workbook.missing"))
    assert (len(findings), len(findings.kept), findings.kept[-1].file, findings.errors) == (25_001, 20_001, "b", 1)
