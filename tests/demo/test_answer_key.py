"""The whole city through the real pipeline: what becomes of every seeded fault is exactly what the answer key says, also the second time."""

import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
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
        for resource in import_folder(session, Path(str(CITY))).drafts:
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


@pytest.mark.parametrize("change", ["told too much", "told too little", "other reason", "other truth"])
def test_comparison_can_fail(city: Any, tmp_path: Path, change: str) -> None:
    """Runs after the city is collected: each way of being wrong shows as exactly one."""
    key = json.loads(city.sources.answer_key.read_text("utf-8"))
    held = next(fault for fault in key["faults"] if fault["expected"] == "quarantined")
    if change == "told too much":
        key["faults"].append({**held, "record": "330199199901010011"})
    elif change == "told too little":
        key["faults"].remove(held)
    elif change == "other reason":
        held["reasons"] = ["name.length"]
    answers, truth = tmp_path / "key.json", tmp_path / "truth"
    answers.write_text(json.dumps(key), "utf-8")
    shutil.copytree(city.sources.truth, truth)
    if change == "other truth":
        people = pd.read_parquet(truth / "population.parquet")
        people.loc[0, "name"] = "不对"
        people.to_parquet(truth / "population.parquet", index=False)
    with transaction("reader") as session:
        found = compare(session, answers, truth)
    expected = {"told too much": (1, 0), "told too little": (0, 1), "other reason": (1, 1), "other truth": (0, 1)}
    assert (found["missed"], found["false"]) == expected[change]


def test_waves_name_every_resource() -> None:
    assert sorted(resource for wave in WAVES for resource in wave) == sorted(documents())
