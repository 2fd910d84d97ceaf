"""What is wrong is told with sheet, row, column, value and remedy, and nothing is taken in; what is no workbook is not even opened."""

import random
import struct
import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from openpyxl.styles import Font
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalog.findings import finding_words
from catalog.workbook import container
from catalog.workbook.container import require_sound
from catalog.workbook.reading import take_in
from catalog.workbook.sheets import open_sheets
from catalog.workbook.xlsx import SheetForm, XlsxWriter, rows_of
from schemas.errors import Invalid
from schemas.tables.directory import Resource
from tests.catalog.workbook.conftest import SHORT, continued, row

Book = Callable[..., Path]
SECOND = {"信息资源名称": "特困人员", "信息资源代码": "306001/0002"}


def _only_error(session: Session, path: Path) -> Any:
    before = session.scalar(select(func.count()).select_from(Resource))
    outcome = take_in(session, path)
    assert session.scalar(select(func.count()).select_from(Resource)) == before
    assert (outcome.created, outcome.changed, outcome.refused > 0) == ([], [], True)
    (found,) = [finding for finding in outcome.findings if finding.is_error]
    assert "{" not in found.words("zh") + found.remedy("zh") + found.words("en") + found.remedy("en")
    assert "<" not in found.words("zh") + found.remedy("zh")
    return found


@pytest.mark.parametrize(
    ("column", "value", "code", "shown"),
    [
        ("数据类型", "varchar", "workbook.not_in_list", "varchar"),
        ("数据长度", "18位", "workbook.not_a_number", "18位"),
        ("数据长度", 1.5, "workbook.not_whole", "1.5"),
        ("格式分类", "光盘", "workbook.not_in_list", "光盘"),
        ("共享类型", "看情况", "workbook.not_in_list", "看情况"),
        ("共享条件/不予共享依据", None, "intake.bad_field", ""),
        ("更新周期", "偶尔", "workbook.not_in_list", "偶尔"),
        ("发布日期", "去年", "workbook.not_a_date", "去年"),
        ("发布日期", "2026-02-30", "workbook.not_a_date", "2026-02-30"),
        ("发布日期", 12, "workbook.not_a_date", "12"),
        ("是否向社会开放", "也许", "workbook.not_yes_or_no", "也许"),
        ("信息资源代码", date(2026, 3, 1), "workbook.became_date", "2026-03-01"),
        ("信息资源代码", 306001000000000001, "workbook.lost_digits", "3.06001e+17"),
        ("信息资源代码", "沪A1", "workbook.bad_pattern", "沪A1"),
        ("信息资源名称", "长" * 201, "workbook.too_long", "长" * 201),
        ("信息资源提供方", "兴和市民政厅", "workbook.unknown_department", "兴和市民政厅"),
    ],
)
def test_a_wrong_cell_is_told_by_its_place(
    town: Session, book: Book, column: str, value: Any, code: str, shown: str
) -> None:
    found = _only_error(town, book([SHORT, row(**SECOND), row(**{column: value})]))
    assert (found.sheet, found.row, found.column, found.code) == ("Sheet", 3, column, code)
    assert found.value.startswith(shown)


def test_a_survey_figure_with_its_unit_is_an_error(town: Session, book: Book) -> None:
    found = _only_error(town, book([[*SHORT, "数据存储总量(G)"], [*row(), "12G"]]))
    assert (found.column, found.code, "0" in found.remedy("en")) == ("数据存储总量(G)", "workbook.not_a_figure", True)


def test_resource_cells_that_differ_name_both_rows(town: Session, book: Book) -> None:
    found = _only_error(town, book([SHORT, row(), row(信息项名称="年龄", 更新周期="每日")]))
    assert (found.row, found.column, found.facts["first_row"]) == (3, "更新周期", 2)


def test_a_formula_without_its_value_is_an_error(town: Session, book: Book) -> None:
    found = _only_error(town, book([SHORT, row(信息资源摘要="=A1&A2")]))
    assert (found.row, found.column, found.code) == (2, "信息资源摘要", "workbook.formula_without_value")


def test_a_formula_with_its_value_is_that_value(town: Session, book: Book) -> None:
    path = book([SHORT, row(数据长度="=25*2", 信息资源摘要='=""')])
    _edit(path, "xl/worksheets/sheet1.xml", b"<f>25*2</f><v></v>", b"<f>25*2</f><v>50</v>")
    _edit(path, "xl/worksheets/sheet1.xml", b'"E2"><f>""</f><v></v>', b'"E2" t="str"><f>""</f><v></v>')
    outcome = take_in(town, path)
    assert (outcome.findings.errors, len(outcome.created)) == (0, 1)


def test_an_error_value_is_an_error(town: Session, book: Book) -> None:
    def spoil(sheet: Any) -> None:
        sheet["E2"] = "#N/A"
        sheet["E2"].data_type = "e"

    found = _only_error(town, book([SHORT, row()], spoil))
    assert (found.column, found.value, found.code) == ("信息资源摘要", "#N/A", "workbook.error_value")


def test_hidden_rows_are_an_error_and_never_taken(town: Session, book: Book) -> None:
    def hide(sheet: Any) -> None:
        sheet.row_dimensions[3].hidden = True

    path = book([SHORT, row(), continued(信息项名称="年龄", 数据类型="I"), row(**SECOND)], hide)
    assert (_only_error(town, path).row, _only_error(town, path).code) == (3, "workbook.hidden_rows")
    assert len(take_in(town, path, partial=True).created) == 1


def test_a_hidden_sheet_with_resources_is_an_error(town: Session, book: Book) -> None:
    def add_hidden(sheet: Any) -> None:
        hidden = sheet.parent.create_sheet("旧表")
        hidden.append(SHORT)
        hidden.append(row(**SECOND))
        hidden.sheet_state = "hidden"

    outcome = take_in(town, book([SHORT, row()], add_hidden))
    assert [(f.sheet, f.code) for f in outcome.findings if f.is_error] == [("旧表", "workbook.hidden_sheet")]
    assert outcome.created == []


def test_a_code_used_twice_names_both_places(town: Session, book: Book) -> None:
    found = _only_error(town, book([SHORT, row(), row(信息资源名称="特困人员")]))
    assert (found.row, found.value, found.code) == (3, "306001/0001", "intake.duplicate_code")
    assert "第 2 行" in found.facts["first"]


def test_a_code_of_another_resource_is_refused(town: Session, book: Book) -> None:
    take_in(town, book([SHORT, row()]))
    found = _only_error(town, book([[*SHORT, "资源标识"], [*row(信息资源名称="特困人员"), "civil_affairs.other"]]))
    assert found.code == "intake.duplicate_code"


def test_scattered_rows_are_refused_whole(town: Session, book: Book) -> None:
    path = book([SHORT, row(), row(**SECOND), row(信息项名称="年龄")])
    assert _only_error(town, path).code == "workbook.rows_apart"
    outcome = take_in(town, path, partial=True)
    assert (len(outcome.created), outcome.refused) == (1, 2)
    assert town.get(Resource, outcome.created[0])


def test_rows_that_belong_to_nobody_are_told(town: Session, book: Book) -> None:
    found = _only_error(town, book([SHORT, continued(信息项名称="年龄"), row()]))
    assert (found.row, found.code) == (2, "workbook.no_name")


def test_a_repeated_header_is_an_error(town: Session, book: Book) -> None:
    outcome = take_in(town, book([[*SHORT, "资源名称"], [*row(), "另一个"]]))
    assert [f.code for f in outcome.findings if f.is_error] == ["workbook.header_repeats"]


def test_partial_takes_what_is_right(town: Session, book: Book) -> None:
    path = book([SHORT, row(), row(**SECOND, 数据类型="varchar")])
    outcome = take_in(town, path, partial=True)
    assert outcome.summary().startswith("1 created, 0 changed, 0 unchanged, 1 refused")
    assert take_in(town, path, partial=True).summary().startswith("0 created, 0 changed, 1 unchanged, 1 refused")


def test_a_declared_secret_is_refused(town: Session, book: Book) -> None:
    headers = [*SHORT, "涉密评估", "是否含个人信息", "评估日期", "评估人"]
    found = _only_error(town, book([headers, [*row(), "国家秘密", "否", "2026-01-01", "民政局"]]))
    assert (found.code, found.row) == ("directory.holds_secret", 2)


def test_a_sheet_without_the_header_is_refused(town: Session, book: Book) -> None:
    with pytest.raises(Invalid, match=r"workbook\.no_table") as refused:
        take_in(town, book([["姓名", "年龄"], ["甲", 1]]))
    assert "--out" in refused.value.remedy("zh")


# -- files that are no workbook, or one that should not be opened


def _refusal(path: Path) -> Invalid:
    with pytest.raises(Invalid) as refused:
        open_sheets(path)
    return refused.value


def _edit(path: Path, part: str, old: bytes, new: bytes) -> None:
    with zipfile.ZipFile(path) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    contents[part] = contents[part].replace(b"<v />", b"<v></v>").replace(b"<v/>", b"<v></v>")
    assert old in contents[part]
    contents[part] = contents[part].replace(old, new)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)


def _ole(path: Path, stream: str) -> Path:
    path.write_bytes(container.OLE + bytes(1000) + stream.encode("utf-16-le") + bytes(1000))
    return path


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("a.xlsx", b"", "workbook.not_a_workbook"),
        ("a.xlsx", "信息资源名称,信息资源代码\n".encode("gb18030"), "workbook.corrupt"),
        ("a.xlsx", b"name,code\n", "workbook.not_a_workbook"),
        ("a.xlsx", b"<html><table></table></html>", "workbook.not_a_workbook"),
        ("a.xlsx", b"%PDF-1.7", "workbook.not_a_workbook"),
        ("a.xlsx", b"PK\x03\x04 and no more", "workbook.corrupt"),
    ],
)
def test_what_is_no_workbook_is_named(tmp_path: Path, name: str, content: bytes, code: str) -> None:
    (tmp_path / name).write_bytes(content)
    assert _refusal(tmp_path / name).code == code


def test_old_formats_and_passwords_are_told_apart(tmp_path: Path) -> None:
    assert _refusal(_ole(tmp_path / "a.xls", "Workbook")).code == "workbook.old_format"
    assert _refusal(_ole(tmp_path / "a.et", "Workbook")).code == "workbook.old_format"
    protected = _refusal(_ole(tmp_path / "a.xlsx", "EncryptedPackage"))
    assert (protected.code, "密码" in protected.title("zh")) == ("workbook.protected", True)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert _refusal(tmp_path / "none.xlsx").code == "workbook.not_found"


def test_a_zip_that_is_no_workbook_is_named(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.xlsx", "w") as archive:
        archive.writestr("word/document.xml", "<w/>")
    assert _refusal(tmp_path / "a.xlsx").code == "workbook.not_a_workbook"


@pytest.mark.parametrize("seed", range(8))
def test_a_damaged_workbook_is_an_error_or_what_it_was(book: Book, seed: int) -> None:
    path = book([SHORT, *(row() for _ in range(50))])
    content = bytearray(path.read_bytes())
    chance = random.Random(seed)
    for _ in range(20):
        content[chance.randrange(4, len(content))] = chance.randrange(256)
    path.write_bytes(bytes(content[: chance.randrange(len(content) // 2, len(content))] if seed % 2 else content))
    assert _refusal(path).code in ("workbook.corrupt", "workbook.bomb", "workbook.not_a_workbook", "workbook.protected")


def test_a_large_file_is_refused_unread(tmp_path: Path) -> None:
    with (tmp_path / "a.xlsx").open("wb") as file:
        file.truncate(200 * 1024 * 1024)
    refused = _refusal(tmp_path / "a.xlsx")
    assert (refused.code, refused.facts["size"]) == ("workbook.too_large", 200)


def _bomb(path: Path, size: int, declared: int | None = None) -> Path:
    """A sheet of `size` bytes of nothing; the directory of the archive says `declared`."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        with archive.open("xl/worksheets/sheet1.xml", "w", force_zip64=False) as part:
            for _ in range(size // container.MEBIBYTE):
                part.write(bytes(container.MEBIBYTE))
    if declared is not None:
        content = bytearray(path.read_bytes())
        at = content.rfind(b"PK\x01\x02")
        struct.pack_into("<I", content, at + 24, declared)
        path.write_bytes(bytes(content))
    return path


def test_a_zip_bomb_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUTONG_WORKBOOK_INFLATED_MB", "20")
    assert _refusal(_bomb(tmp_path / "honest.xlsx", 64 * container.MEBIBYTE)).code == "workbook.bomb"


def test_a_zip_bomb_that_lies_about_its_size_is_not_opened(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=r"workbook\.bomb"):
        require_sound(_bomb(tmp_path / "lying.xlsx", 8 * container.MEBIBYTE, declared=1000))


def test_entities_are_not_expanded(book: Book) -> None:
    path = book([SHORT, row()])
    _edit(path, "xl/workbook.xml", b"<workbook", b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><workbook')
    assert _refusal(path).code == "workbook.corrupt"


def test_a_sheet_that_spreads_over_everything_is_refused(tmp_path: Path) -> None:
    made = openpyxl.Workbook(write_only=False)
    sheet = made.worksheets[0]
    sheet["A1"], sheet["XFD1048576"] = "信息资源名称", "x"
    made.save(tmp_path / "wide.xlsx")
    made.close()
    refused = _refusal(tmp_path / "wide.xlsx")
    assert (refused.code, refused.facts["columns"]) == ("workbook.too_wide", 16384)


def test_a_far_cell_that_is_only_coloured_does_no_harm(town: Session, book: Book) -> None:
    def colour(sheet: Any) -> None:
        sheet["XFD9000"].font = Font(bold=True)

    assert len(take_in(town, book([SHORT, row()], colour)).created) == 1


def test_sheet_parts_may_bear_a_namespace_prefix(tmp_path: Path) -> None:
    with XlsxWriter(tmp_path / "plain.xlsx") as made:
        made.sheet(SheetForm("表"), rows_of([["甲", 1.0]]))
    assert [sheet.beside.columns for sheet in open_sheets(tmp_path / "plain.xlsx")] == [2]


def test_every_finding_has_words_in_both_languages() -> None:
    import yaml

    from tests.house.tree import ROOT

    for code in yaml.safe_load((ROOT / "catalog" / "findings.yml").read_text("utf-8")):
        entry = finding_words(code)
        assert all(entry[part][language] for part in ("title", "remedy") for language in ("zh", "en"))
