"""`hutong batch`: what came in, what taking one of it back would do, and doing it."""

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from hutong.commands.batch import app
from schemas.errors import HutongError
from tests.libraries.story import at_source


def run(*arguments: str, answer: str = "") -> str:
    result = CliRunner().invoke(app, list(arguments), input=answer)
    if isinstance(result.exception, HutongError):
        raise result.exception
    return result.output


@pytest.fixture
def wrong(hub: Any, people: Any) -> str:
    hub.publish()
    rows = people(3)
    at_source(hub, rows, "1")
    return at_source(hub, [row | {"xm": "错"} for row in rows], "2")


def test_a_list_shows_the_newest_first_and_only_what_is_asked_for(wrong: str) -> None:
    lines = [line for line in run("list").splitlines() if "public_security.resident" in line]
    assert lines[0].startswith(wrong)
    assert len(lines) == 2
    assert json.loads(run("list", "--state", "rejected", "--json")) == []
    assert [one["id"] for one in json.loads(run("list", "public_security.resident", "--limit", "1", "--json"))] == [
        wrong
    ]


def test_a_dry_run_needs_no_reason_and_shows_no_one_in_clear(hub: Any, wrong: str) -> None:
    said = run("retract", wrong, "--dry-run")
    assert "预演" in said
    assert all(row["subject"] not in said for row in hub.rows("SELECT subject FROM library.population"))
    assert hub.batch(wrong)["state"] == "merged"


def test_taking_back_asks_first_and_wants_a_name_and_a_reason(hub: Any, wrong: str) -> None:
    run("retract", wrong, "--reason", "错", "--by", "李", answer="n\n")
    assert hub.batch(wrong)["state"] == "merged"
    with pytest.raises(HutongError, match=r"retraction\.unsigned"):
        run("retract", wrong, "--yes")
    said = run("retract", wrong, "--reason", "错", "--by", "李", answer="y\n")
    assert "hutong recall open" in said
    assert "--pause" in said
    assert hub.batch(wrong)["state"] == "retracted"
    assert hub.one("SELECT count(*) FROM library.population WHERE name = '错'") == 0
    assert "此前已撤回" in run("retract", wrong, "--reason", "错", "--by", "李", "--yes")


def test_a_batch_says_that_it_was_taken_back_why_and_by_whom(wrong: str) -> None:
    assert "retraction" not in json.loads(run("show", wrong, "--json"))
    run("retract", wrong, "--reason", "文件有误", "--by", "李", "--yes")
    told = json.loads(run("show", wrong, "--json"))
    assert (told["state"], told["retraction"]["reason"], told["retraction"]["by"]) == ("retracted", "文件有误", "李")
    assert told["retraction"]["counts"]["claims_restored"] == 3
    assert "文件有误" in run("show", wrong)
