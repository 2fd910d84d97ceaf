"""Answers by workbook: what waits goes out with drop-down lists, comes back filled in, is judged row by row and kept whole or not at all."""

import io
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from sqlalchemy.orm import Session

from exchange_api import cases
from exchange_api.demand import demands
from exchange_api.supply import answer_book, answer_intake, supplies
from exchange_api.supply.answer_book import PLACES
from schemas.errors import Denied, Invalid
from tests.desks.conftest import BUREAU, HOUSING, POLICE, actor, form

LAW = "依据《中华人民共和国个人信息保护法》第六条"


@pytest.fixture
def asked(town: Session) -> tuple[str, str]:
    """A demand that the police are asked to supply; its number and the task's."""
    demand = demands.register(town, HOUSING, form("姓名", "户口所在地"))
    demands.submit(town, HOUSING, demand.id)
    demands.dispatch(town, BUREAU, demand.id)
    (task,) = [one for one in supplies.tasks_of(town, demand_id=demand.id) if one.department_id == "public_security"]
    return demand.id, task.id


def fetched(town: Session) -> Any:
    file = io.BytesIO()
    answer_book.write(town, "public_security", file)
    return openpyxl.load_workbook(io.BytesIO(file.getvalue()))


def filled(town: Session, folder: Path, *words: dict[str, str]) -> Path:
    """The workbook with these words in its rows, in order."""
    book = fetched(town)
    for number, said in enumerate(words, 2):
        for key, text in said.items():
            book.worksheets[0].cell(number, PLACES[key] + 1).value = text
    path = folder / "answers.xlsx"
    book.save(path)
    return path


def states(town: Session, task: str) -> list[str]:
    town.expire_all()
    return [row.state for row in supplies.answers_of(town, task)]


def test_what_waits_is_one_row_per_item_with_lists_to_choose_from(town: Session, asked: tuple[str, str]) -> None:
    sheet = fetched(town).worksheets[0]
    assert [row[PLACES["name"]] for row in sheet.iter_rows(min_row=2, values_only=True)] == ["姓名", "户口所在地"]
    assert {row[0] for row in sheet.iter_rows(min_row=2, values_only=True)} == {asked[1]}
    lists = [one.formula1 for one in sheet.data_validations.dataValidation]
    assert any("确认提供,限期提供,替代方案,不予提供" in one for one in lists)


def test_a_filled_in_workbook_answers_and_again_changes_nothing(
    town: Session, asked: tuple[str, str], tmp_path: Path
) -> None:
    path = filled(town, tmp_path, {"decision": "确认提供", "form": "脱敏"}, {"decision": "不予提供", "reason": LAW})
    done = answer_intake.take_in(town, POLICE, path)
    assert (done.taken, done.troubles) == ([asked[1]], [])
    assert states(town, asked[1]) == ["confirmed", "refused"]
    before = len(cases.timeline(town, asked[0]))
    again = answer_intake.take_in(town, POLICE, path)
    assert (again.taken, again.unchanged, again.troubles) == ([], [asked[1]], [])
    assert len(cases.timeline(town, asked[0])) == before


def test_every_error_stands_at_its_cell_and_nothing_is_taken(
    town: Session, asked: tuple[str, str], tmp_path: Path
) -> None:
    path = filled(
        town, tmp_path, {"decision": "也许"}, {"decision": "不予提供", "ground": "法律、行政法规或国务院决定不予共享", "reason": "不方便"}
    )  # fmt: skip
    done = answer_intake.take_in(town, POLICE, path, partial=True)
    assert [(one.row, one.column, one.error.code) for one in done.troubles] == [
        (2, "decision", "supply.row_value"), (3, "reason", "supply.reason_needed"),
    ]  # fmt: skip
    assert (done.taken, done.left) == ([], [asked[1]])
    assert states(town, asked[1]) == ["waiting", "waiting"]
    report = io.BytesIO()
    answer_book.write_report(report, done.rows, done.troubles)
    book = openpyxl.load_workbook(io.BytesIO(report.getvalue()))
    assert book.worksheets[0].cell(2, PLACES["decision"] + 1).fill.fgColor.rgb == "FFFFC7CE"
    assert [row[0] for row in book.worksheets[1].iter_rows(min_row=2, values_only=True)] == [2, 3]


def test_a_task_that_is_not_answered_whole_is_told_row_by_row(
    town: Session, asked: tuple[str, str], tmp_path: Path
) -> None:
    done = answer_intake.take_in(town, POLICE, filled(town, tmp_path, {"decision": "确认提供"}))
    assert [(one.row, one.error.code) for one in done.troubles] == [(3, "supply.answer_missing")]
    assert states(town, asked[1]) == ["waiting", "waiting"]


def test_the_tasks_without_errors_are_taken_when_that_is_wished(
    town: Session, asked: tuple[str, str], tmp_path: Path
) -> None:
    other = demands.register(town, HOUSING, form("姓名"))
    demands.submit(town, HOUSING, other.id)
    demands.dispatch(town, BUREAU, other.id)
    words: list[dict[str, str]] = []
    for row in fetched(town).worksheets[0].iter_rows(min_row=2, values_only=True):
        words.append({"decision": "不予提供"} if row[0] == asked[1] else {"decision": "确认提供"})
    path = filled(town, tmp_path, *words)
    assert answer_intake.take_in(town, POLICE, path).taken == []
    done = answer_intake.take_in(town, POLICE, path, partial=True)
    (task,) = supplies.tasks_of(town, demand_id=other.id)
    assert (done.taken, done.left) == ([task.id], [asked[1]])
    assert states(town, task.id) == ["confirmed"]


def test_another_departments_rows_look_like_none(town: Session, asked: tuple[str, str], tmp_path: Path) -> None:
    path = filled(town, tmp_path, {"decision": "确认提供"}, {"decision": "确认提供"})
    stranger = actor("stranger", "civil_affairs", "provider")
    done = answer_intake.take_in(town, stranger, path, partial=True)
    assert {one.error.code for one in done.troubles} == {"supply.row_unknown"}
    assert states(town, asked[1]) == ["waiting", "waiting"]
    with pytest.raises(Denied):
        answer_intake.take_in(town, HOUSING, path)


def test_a_formula_without_a_value_is_no_answer(town: Session, asked: tuple[str, str], tmp_path: Path) -> None:
    path = filled(town, tmp_path, {"decision": "确认提供", "reason": '=cmd|"/c calc"!A1'}, {"decision": "确认提供"})
    done = answer_intake.take_in(town, POLICE, path)
    assert [(one.row, one.column, one.error.code) for one in done.troubles] == [(2, "reason", "supply.row_value")]
    assert states(town, asked[1]) == ["waiting", "waiting"]


def test_what_is_no_workbook_of_answers_is_refused(town: Session, tmp_path: Path) -> None:
    path = tmp_path / "other.xlsx"
    openpyxl.Workbook().save(path)
    with pytest.raises(Invalid) as refused:
        answer_intake.take_in(town, POLICE, path)
    assert refused.value.code == "supply.no_answer_sheet"
    path.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"))
    with pytest.raises(Invalid) as refused:
        answer_intake.take_in(town, POLICE, path)
    assert refused.value.code == "workbook.protected"
