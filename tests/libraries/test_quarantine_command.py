"""A steward mends a held row from a shell."""

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
