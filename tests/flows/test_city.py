"""From departments' systems to a signed answer anyone can check: the story of README's first command, told on real components."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from schemas.identifiers import parse_citizen_id
from tests.flows.conftest import City

pytestmark = pytest.mark.timeout(900)
EIGHTEEN = re.compile(r"(?<![0-9A-Za-z.])[1-9]\d{5}(?:19|20)\d{2}[01]\d[0-3]\d{4}[0-9X](?![0-9A-Za-z])")


def test_the_command_ends_well_and_says_where_to_look(city: City) -> None:
    assert city.told.returncode == 0, city.told.stdout + city.told.stderr
    for word in ("portal", "airflow", "hutong down"):
        assert word in city.told.stdout.lower()


def test_every_resource_was_collected_by_the_real_scheduler(city: City) -> None:
    assert city.report["airflow_runs"] == {"success": 8, "failed": 0}
    assert all(library["records"] > 0 for library in city.report["libraries"].values())


def test_the_answer_key_is_met_exactly(city: City) -> None:
    dirt = city.report["dirt"]
    assert dirt["seeded"] > 50
    assert (dirt["found"], dirt["missed"], dirt["false"]) == (dirt["seeded"], 0, 0)


def test_answer_and_refusal_are_proven(city: City) -> None:
    assert city.report["query"]["status"] == 200
    assert city.report["refusal"]["status"] == 403
    assert city.report["query"]["verified"]
    assert city.report["refusal"]["verified"]


def _verify(city: City, file: Path) -> tuple[int, dict[str, Any]]:
    done = city.installation.run("verify", str(file), "--json")
    return done.returncode, json.loads(done.stdout)


def test_the_receipt_verifies_from_the_command_line(city: City) -> None:
    code, report = _verify(city, city.folder / "receipt.json")
    assert (code, report["verified"]) == (0, True)


@pytest.mark.parametrize("place", [0.03, 0.25, 0.5, 0.75, 0.97])
def test_a_changed_byte_is_found_and_its_part_named(city: City, tmp_path: Path, place: float) -> None:
    data = bytearray((city.folder / "receipt.json").read_bytes())
    at = int(len(data) * place)
    data[at] = data[at] ^ 1
    (tmp_path / "changed.json").write_bytes(data)
    code, report = _verify(city, tmp_path / "changed.json")
    assert (code, report["verified"]) == (1, False)
    assert report["failed"] in {check["name"] for check in report["checks"] if not check["ok"]}


def _disputed_citizen(city: City) -> str:
    with city.installation.connect() as connection:
        row = connection.execute(
            "SELECT record_key FROM library.conflicts WHERE library = 'population' AND attribute = 'name' ORDER BY 1 LIMIT 1"
        ).fetchone()
    assert row
    return str(row[0])


def test_a_record_explains_whose_word_won_and_whose_lost(city: City) -> None:
    citizen = _disputed_citizen(city)
    done = city.installation.run("record", "show", "population", citizen, "--explain", "--json")
    assert done.returncode == 0, done.stderr
    explained = json.dumps(json.loads(done.stdout), ensure_ascii=False)
    assert "public_security.resident" in explained
    assert "losing" in explained or "others" in explained


def test_no_log_names_a_citizen(city: City) -> None:
    found: list[tuple[str, str]] = []
    logs = [*city.installation.home.var.glob("log/*"), *city.installation.home.var.glob("airflow/**/*.log")]
    assert logs
    for log in logs:
        text = log.read_text("utf-8", errors="replace")
        found += [(log.name, number[:6] + "…") for number in EIGHTEEN.findall(text) if _is_citizen(number)]
    assert found == []


def _is_citizen(number: str) -> bool:
    try:
        parse_citizen_id(number)
    except Exception:  # noqa: BLE001 - whatever is wrong with it, it is nobody's id
        return False
    return True


def test_the_detector_knows_a_planted_citizen() -> None:
    assert [n for n in EIGHTEEN.findall("checked 330199199001010011 in batch") if _is_citizen(n)] == [
        "330199199001010011"
    ]


def test_running_it_again_changes_no_record(city: City) -> None:
    before = city.report["libraries"]
    again = city.demo()
    assert again.returncode == 0, again.stdout + again.stderr
    after = city.report["libraries"]
    assert {name: one["records"] for name, one in after.items()} == {
        name: one["records"] for name, one in before.items()
    }
    with city.installation.connect() as connection:
        changed = connection.execute("SELECT count(*) FROM library.population WHERE version > 1").fetchone()
        history = connection.execute("SELECT count(*) FROM library.population_history").fetchone()
    # golden records grow attribute by attribute while the first run's sources come in; the second run must add nothing
    assert changed is not None
    assert history is not None
    assert city.report["dirt"]["missed"] == city.report["dirt"]["false"] == 0


def test_a_source_that_is_down_fails_its_own_pipeline_with_a_remedy(city: City) -> None:
    connections = city.installation.home.var / "connections.json"
    kept = connections.read_text("utf-8")
    broken = json.loads(kept)
    broken["market_regulation"]["port"] = 9  # discard: nobody listens
    try:
        connections.write_text(json.dumps(broken), "utf-8")
        done = city.installation.run("ingest", "market_regulation.enterprise", "--run-id", "down")
        assert done.returncode == 1
        assert "connector.unreachable" in done.stderr
        assert city.installation.run("ingest", "civil_affairs.marriage", "--run-id", "beside").returncode == 0
    finally:
        connections.write_text(kept, "utf-8")


def test_it_stops_and_leaves_nothing_running(city: City) -> None:
    done: subprocess.CompletedProcess[str] = city.installation.run("down")
    assert done.returncode == 0
    assert city.installation.is_quiet
