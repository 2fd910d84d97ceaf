"""Rows go out as a file and come back mended: only changed cells count, every line is answered, nothing goes in twice and nothing is a formula."""

import csv
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook

from libraries import ingest, quarantine
from libraries.correcting import correction_files, corrections
from libraries.correcting.corrections import Answer
from libraries.holding import tickets
from schemas.errors import Invalid
from tests.libraries.story import RESIDENT, at_source, balanced, faulty, held, waiting

STRANGE = [
    "=1+1",
    "+86",
    "-5",
    "@x",
    "\t=x",
    "'=x",
    ' "q" ',
    "a\r\nb\x01c",
    "_x0041_",
    "\U00020000\ue000",
    "１２",
    "逗,号",
]


def exported(hub: Any, path: Path) -> list[list[Any]]:
    with hub.session() as session:
        corrections.export(session, RESIDENT, path)
    if path.suffix == ".csv":
        with path.open(encoding="utf-8-sig", newline="") as file:
            return [list(line) for line in csv.reader(file)]
    return [[cell.value for cell in row] for row in load_workbook(path).worksheets[0].iter_rows()]


def save(path: Path, lines: list[list[Any]]) -> None:
    if path.suffix == ".csv":
        with path.open("w", encoding="utf-8-sig", newline="") as file:
            csv.writer(file).writerows(lines)
        return
    book = Workbook()
    for number, line in enumerate(lines, 1):
        for column, value in enumerate(line, 1):
            cell = book.worksheets[0].cell(number, column)
            cell.value = value
            if isinstance(value, str):
                cell.data_type = "s"
    book.save(path)


def place(lines: list[list[Any]], item: str) -> int:
    return next(n for n, title in enumerate(lines[0]) if title.split()[-1] == item)


@pytest.mark.parametrize("suffix", [".xlsx", ".csv"])
def test_a_mended_file_goes_in_once_however_often_it_is_sent(
    hub: Any, people: Any, tmp_path: Path, suffix: str
) -> None:
    hub.publish(quality={"reject_above": 0.9})
    rows = people(8)
    first = at_source(hub, faulty(rows, wrong=(0, 1, 2, 3)), "r")
    path = tmp_path / f"out{suffix}"
    lines = exported(hub, path)
    assert lines[0][:4] == ["编号 row", "资源 resource", "批次 batch", "原因 reasons"]
    assert path.stat().st_mode & 0o777 == 0o600
    assert lines[1][place(lines, "citizen_id")] == rows[0]["gmsfhm"]
    name, phone = place(lines, "name"), place(lines, "phone")
    lines[1][name], lines[2][name] = "李一", "李二"
    lines[3][name], lines[3][phone] = "李三", "错"
    save(path, lines)
    answers = corrections.fix(path)
    assert [(answer.line, answer.state) for answer in answers] == [
        (2, "released"),
        (3, "released"),
        (4, "wrong"),
        (5, "unchanged"),
    ]
    assert answers[2].detail == "phone.pattern"
    assert hub.one("SELECT count(*) FROM library.population") == 6
    counts = (
        "SELECT (SELECT count(*) FROM landing.batches) AS b, (SELECT count(*) FROM library.population_past_claims) AS c"
    )
    before = hub.rows(counts)
    assert [answer.state for answer in corrections.fix(path)] == ["already_in", "already_in", "wrong", "unchanged"]
    assert hub.rows(counts) == before
    assert balanced(hub, first) == {"waiting": 2, "released": 2, "superseded": 0, "held": 4}
    with hub.session() as session:
        states = {ticket.reason: (ticket.state, ticket.rows) for ticket in tickets.find(session, RESIDENT)}
    assert states["name.required"] == ("answered", 2)


def test_what_a_line_may_not_do_is_named(hub: Any, people: Any, tmp_path: Path) -> None:
    hub.publish(quality={"reject_above": 0.9})
    rows = people(8)
    at_source(hub, faulty(rows, wrong=(0, 1, 2, 3, 4, 5)), "r")
    path = tmp_path / "out.xlsx"
    lines = exported(hub, path)
    name, key = place(lines, "name"), place(lines, "citizen_id")
    for line in lines[1:]:
        line[name] = "李四"
    lines[1][0] = "999999"
    lines[2][1] = "education.pupil"
    lines[3][key] = rows[7]["gmsfhm"]
    lines[4][key] = 330106199001010000  # as Excel keeps a number: its last digits are lost
    lines[5] = list(lines[6])
    save(path, lines)
    assert [(answer.line, answer.state) for answer in corrections.fix(path)] == [
        (2, "unknown_row"), (3, "other_resource"), (4, "key_changed"), (5, "unreadable"), (6, "released"), (7, "repeated"),
    ]  # fmt: skip
    assert hub.one("SELECT count(*) FROM library.population") == 3


def test_a_key_that_was_at_fault_may_be_corrected(hub: Any, people: Any, tmp_path: Path) -> None:
    hub.publish(quality={"reject_above": 0.9})
    rows = people(4)
    right = rows[0]["gmsfhm"]
    at_source(hub, [rows[0] | {"gmsfhm": right[:17] + "?"}, *rows[1:]], "r")
    path = tmp_path / "out.csv"
    lines = exported(hub, path)
    lines[1][place(lines, "citizen_id")] = right
    save(path, lines)
    assert [answer.state for answer in corrections.fix(path)] == ["released"]
    assert hub.one("SELECT count(*) FROM library.population WHERE subject = :id", id=right) == 1


def test_a_file_of_yesterday_holds_for_the_same_rows_of_today(hub: Any, people: Any, tmp_path: Path) -> None:
    hub.publish(quality={"reject_above": 0.9})
    rows = people(4)
    at_source(hub, faulty(rows, wrong=(0, 1)), "r1")
    path = tmp_path / "out.csv"
    lines = exported(hub, path)
    today = faulty(rows, wrong=(0, 1))
    today[1]["dh"] = "1"
    second = at_source(hub, today, "r2")
    name = place(lines, "name")
    lines[1][name] = lines[2][name] = "李四"
    save(path, lines)
    answers = corrections.fix(path)
    assert [(answer.line, answer.state) for answer in answers] == [(2, "released"), (3, "superseded")]
    assert balanced(hub, second) == {"waiting": 1, "released": 1, "superseded": 0, "held": 2}


def test_a_send_that_dies_in_the_middle_is_sent_again(
    hub: Any, people: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.publish(quality={"reject_above": 0.9})
    first = at_source(hub, faulty(people(4), wrong=(0, 1)), "r")
    path = tmp_path / "out.csv"
    lines = exported(hub, path)
    for line in lines[1:]:
        line[place(lines, "name")] = "李四"
    save(path, lines)

    def dies(_: str) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(ingest, "merge", dies)
        with pytest.raises(KeyboardInterrupt):
            corrections.fix(path)
    assert {answer.state for answer in corrections.fix(path)} == {"released"}
    assert balanced(hub, first) == {"waiting": 0, "released": 2, "superseded": 0, "held": 2}


@pytest.mark.parametrize("suffix", [".xlsx", ".csv"])
def test_a_file_sent_back_untouched_changes_nothing_whatever_stood_in_it(
    hub: Any, people: Any, tmp_path: Path, suffix: str
) -> None:
    hub.publish(quality={"reject_above": 1})
    rows = [row | {"xm": text, "dh": "1"} for row, text in zip(people(len(STRANGE)), STRANGE, strict=True)]
    at_source(hub, [*rows, people(20)[19]], "r")
    path = tmp_path / f"out{suffix}"
    lines = exported(hub, path)
    name = place(lines, "name")
    if suffix == ".csv":
        assert all(str(line[name])[0] not in "=+-@\t\r" for line in lines[1:])
    assert {answer.state for answer in corrections.fix(path)} == {"unchanged"}
    assert len(waiting(hub)) == len(STRANGE)
    found = {line.row_id: line.cells["name"] for line in correction_files.read(path)}
    assert {found[row.id] for row in waiting(hub)} >= {"=1+1", "+86", "-5", "@x", "\U00020000\ue000", "１２", "逗,号"}


def test_no_cell_of_a_workbook_is_a_formula(hub: Any, people: Any, tmp_path: Path) -> None:
    hub.publish(quality={"reject_above": 1})
    at_source(hub, [people(2)[0] | {"xm": "=1+1", "dh": "=cmd|' /C calc'!A0"}, people(2)[1]], "r")
    path = tmp_path / "out.xlsx"
    exported(hub, path)
    assert {cell.data_type for row in load_workbook(path).worksheets[0].iter_rows() for cell in row} <= {"s", "n"}
    assert not [
        c for row in load_workbook(path).worksheets[0].iter_rows() for c in row if str(c.value or "").startswith("=")
    ]


def test_chinese_excel_saves_csv_in_gbk_and_is_read(hub: Any, people: Any, tmp_path: Path) -> None:
    hub.publish(quality={"reject_above": 0.9})
    at_source(hub, faulty(people(3), wrong=(0,)), "r")
    path = tmp_path / "out.csv"
    lines = exported(hub, path)
    lines[1][place(lines, "name")] = "李四"
    with path.open("w", encoding="gb18030", newline="") as file:
        csv.writer(file).writerows(lines)
    assert corrections.fix(path) == [Answer(2, int(lines[1][0]), "released", _last_replay(hub))]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "姓名\n李四\n"),
        ("a.csv", "编号 row,资源 resource,x,x\n"),
        ("a.csv", b"\xff\xfe\x00\xd8"),
        ("a.txt", ""),
        ("none.csv", None),
    ],
)
def test_what_is_no_file_of_corrections_is_refused_by_name(tmp_path: Path, name: str, content: Any) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(Invalid, match=r"quarantine\.bad_file"):
        correction_files.read(path)


def test_a_file_is_written_only_as_xlsx_or_csv(hub: Any, people: Any, tmp_path: Path) -> None:
    hub.publish(quality={"reject_above": 0.9})
    first = at_source(hub, faulty(people(3), wrong=(0,)), "r")
    with pytest.raises(Invalid, match=r"quarantine\.bad_file"):
        exported(hub, tmp_path / "out.pdf")
    assert not (tmp_path / "out.pdf").exists()
    assert len(held(hub, first)) == 1
    assert quarantine.WAITING


def _last_replay(hub: Any) -> str:
    return str(hub.one("SELECT id FROM landing.batches WHERE run_id LIKE 'replay:%'"))
