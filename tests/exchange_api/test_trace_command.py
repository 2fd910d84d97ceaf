"""`hutong trace`: the chain as a tree in words, with states and times, and a clear word for what is unknown."""

import json
import re
from typing import Any

import pytest
from typer.testing import CliRunner

from hutong.cli import app
from schemas.errors import Denied, Invalid
from tests.exchange_api.conftest import PEOPLE
from tests.exchange_api.recalling import HOUSING, MARKET, Hub


@pytest.fixture(scope="module")
def receipt(hub: Hub) -> str:
    return hub.query(PEOPLE[:3])


def run(*words: str) -> str:
    result = CliRunner().invoke(app, ["trace", *words], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_a_receipt_is_shown_with_all_it_came_from(hub: Hub, receipt: str) -> None:
    said = run(receipt)
    start, *lines = said.splitlines()
    assert start.startswith(f"回执 receipt  {receipt}  housing.desk  ")
    for words in (
        f"授权 grant  {HOUSING}",
        "需求 demand  XQ-2026-000001",
        "批次 batch  public_security.resident/run-1",
        "记录版本 record versions",
    ):
        assert any(line.strip().startswith(words) for line in lines), words
    assert re.search(rf"应答 answer  {receipt}  population  已答复 answered  20\d\d-", said)
    assert MARKET not in said
    assert not any(person in said for person in PEOPLE)
    del hub


def test_one_way_and_few_steps_show_less(hub: Hub, receipt: str) -> None:
    assert "led to" not in run(receipt, "--up")
    assert "came from" not in run(receipt, "--down")
    assert "XQ-2026-000001" not in run(receipt, "--depth", "1")
    del hub


def test_machines_get_the_same_as_json(hub: Hub, receipt: str) -> None:
    told: dict[str, Any] = json.loads(run(receipt, "--json"))
    assert told["start"] == f"receipt:{receipt}"
    assert {"from": f"answer:{receipt}", "to": f"receipt:{receipt}"} in told["edges"]
    del hub


def test_an_unknown_id_is_told_in_both_languages(hub: Hub) -> None:
    with pytest.raises(Denied, match=r"trace\.unknown") as unknown:
        run("SQ-1999-000001")
    assert unknown.value.title("zh").startswith("没有您可以查看的")
    del hub


def test_a_citizen_id_is_refused_and_not_echoed(hub: Hub) -> None:
    with pytest.raises(Invalid, match=r"url\.personal") as refused:
        run(PEOPLE[0])
    assert PEOPLE[0] not in f"{refused.value}{refused.value.facts}"
    del hub
