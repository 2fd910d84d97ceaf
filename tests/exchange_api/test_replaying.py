"""An old receipt's question, asked again as of its moment, gives the same; when it does not, the parts that differ are named and no value is shown."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session
from typer.testing import CliRunner, Result

from exchange_api.evidence.receipt import compose_receipt, drop_bodies
from hutong.commands.record import app
from libraries import sql
from libraries.history import KEEP
from libraries.horizon import announce

CERTIFICATES = "/v1/certificates/query"
_RENAME = (
    "WITH moved AS (UPDATE {golden} g SET name = :name, version = version + 1, recorded_at = :now WHERE subject = :key RETURNING old.*)"
    + KEEP
)


@pytest.fixture
def replay(exchange_site: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Result]:
    """Replay a receipt file."""
    monkeypatch.setenv("HUTONG_DATABASE_URL", exchange_site.environment["HUTONG_DATABASE_URL"])

    def run(data: bytes, *options: str) -> Result:
        file = tmp_path / "receipt.json"
        file.write_bytes(data)
        return CliRunner().invoke(app, ["replay", str(file), *options])

    return run


def _receipt(site: Any, question: Any, path: str = "/v1/libraries/population/query") -> bytes:
    request, response = site.ask(question, path)
    assert response.status == 200, response.body
    return compose_receipt(request, response, {"entry": {}, "proof": ""})


def _rename(site: Any, key: str, name: str) -> None:
    with Session(site.engine) as session:
        now = announce(session, "population")
        session.execute(text(_RENAME.format_map(sql.words("population"))), {"now": now, "key": key, "name": name})
        session.commit()


def _changed(receipt: bytes, change: Callable[[Any], None]) -> bytes:
    """The receipt with an answer that says something else."""
    members = json.loads(receipt)
    answer = json.loads(members["response"]["body"]["text"])
    change(answer)
    members["response"]["body"]["text"] = json.dumps(answer, ensure_ascii=False)
    return json.dumps(members, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


@pytest.mark.parametrize("grant", ["SQ-2026-000001", "SQ-2026-000002"])
def test_a_receipt_is_found_again_though_the_record_changed_since(exchange_site: Any, replay: Any, grant: str) -> None:
    subjects = [*exchange_site.people[27:29], exchange_site.unknown_person]
    receipt = _receipt(exchange_site, exchange_site.asking(grant, subjects))
    _rename(exchange_site, subjects[0], f"后来 {grant}")
    shown = replay(receipt)
    assert shown.exit_code == 0, shown.output
    assert "the same" in shown.output


def test_certificates_are_found_again_by_holder_and_by_identifier(exchange_site: Any, replay: Any) -> None:
    by_holder = _receipt(exchange_site, exchange_site.asking("SQ-2026-000009"), CERTIFICATES)
    question = {"grant": "SQ-2026-000009", "purpose": exchange_site.purpose}
    named = {**question, "identifiers": [f"{exchange_site.certificate}1"]}
    by_identifier = _receipt(exchange_site, named, CERTIFICATES)
    for receipt in (by_holder, by_identifier):
        shown = replay(receipt, "--json")
        assert (shown.exit_code, json.loads(shown.output)["differing"]) == (0, []), shown.output


def test_what_differs_is_named_by_place_and_part_without_its_value(exchange_site: Any, replay: Any) -> None:
    receipt = _receipt(exchange_site, exchange_site.asking("SQ-2026-000001", exchange_site.people[27:29]))

    def lie(answer: Any) -> None:
        answer["records"][1]["values"]["name"] = "假名"

    shown = replay(_changed(receipt, lie), "--json")
    assert shown.exit_code == 1
    assert json.loads(shown.output)["differing"] == ["2.values.name", "records_digest"]
    assert "假名" not in shown.output


def test_a_receipt_that_cannot_be_asked_again_says_why(exchange_site: Any, replay: Any) -> None:
    receipt = _receipt(exchange_site, exchange_site.asking())
    assert replay(drop_bodies(receipt)).exception.code == "replay.no_bodies"
    assert replay(b"{}").exception.code == "replay.not_records"
    claims = [{"subject": exchange_site.people[0], "values": {"name": "某"}}]
    question = {"grant": "SQ-2026-000001", "purpose": exchange_site.purpose, "claims": claims}
    verified = _receipt(exchange_site, question, "/v1/libraries/population/verify")
    assert replay(verified).exception.code == "replay.not_records"
