"""The whole city through the real pipeline: what becomes of every seeded fault is exactly what the answer key says, also the second time."""

from typing import Any

import pytest

from catalog import directory
from catalog.folder import import_folder
from hutong.demo.city_data import CITY, documents
from hutong.demo.compare import compare
from hutong.demo.waves import WAVES
from libraries.ingest import ingest
from schemas.database import transaction


@pytest.mark.timeout(600)
def test_answer_key_is_met_exactly_and_again(city: Any) -> None:
    with transaction() as session:
        for resource in import_folder(session, CITY).drafts:
            directory.publish(session, resource)
    for run in ("first", "second"):
        for resource in [resource for wave in WAVES for resource in wave]:
            ingest(resource, run)
        with transaction("reader") as session:
            found = compare(session, city.sources.answer_key, city.sources.truth)
        assert found["missed"] == 0, found["examples"]
        assert found["false"] == 0, found
        assert found["found"] == found["seeded"] > 100
        assert sum(one["records"] for one in found["golden"].values()) > 1500


def test_waves_name_every_resource() -> None:
    assert sorted(resource for wave in WAVES for resource in wave) == sorted(documents())
