"""One connections file for both ways of running: Airflow and we must read the same from it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from connectors.base import Connection, Slice, open_connector
from connectors.connections import find_connection, make_connection, read_connections
from schemas.errors import Terminal

ENTRIES: dict[str, Any] = {
    "police": {
        "conn_type": "postgres",
        "host": "127.0.0.1",
        "port": 5432,
        "schema": "police",
        "login": "reader",
        "password": "p@ss/word",
        "extra": {"sslmode": "prefer"},
    },
    "market": "http://user:p%40ss@https%3A%2F%2Fmarket.example:8080/v1?timeout=5",
    "orders": "http://https://orders.example:8443/base",
    "civil": [{"conn_type": "sqlite", "host": "/var/lib/civil.db", "extra": '{"a": 1}'}],
    "drops": {"conn_type": "fs", "description": "credit", "extra_dejson": {"path": "/srv/drops"}},
    "plain": "postgresql://reader:secret@db.example/police",
}
_SHOW_AIRFLOW = """
import json, sys
from airflow.secrets.local_filesystem import LocalFilesystemBackend
backend = LocalFilesystemBackend(connections_file_path=sys.argv[1])
found = {}
for name in json.loads(sys.argv[2]):
    c = backend.get_connection(name)
    found[name] = [c.conn_type, c.host or None, c.port, c.schema or None, c.login or None, c.password or None]
print("FOUND" + json.dumps(found))
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "connections.json"
    path.write_text(json.dumps(ENTRIES), "utf-8")
    return path


def test_airflow_reads_the_same_file_to_the_same_connections(file: Path, tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _SHOW_AIRFLOW, str(file), json.dumps(list(ENTRIES))],
        env=os.environ | {"AIRFLOW_HOME": str(tmp_path / "airflow"), "AIRFLOW__CORE__UNIT_TEST_MODE": "False"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr
    theirs = json.loads(ran.stdout.partition("FOUND")[2])
    ours = {
        name: [c.kind, c.host, c.port, c.database, c.login, c.password] for name, c in read_connections(file).items()
    }
    assert ours == theirs


def test_the_environment_comes_before_the_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUTONG_CONNECTIONS_FILE", str(file))
    assert find_connection("drops").extra == {"path": "/srv/drops"}
    monkeypatch.setenv("AIRFLOW_CONN_DROPS", '{"conn_type": "fs", "extra": {"path": "/elsewhere"}}')
    assert find_connection("drops").extra == {"path": "/elsewhere"}
    monkeypatch.setenv("AIRFLOW_CONN_DROPS", "fs://?path=/third")
    assert find_connection("drops").extra == {"path": "/third"}
    with pytest.raises(Terminal) as caught:
        find_connection("nobody")
    assert caught.value.facts["variable"] == "AIRFLOW_CONN_NOBODY"


@pytest.mark.parametrize(
    "value",
    [
        {"conn_type": "postgres", "passwort": "typo"},
        {"conn_type": "postgres", "port": "many"},
        {"conn_type": "postgres", "extra": "[1]"},
        {"conn_type": "postgres", "extra": "{"},
        "postgres://host:port/x",
        17,
    ],
)
def test_a_bad_entry_is_named(value: Any) -> None:
    with pytest.raises(Terminal, match="bad_connection"):
        make_connection("police", value)


@pytest.mark.parametrize("content", ["", "[]", "{"])
def test_a_bad_file_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "c.json").write_text(content, "utf-8")
    with pytest.raises(Terminal, match="bad_connection"):
        read_connections(tmp_path / "c.json")
    with pytest.raises(Terminal, match="bad_connection"):
        read_connections(tmp_path / "gone.json")


def test_database_urls_are_built_from_the_parts_or_given(file: Path) -> None:
    found = read_connections(file)
    assert found["police"].uri == "postgresql+psycopg://reader:p%40ss%2Fword@127.0.0.1:5432/police?sslmode=prefer"
    assert found["civil"].uri == "sqlite:////var/lib/civil.db"
    given = Connection("x", "mysql", password="secret", extra={"url": "mysql+pymysql://u@h/d"})
    assert given.uri == "mysql+pymysql://u:secret@h/d"
    assert "secret" not in repr(given)
    with pytest.raises(Terminal, match="bad_connection"):
        _ = Connection("x", "carrier_pigeon").url


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(Terminal, match="unknown_kind"):
        open_connector("pigeon", {}, Connection("x", "fs"))


def test_slices_keep_the_kinds_of_their_bounds() -> None:
    from datetime import UTC, date, datetime
    from decimal import Decimal

    piece = Slice(
        "1",
        low=date(2026, 1, 5),
        high=Decimal("1.50"),
        since=datetime(2026, 1, 5, 8, tzinfo=UTC),
        until=7,
        name="甲.csv",
    )
    again = Slice.from_json(piece.to_json())
    assert again == piece
    assert isinstance(again.high, Decimal)
