"""A steward mends a held row from a shell."""

import csv
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from hutong.commands.quarantine import app
from libraries import ingest, quarantine
from schemas.errors import Invalid

RESIDENT = "public_security.resident"


@pytest.fixture
def row_id(hub: Any, people: Any) -> int:
    hub.publish()
    rows = people(10)
    rows[4] |= {"xm": None, "dh": "12"}
    hub.fill(rows)
    batch_id = ingest.ingest(RESIDENT, "r")
    with hub.session() as session:
        (row,) = quarantine.find(session, batch_id=batch_id)
    return int(row.id)


def test_the_list_names_every_reason_and_no_value(row_id: int) -> None:
    told = CliRunner().invoke(app, ["list", RESIDENT]).output
    assert str(row_id) in told
    assert "name.required" in told
    assert "phone.pattern" in told
    assert "330" not in told


def test_a_mended_row_reaches_its_library_and_leaves_the_list(hub: Any, row_id: int) -> None:
    sent = CliRunner().invoke(app, ["replay", str(row_id), "--set", "name=李四", "--set", "phone=13800000000"])
    assert sent.exit_code == 0, sent.output
    assert hub.one("SELECT count(*) FROM library.population") == 10
    assert hub.one("SELECT count(*) FROM library.population WHERE name = '李四'") == 1
    assert str(row_id) not in CliRunner().invoke(app, ["list", RESIDENT]).output.split()


def test_what_is_no_correction_is_refused_by_name(row_id: int) -> None:
    told = CliRunner().invoke(app, ["replay", str(row_id), "--set", "name"])
    assert isinstance(told.exception, Invalid)
    assert told.exception.code == "quarantine.not_a_correction"


def told(*arguments: str) -> str:
    found = CliRunner().invoke(app, list(arguments), env={"COLUMNS": "160"})
    assert found.exit_code == 0, found.output
    return found.output


def test_a_row_is_shown_masked_and_in_clear_only_when_asked(hub: Any, row_id: int) -> None:
    clear = told("show", str(row_id), "--reveal")
    masked = told("show", str(row_id))
    with hub.session() as session:
        values = quarantine.get(session, row_id).values
    assert values["citizen_id"] in clear
    assert values["citizen_id"] not in masked
    assert values["birth_date"] not in masked
    assert f"citizen_id = {values['citizen_id'][0]}{'*' * 16}{values['citizen_id'][-1]}" in masked
    assert "phone = ***" in masked
    assert "birth_date = " + values["birth_date"][:4] in masked


def test_reasons_are_listed_with_masked_examples_and_age(row_id: int) -> None:
    lines = told("list", RESIDENT, "--by", "reason")
    assert "name.required" in lines
    assert "name=∅" in lines
    assert "phone=***" in lines
    assert re.search(r"\d{17}", lines) is None
    assert str(row_id) in told("list", RESIDENT, "--reason", "phone.pattern").split()
    assert str(row_id) not in told("list", RESIDENT, "--older-than", "1").split()
    assert ["<1", "1"] in [line.split() for line in told("list", RESIDENT, "--by", "age").splitlines()]


def test_a_file_goes_out_comes_back_and_closes_the_ticket(hub: Any, row_id: int, tmp_path: Path) -> None:
    path = tmp_path / "mend.csv"
    said = told("export", RESIDENT, "--out", str(path))
    assert "1 rows in clear" in said
    listed = told("tickets")
    assert "phone.pattern" in listed
    assert "public_security" in listed
    ticket = listed.splitlines()[1].split()[0]
    assert "answered" in told("answer", ticket, "--note", "已核实")
    lines = path.read_text("utf-8-sig").splitlines()
    titles = lines[0].split(",")
    cells = next(csv.reader([lines[1]]))
    for title, value in (("姓名 name", "李四"), ("电话 phone", "13800000000")):
        cells[titles.index(title)] = value
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file).writerows([titles, cells])
    assert "released 1" in told("fix", str(path))
    assert "already_in 1" in told("fix", str(path))
    assert hub.one("SELECT count(*) FROM library.population WHERE name = '李四'") == 1
    assert "phone.pattern" not in told("tickets", RESIDENT)
    assert "phone.pattern" in told("tickets", RESIDENT, "--all")
    assert "released by" in told("show", str(row_id))
