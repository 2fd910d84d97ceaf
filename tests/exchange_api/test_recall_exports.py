"""Whoever got a wrong value in bulk is called back too: an export names its batches in the evidence, and a later one without them is the asking again."""

from pathlib import Path
from typing import Any

import pytest

from exchange_api.exports import building
from tests.exchange_api.exporting import Bulk
from tests.exchange_api.recalling import Hub


@pytest.fixture
def bulk(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bulk:
    """Exports that are built here: nobody fetches them in these stories."""
    monkeypatch.setenv("HUTONG_LANDING", str(tmp_path))
    return Bulk(hub.site, tmp_path)


def _exported(bulk: Bulk, grant_id: str) -> Any:
    status, told = bulk.ask(grant_id)
    assert status == 202, told
    assert building.build(told["export"]) == "ready"
    return bulk.see(told)[1]


def test_an_export_with_a_wrong_value_is_recalled_and_a_new_one_asks_again(hub: Hub, bulk: Bulk) -> None:
    wrong = hub.site.people[30:32]
    batch = hub.wrong_batch(wrong)
    grant_id = bulk.grant({"name": "full", "birth_date": "full"})
    export = _exported(bulk, grant_id)
    elsewhere = _exported(bulk, bulk.grant({"sex": "full"}))
    opened = hub.open(hub.retract(batch, wrong, "birth_date", "marital_status"))

    mine = hub.recipients(opened.id)["housing.desk"]
    assert (mine.receipts, mine.subjects, mine.attributes) == (1, 2, ["birth_date"])
    told = hub.get(f"/v1/recalls/{opened.id}")[1]
    assert told["notice"]["receipts"] == [export["signed"]["evidence"]]
    assert elsewhere["signed"]["evidence"] not in told["notice"]["receipts"]

    hub.ask({"outcome": "asking_again"}, f"/v1/recalls/{opened.id}/acknowledgement")
    hub.follow()
    assert hub.recipients(opened.id)["housing.desk"].state == "acknowledged"
    _exported(bulk, grant_id)
    assert f"{opened.id} housing.desk" in hub.follow().finished


def test_an_export_of_before_the_batch_is_not_recalled(hub: Hub, bulk: Bulk) -> None:
    person = hub.site.people[32:33]
    _exported(bulk, bulk.grant({"name": "full"}))
    batch = hub.wrong_batch(person)
    opened = hub.open(hub.retract(batch, person, "name"))
    assert hub.recipients(opened.id) == {}
    hub.follow()
