"""Workbooks as offices make them: merged and repeated cells, their own headers, several sheets, notes below the table."""

from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from sqlalchemy.orm import Session

from catalog import directory
from catalog.findings import Finding
from catalog.workbook.columns import known_header
from catalog.workbook.reading import Options, take_in
from schemas.errors import Invalid
from tests.catalog.workbook.conftest import SHORT, continued, row

Book = Callable[..., Path]


def _draft(session: Session, name: str) -> Any:
    (found,) = [v.document for v in directory.find(session, state="draft") if v.document["name"] == name]
    return found


def _errors(session: Session, path: Path, **options: Any) -> list[tuple[str, str | None, int | None, str | None]]:
    outcome = take_in(session, path, **options)
    assert outcome.created == []
    return [(f.code, f.sheet, f.row, f.column) for f in outcome.findings if f.is_error]


def test_item_rows_belong_to_the_resource_above(town: Session, book: Book) -> None:
    rows = [
        SHORT,
        row(),
        continued(信息项名称="年龄", 数据类型="整型"),
        row(信息资源名称="特困人员", 信息资源代码="306001/0002"),
    ]
    outcome = take_in(town, book(rows))
    assert (len(outcome.created), outcome.findings.errors) == (2, 0)
    draft = _draft(town, "低保对象信息")
    assert [(item["name"], item["type"], item["length"]) for item in draft["items"]] == [
        ("姓名", "C", 50),
        ("年龄", "I", None),
    ]
    assert (draft["department"], draft["sharing"]["type"], draft["update_cycle"], draft["is_open"]) == (
        "civil_affairs",
        2,
        4,
        False,
    )
    assert draft["id"].startswith("civil_affairs.")


def test_twice_changes_nothing_though_no_ids_are_given(town: Session, book: Book) -> None:
    path = book(
        [SHORT, row(), continued(信息项名称="年龄", 数据类型="I"), row(信息资源名称="特困人员", 信息资源代码=None)]
    )
    assert take_in(town, path).summary().startswith("2 created, 0 changed, 0 unchanged")
    assert take_in(town, path).summary().startswith("0 created, 0 changed, 2 unchanged")


def test_merged_and_repeated_resource_cells_are_one(town: Session, book: Book) -> None:
    def merge(sheet: Any) -> None:
        for column in (1, 2, 3, 4, 5):
            sheet.merge_cells(start_row=2, end_row=3, start_column=column, end_column=column)

    merged = [
        SHORT,
        row(),
        continued(信息项名称="年龄", 数据类型="I"),
        row(信息资源名称="特困人员", 信息资源代码="306001/0002"),
    ]
    assert len(take_in(town, book(merged, merge)).created) == 2
    repeated = [SHORT, row(), row(信息项名称="年龄", 数据类型="I", 数据长度=None)]
    assert take_in(town, book(repeated)).unchanged == 1


def test_a_category_may_be_merged_over_many_resources(town: Session, book: Book) -> None:
    def merge(sheet: Any) -> None:
        sheet["B3"] = None
        sheet.merge_cells("B2:B3")

    outcome = take_in(town, book([SHORT, row(), row(信息资源名称="特困人员", 信息资源代码="306001/0002")], merge))
    assert len(outcome.created) == 2
    assert _draft(town, "特困人员")["category"] == "部门信息资源"


@pytest.mark.parametrize("column", ["信息资源代码", "信息资源摘要"])
def test_a_cell_of_one_resource_merged_over_two_is_an_error(town: Session, book: Book, column: str) -> None:
    at = SHORT.index(column) + 1

    def merge(sheet: Any) -> None:
        sheet.cell(3, at).value = None
        sheet.merge_cells(start_row=2, end_row=3, start_column=at, end_column=at)

    path = book([SHORT, row(), row(信息资源名称="特困人员", 信息资源代码="306001/0002")], merge)
    assert ("workbook.merged_across", "Sheet", 3, column) in _errors(town, path)


def test_a_merged_item_name_is_an_error(town: Session, book: Book) -> None:
    path = book([SHORT, row(), continued(数据类型="I")], lambda sheet: sheet.merge_cells("H2:H3"))
    assert _errors(town, path) == [("workbook.item_merged", "Sheet", 3, "信息项名称")]


@pytest.mark.parametrize(
    ("header", "key"),
    [
        ("信息资源名称*", "name"), ("（必填）资源名称", "name"), ("1. 信息资源名称", "name"), ("信息资源编码", "code"),
        ("共享条件/不予共享依据", "sharing.condition"),
        ("是否向社会开放 ", "is_open"), ("数据长度（字节）", "items.length"), ("信息资源提供方", "provider_name"),
        ("已开放结构化记录数(万)", "survey.open_records_10k"),
        ("细目1.1", "category.5"), ("ＩＤ", None), ("单价", None),
    ],
)  # fmt: skip
def test_headers_are_known_by_their_usual_names(header: str, key: str | None) -> None:
    found = known_header(header)
    assert (found.key if found else None) == key


def test_a_title_and_two_header_rows_are_found(town: Session, book: Book) -> None:
    upper = ["附件：信息资源目录"]
    group = ["序号", "信息资源名称", "信息资源代码", "信息资源提供方", "信息项信息", None, None, "共享属性", None]
    lower = [None, None, None, None, "名称", "数据类型", "长度", "共享类型", "共享条件"]

    def merge(sheet: Any) -> None:
        sheet.merge_cells("A1:I1")
        for letter in "ABCD":
            sheet.merge_cells(f"{letter}2:{letter}3")
        sheet.merge_cells("E2:G2")
        sheet.merge_cells("H2:I2")

    rows = [
        upper,
        group,
        lower,
        ["1", "低保对象信息", "306001/0001", "民政局", "姓名", "字符型", 50, "无条件共享", None],
    ]
    outcome = take_in(town, book(rows, merge))
    assert [f.code for f in outcome.findings if f.is_error or f.code.startswith("workbook")] == []
    assert [(i["name"], i["length"]) for i in _draft(town, "低保对象信息")["items"]] == [("姓名", 50)]


def test_several_sheets_and_departments_by_sheet_name(town: Session, tmp_path: Path) -> None:
    made = openpyxl.Workbook()
    made.worksheets[0].title = "说明"
    made.worksheets[0].append(["请各部门填写"])
    for name, resource, code in (("民政局", "低保对象", "306001/0001"), ("兴和市公安局", "户籍人口", "306002/0001")):
        sheet = made.create_sheet(name)
        sheet.append(SHORT[:-1])
        sheet.append(row(信息资源名称=resource, 信息资源代码=code)[:-1])
    made.save(tmp_path / "sheets.xlsx")
    made.close()
    outcome = take_in(town, tmp_path / "sheets.xlsx")
    assert sorted(one.partition(".")[0] for one in outcome.created) == ["civil_affairs", "public_security"]
    assert [f.sheet for f in outcome.findings if f.code == "workbook.sheet_passed_over"] == ["说明"]


def test_notes_below_the_table_are_nobodys_resource(town: Session, book: Book) -> None:
    rows = [
        SHORT,
        row(),
        [],
        ["注：更新周期按实际填写"],
        [None, None, "说明：以上信息由民政局提供"],
        ["填表人：科员", None, "审核人：科长"],
    ]
    outcome = take_in(town, book(rows))
    assert (outcome.findings.errors, len(outcome.created)) == (0, 1)


def test_a_department_may_be_named_for_the_whole_file(town: Session, book: Book) -> None:
    path = book([SHORT[:-1], row()[:-1]])
    assert _errors(town, path) == [("workbook.no_department", "Sheet", 2, "信息资源提供方")]
    assert len(take_in(town, path, options=Options("city")).created) == 1
    with pytest.raises(Invalid, match=r"directory\.unknown_department"):
        take_in(town, path, options=Options("nobody"))


def test_a_former_name_is_its_department(town: Session, book: Book) -> None:
    take_in(town, book([SHORT, row(信息资源提供方="兴和县民政局")]))
    assert _draft(town, "低保对象信息")["department"] == "civil_affairs"


def test_what_the_sheet_has_no_column_for_stays(town: Session, book: Book) -> None:
    take_in(town, book([[*SHORT, "关键字", "同义词"], [*row(), "低保；救助", "名字"]]))
    outcome = take_in(town, book([SHORT, row(信息资源摘要="新的摘要")]))
    assert len(outcome.changed) == 1
    draft = _draft(town, "低保对象信息")
    assert (draft["abstract"], draft["keywords"], draft["items"][0]["synonyms"]) == (
        "新的摘要",
        ["低保", "救助"],
        ["名字"],
    )


def test_an_empty_cell_empties(town: Session, book: Book) -> None:
    take_in(town, book([SHORT, row()]))
    take_in(town, book([SHORT, row(更新周期=None)]))
    assert _draft(town, "低保对象信息")["update_cycle"] is None


@pytest.mark.parametrize(
    ("column", "value", "key", "expected"),
    [
        ("数据长度", "５０", "length", 50), ("数据长度", "50", "length", 50), ("数据长度", 0, "length", None),
        ("数据类型", "C", "type", "C"), ("数据类型", "字符型C", "type", "C"), ("数据类型", "日期型（D）", "type", "D"), ("数据类型", " 数值型 ", "type", "N"),
        ("发布日期", 46053, "publish_date", "2026-01-31"), ("发布日期", datetime(2026, 1, 31, 8), "publish_date", "2026-01-31"),  # noqa: DTZ001 - Excel knows no zone
        ("发布日期", date(2026, 1, 31), "publish_date", "2026-01-31"), ("发布日期", "2026年1月31日", "publish_date", "2026-01-31"),
        ("发布日期", "20260131", "publish_date", "2026-01-31"), ("发布日期", "２０２６/1/31", "publish_date", "2026-01-31"),
        ("更新周期", "每天", "update_cycle", 2), ("更新周期", 6, "update_cycle", 6), ("更新周期", "6", "update_cycle", 6),
        ("是否向社会开放", "Y", "is_open", True), ("是否向社会开放", "不开放", "is_open", False), ("信息资源代码", "306001／0001", "code", "306001/0001"),
        ("信息资源摘要", "'=摘要", "abstract", "=摘要"),
    ],
)  # fmt: skip
def test_cells_are_read_whatever_excel_made_of_them(
    town: Session, book: Book, column: str, value: Any, key: str, expected: Any
) -> None:
    outcome = take_in(town, book([SHORT, row(**{column: value})]))
    assert [_told(f) for f in outcome.findings if f.is_error] == []
    draft = _draft(town, "低保对象信息")
    assert {**draft, **draft["items"][0], "name": ""}[key] == expected


def _told(finding: Finding) -> str:
    return f"{finding.place.words('en')}: {finding.words('en')}"
