"""What goes out comes back: a workbook made by the hub says exactly what the directory says."""

from datetime import date
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from catalog import directory
from catalog.findings import Findings
from catalog.workbook.cells import read_cell, write_cell
from catalog.workbook.columns import column_of, columns, words
from catalog.workbook.identities import Identities
from catalog.workbook.reading import read_workbook, take_in
from catalog.workbook.selection import newest_drafts
from catalog.workbook.writing import write_workbook
from catalog.workbook.xlsx import SheetForm, XlsxWriter, rows_of
from schemas.library import LIBRARIES, library
from schemas.resource import Item, ResourceDraft

WHOLE: dict[str, Any] = {
    "id": "civil_affairs.relief", "name": "低保对象信息", "department": "civil_affairs", "inner_department": "社会救助科",
    "code": "306001/0001", "more_codes": ["207001/0009"], "category": "部门信息资源/市级/民政/救助/低保/城市低保",
    "abstract": "=低保对象名册\n第二行", "keywords": ["低保", "含；分号"], "format": {"category": "3", "type": "oracle", "note": "11g"},
    "sharing": {"type": 2, "condition": "+用于救助审批", "uses": ["行政依据", "业务协同"], "mode": "数据库"},
    "is_open": True, "open_condition": " 前后有空格 ", "open_theme": "社会救助", "update_cycle": 4, "publish_date": date(2026, 1, 31),
    "related_codes": ["101001/0001"], "duty": "@社会救助", "service_items": ["gz", "dibao"], "system": "救助系统", "grade": "3",
    "assessment": {"secrecy": "none", "holds_personal_information": True, "conclusion": "可共享", "assessed_on": date(2026, 1, 2), "assessed_by": "民政局"},
    "survey": {"stored_gb": 1.5, "records_10k": 20}, "library": "population",
    "items": [
        {"id": "citizen_id", "name": "公民身份号码", "element": "citizen_id", "length": 18, "required": True, "check": "citizen_id", "attribute": "subject",
         "normalise": ["trim", "code:sex"], "sensitivity": "personal", "synonyms": ["身份证号", "SFZH"], "share_type": 3},
        {"id": "amount", "name": "-金额", "type": "N", "minimum": 0.0, "maximum": 9999.99, "pattern": "^\\d+$"},
        {"id": "kind", "name": "类别", "code_table": "sex", "sensitivity": "sensitive"},
    ],
    "source": {"connector": "database", "connection": "civil", "options": {"table": "t", "n": 1}, "mapping": {"SFZH": "citizen_id", "JE": "amount"},
               "key": ["citizen_id"], "ignore": ["备注"], "mode": "incremental", "watermark": "amount"},
    "checks": [{"id": "a", "kind": "not_in_future", "items": ["amount"], "options": {"x": [1, 2]}}], "quality": {"reject_above": 0.2},
}  # fmt: skip


def _there_and_back(session: Session, tmp_path: Path, *drafts: ResourceDraft) -> list[ResourceDraft]:
    identities, findings = Identities(session), Findings()
    write_workbook(tmp_path / "out.xlsx", drafts, identities.departments)
    found = list(read_workbook(tmp_path / "out.xlsx", identities, findings))
    assert [(f.code, f.words("en"), f.column) for f in findings] == []
    return found


def test_a_whole_resource_comes_back_as_it_was(town: Session, tmp_path: Path) -> None:
    draft = ResourceDraft.model_validate(WHOLE)
    bare = ResourceDraft(id="city.bare", name="空白资源", department="city")
    assert _there_and_back(town, tmp_path, draft, bare) == [draft, bare]


def test_every_field_of_the_document_has_its_column() -> None:
    keys = {column.key for column in columns()}
    whole = {key.partition(".")[0] for key in keys}
    assert set(ResourceDraft.model_fields) - whole == set()
    assert {f"items.{name}" for name in Item.model_fields} - keys == set()


@pytest.mark.parametrize(
    ("name", "model"),
    [("items.check", Item), ("items.sensitivity", Item), ("grade", ResourceDraft)],
)
def test_every_choice_has_a_word(name: str, model: Any) -> None:
    annotation = str(model.model_fields[name.rpartition(".")[2]].annotation)
    known = words()[column_of(name).kind.partition(":")[2]]
    assert all(f"'{value}'" in annotation for value in known)
    assert annotation.count("'") == 2 * len(known)


def test_every_declared_library_has_its_words_and_its_name_is_one() -> None:
    known = words()["library"]
    assert set(known) == set(LIBRARIES)
    assert all(library(name).name["zh"] in known[name] for name in LIBRARIES)


_TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=0, max_size=30)
_NASTY = st.sampled_from(
    ["=1+1", "'=x", "''+y", " pad ", '"quoted"', '" x "', "_x000D_", "a\rb", "\t", "[1", "；", "\x1b", "'", "@", "-5"]
)


@settings(max_examples=300, deadline=None)
@given(st.one_of(_TEXT, _NASTY))
def test_any_text_survives_its_cell(text: str) -> None:
    column = column_of("abstract")
    written = write_cell(column, text)
    assert read_cell(column, written) == text
    assert isinstance(written, str)
    assert written[:1] not in tuple("=+-@\t\r")


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(_TEXT, _NASTY), min_size=1, max_size=4))
def test_any_list_survives_its_cell(parts: list[str]) -> None:
    column = column_of("keywords")
    assert read_cell(column, write_cell(column, tuple(parts))) == parts


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.one_of(_TEXT, _NASTY).filter(bool), min_size=1, max_size=8))
def test_any_text_survives_the_file(tmp_path: Path, texts: list[str]) -> None:
    from catalog.workbook.sheets import open_sheets

    with XlsxWriter(tmp_path / "texts.xlsx") as book:
        book.sheet(SheetForm("文字"), rows_of([[text, 1.0] for text in texts]))
    (sheet,) = open_sheets(tmp_path / "texts.xlsx")
    assert [row.cells[0] for row in sheet.rows()] == texts


def test_importing_what_was_exported_changes_nothing(town: Session, tmp_path: Path) -> None:
    directory.save_draft(town, ResourceDraft.model_validate(WHOLE))
    path = tmp_path / "out.xlsx"
    write_workbook(path, newest_drafts(town), Identities(town).departments)
    outcome = take_in(town, path)
    assert outcome.summary().startswith("0 created, 0 changed, 1 unchanged, 0 refused")
    assert len(directory.versions(town, "civil_affairs.relief")) == 1


def test_other_programs_can_open_what_is_written(town: Session, tmp_path: Path) -> None:
    write_workbook(tmp_path / "out.xlsx", [ResourceDraft.model_validate(WHOLE)], Identities(town).departments)
    book = openpyxl.load_workbook(tmp_path / "out.xlsx")
    sheet = book["信息资源目录"]
    assert [cell.value for cell in sheet[1]][:5] == ["序号", "部门类信息资源分类", "项", "目", "细目1"]
    assert sheet.max_row == 4
    assert sheet.freeze_panes == "A2"
    assert any("字符型" in str(rule.formula1) for rule in sheet.data_validations.dataValidation)
    book.close()
