"""From departments' systems to a signed answer anyone can check: the story of README's first command, told on real components."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from schemas.identifiers import parse_citizen_id
from tests.flows.conftest import City

pytestmark = pytest.mark.timeout(900)
TRIGGER = """
import json, sys
from hutong.embedded.airflow_client import AirflowClient
from hutong.embedded.environment import connect
connect()
client, dags = AirflowClient(), sys.argv[1:]
run_id = client.trigger(dags)
*_, runs = client.follow(run_id, dags)
failed = [run for run in runs if run.state == "failed"]
print(json.dumps({"states": {run.dag_id: run.state for run in runs}, "log": client.read_log(failed[0], "land") if failed else ""}))
"""
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


def _golden_versions(city: City) -> list[tuple[Any, ...]]:
    tables = ("population", "legal_entity", "credit", "certificate")
    query = " UNION ALL ".join(f"SELECT '{t}', count(*), sum(version) FROM library.{t}" for t in tables)
    with city.installation.connect() as connection:
        return sorted(connection.execute(query).fetchall())


def test_running_it_again_changes_no_record(city: City) -> None:
    before = _golden_versions(city)
    again = city.demo()
    assert again.returncode == 0, again.stdout + again.stderr
    assert _golden_versions(city) == before


@contextmanager
def _market(city: City, **changes: Any) -> Iterator[None]:
    """The connection of market regulation, changed for a while."""
    connections = city.installation.home.var / "connections.json"
    kept = connections.read_text("utf-8")
    changed = json.loads(kept)
    changed["market_regulation"] |= changes
    try:
        connections.write_text(json.dumps(changed), "utf-8")
        yield
    finally:
        connections.write_text(kept, "utf-8")


def test_a_source_that_is_down_fails_its_own_pipeline_with_a_remedy(city: City) -> None:
    with _market(city, port=9):  # discard: nobody listens
        done = city.installation.run("ingest", "market_regulation.enterprise", "--run-id", "down")
    assert done.returncode == 1
    assert "connector.unreachable" in done.stderr


def test_a_source_that_refuses_us_fails_its_own_dag_and_disturbs_no_other(city: City) -> None:
    refused, beside = "market_regulation.enterprise", "civil_affairs.marriage"
    with _market(city, password="not-the-token"):
        done = subprocess.run(
            [sys.executable, "-c", TRIGGER, refused, beside],
            env=city.installation.variables({}),
            capture_output=True,
            text=True,
            timeout=300,
            check=True,
        )
    told = json.loads(done.stdout)
    assert told["states"] == {refused: "failed", beside: "success"}
    assert "connector.refused" in told["log"]


def test_it_stops_and_leaves_nothing_running(city: City) -> None:
    done: subprocess.CompletedProcess[str] = city.installation.run("down")
    assert done.returncode == 0
    assert city.installation.is_quiet
