"""Any value of a record can say who said it, when, why it counts, and who says otherwise."""

import json
from datetime import date
from typing import Any

import pytest
from typer.testing import CliRunner

from hutong.commands.record import app
from libraries.record import explain, find
from schemas.database import transaction
from schemas.errors import Invalid

PS, CA, HR = "public_security.resident", "civil_affairs.marriage", "human_resources.insured"


@pytest.fixture
def told(hub: Any) -> Any:
    for name in (PS, CA, HR):
        hub.resource(name)
    hub.merge(PS, [{"subject": "a", "name": "张伟", "birth_date": date(1990, 1, 2), "sex": "1"}])
    hub.merge(HR, [{"subject": "a", "name": "张维", "phone": "13900000000", "sex": "1"}])
    hub.merge(CA, [{"subject": "a", "name": "张伟", "marital_status": "20"}])
    return hub


def _explain(name: str, subject: str) -> dict[str, Any]:
    with transaction("reader") as session:
        return explain(session, name, subject)


def test_each_value_names_its_source_and_the_losing_ones(told: Any) -> None:  # noqa: ARG001
    found = _explain("population", "a")
    assert json.loads(json.dumps(found)) == found
    items = {item["id"]: item for item in found["records"][0]["attributes"]}
    assert items["name"]["value"] == "张伟"
    assert items["name"]["source"] == PS
    assert items["name"]["why"] == "highest authority: public_security"
    assert [(other["value"], other["source"]) for other in items["name"]["others"]] == [("张伟", CA), ("张维", HR)]
    assert items["phone"]["why"] == "only source"
    assert items["phone"]["batch"].startswith(HR)
    assert items["birth_date"]["value"] == "1990-01-02"
    assert items["school"]["value"] is None
    conflict = found["records"][0]["conflicts"][0]
    assert (conflict["attribute"], conflict["claims"][0]["value"], conflict["closed_at"]) == ("name", "张伟", None)


def test_golden_record_and_explanation_agree_on_the_winner(told: Any) -> None:
    numbers = {row["number"]: row["id"] for row in told.rows("SELECT number, id FROM directory.resources")}
    sources = told.rows("SELECT sources FROM library.population")[0]["sources"]
    items = _explain("population", "a")["records"][0]["attributes"]
    assert [item.get("source") for item in items] == [numbers.get(source) for source in sources]


def test_all_entries_of_a_subject_are_told(hub: Any) -> None:
    hub.resource("credit_office.decision", of="credit")
    row = {"subject": "91", "entry_kind": "10", "authority": "局", "fine_amount": 2}
    hub.merge("credit_office.decision", [{**row, "document_number": "1"}, {**row, "document_number": "2"}])
    assert [record["key"] for record in _explain("credit", "91")["records"]] == ["10/1/局", "10/2/局"]
    assert [record["key"] for record in _explain("credit", "10/2/局")["records"]] == ["10/2/局"]


def test_an_unknown_record_or_library_is_said_so(hub: Any) -> None:  # noqa: ARG001
    with pytest.raises(Invalid, match=r"record\.unknown:"):
        _explain("population", "nobody")
    with pytest.raises(Invalid, match=r"record\.unknown_library"):
        _explain("weather", "nobody")


def test_find_reads_now_and_then(told: Any) -> None:
    before = told.rows("SELECT clock_timestamp() AS now")[0]["now"]
    told.merge(PS, [{"subject": "a", "name": "张三", "sex": "1"}])
    with transaction("reader") as session:
        assert find(session, "population", ["a", "b"])[0]["name"] == "张三"
        assert find(session, "population", ["a", "b"], known_at=before)[0]["name"] == "张伟"


@pytest.mark.parametrize(("language", "word"), [("zh", "权威来源"), ("en", "highest authority")])
def test_the_command_shows_both_languages(told: Any, language: str, word: str) -> None:  # noqa: ARG001
    shown = CliRunner().invoke(
        app, ["show", "population", "a", "--explain", "--lang", language], env={"COLUMNS": "200"}
    )
    assert shown.exit_code == 0
    assert word in shown.output
    assert "张维" in shown.output


def test_the_command_prints_json(told: Any) -> None:  # noqa: ARG001
    shown = CliRunner().invoke(app, ["show", "population", "a", "--json"])
    assert json.loads(shown.output)["records"][0]["name"] == "张伟"
