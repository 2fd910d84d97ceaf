"""The doctor looks at an installation from outside: what is well is said to be, what is ill is named with its remedy, and nothing makes it hang."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from sqlalchemy import URL, create_engine, text
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from exchange_api.evidence.keyring import ensure_active_key
from hutong.commands.doctor import doctor
from hutong.doctor.checks import Check, Found, ok, run
from schemas.migrations import upgrade

ROOT = Path(__file__).resolve().parents[2]
Ask = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture(scope="module")
def site(new_database: Callable[[], URL], tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An installation that is well: migrated, with a key; Airflow apart."""
    url, folder = new_database(), tmp_path_factory.mktemp("doctor")
    upgrade(url)
    engine = create_engine(url)
    with Session(engine) as session:
        ensure_active_key(session, folder / "keys")
        session.commit()
    engine.dispose()
    return {
        "HUTONG_ROOT": str(folder), "HUTONG_KEYS_FOLDER": str(folder / "keys"), "HUTONG_LANDING": str(folder / "landing"),
        "HUTONG_DATABASE_URL": url.render_as_string(hide_password=False), "HUTONG_AIRFLOW_URL": "http://127.0.0.1:1", "HUTONG_SEQUENCER_LAG_S": "3600",
    }  # fmt: skip


@pytest.fixture
def connection(site: dict[str, str]) -> Iterator[Any]:
    """The installation's database."""
    engine = create_engine(site["HUTONG_DATABASE_URL"], isolation_level="AUTOCOMMIT")
    with engine.connect() as opened:
        yield opened
    engine.dispose()


@pytest.fixture
def ask(site: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, dict[str, Any]]]:
    """What the command says, by check; in this process, because a new one spends most of its time on imports."""
    app = typer.Typer()
    app.command()(doctor)

    def run_it(*only: str, **changes: str) -> tuple[int, dict[str, Any]]:
        for name in [name for name in os.environ if name.startswith("HUTONG_")]:
            monkeypatch.delenv(name)
        for name, value in (site | changes).items():
            monkeypatch.setenv(name, value)
        words = [word for one in only for word in ("--only", one)]
        done = CliRunner().invoke(app, ["--json", *words], catch_exceptions=False)
        return done.exit_code, {one["check"]: one for one in json.loads(done.stdout)["checks"]}

    return run_it


def test_what_is_well_is_said_to_be(ask: Ask, site: dict[str, str]) -> None:
    code, found = ask()
    assert code == 0, found
    well = {
        "database",
        "settings",
        "disk",
        "landing",
        "clock",
        "rights",
        "signing_key",
        "sequencer",
        "notices",
        "grants",
        "certifications",
    }
    assert {name for name, one in found.items() if one["grade"] == "ok"} >= well, found
    assert (found["airflow"]["grade"], found["keys"]["grade"]) == ("warn", "warn"), "none here; keys lie unencrypted"
    assert all(one["remedy"]["zh"] and one["remedy"]["en"] for one in found.values() if one["grade"] != "ok")
    assert site["HUTONG_DATABASE_URL"].partition("//")[2] not in json.dumps(found), "no address with a login is told"


def test_a_mistyped_variable_is_named_with_the_right_one(ask: Ask) -> None:
    code, found = ask("settings", HUTONG_KEYS_FOLDERS="/nowhere")
    assert (code, found["settings"]["grade"]) == (0, "warn")
    assert "HUTONG_KEYS_FOLDERS (→ HUTONG_KEYS_FOLDER?)" in found["settings"]["found"]["en"]


def test_a_value_that_cannot_be_read_is_named_and_not_told(ask: Ask) -> None:
    code, found = ask("settings", HUTONG_API_POOL_SIZE="secret-word")
    assert (code, found["settings"]["grade"]) == (1, "fail")
    assert "HUTONG_API_POOL_SIZE" in found["settings"]["found"]["en"]
    assert "secret-word" not in json.dumps(found)


def test_open_keys_are_found(ask: Ask, tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    folder.mkdir(mode=0o755)
    (folder / "subject.key").write_bytes(b"k" * 32)
    code, found = ask("keys", HUTONG_KEYS_FOLDER=str(folder))
    assert (code, found["keys"]["grade"]) == (1, "fail")
    assert "keys, subject.key" in found["keys"]["found"]["en"]


def test_tables_of_another_version_are_found(ask: Ask, new_database: Callable[[], URL]) -> None:
    empty = new_database().render_as_string(hide_password=False)
    code, found = ask("database", "rights", HUTONG_DATABASE_URL=empty)
    assert (code, found["database"]["grade"]) == (1, "fail")
    assert "hutong migrate" in found["database"]["remedy"]["en"]
    assert found["rights"]["grade"] == "warn", "not looked at"


def test_a_role_with_too_many_rights_is_found(ask: Ask, connection: Any) -> None:
    connection.execute(text("GRANT DELETE ON evidence.entries TO hutong_exchange"))
    code, found = ask("rights")
    connection.execute(text("REVOKE DELETE ON evidence.entries FROM hutong_exchange"))
    assert code == 1
    assert "hutong_exchange +DELETE evidence.entries" in found["rights"]["found"]["en"]


def test_a_sequencer_that_does_not_run_is_found(ask: Ask) -> None:
    code, found = ask("sequencer", HUTONG_SEQUENCER_LAG_S="0.001")  # the entry of the key's making waits since then
    assert (code, found["sequencer"]["grade"]) == (1, "fail")
    assert "seconds behind" in found["sequencer"]["found"]["en"]


def test_a_landing_that_cannot_be_written_is_found(ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    code, found = ask("landing", HUTONG_LANDING=str(tmp_path / "file" / "landing"))
    assert (code, found["landing"]["grade"]) == (1, "fail")


def test_the_command_leaves_with_a_silent_database_behind_it(site: dict[str, str]) -> None:
    """As a person runs it: what hangs in a thread must not keep the process."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql+psycopg://127.0.0.1:{silent.getsockname()[1]}/hutong"
        done = subprocess.run(
            [sys.executable, "-m", "hutong", "doctor", "--only", "database", "--only", "disk"], cwd=ROOT, capture_output=True,
            env=os.environ | site | {"HUTONG_DATABASE_URL": url}, text=True, timeout=200, check=False,
        )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert "✓ 磁盘空间 disk" in done.stdout
    assert "✗ 数据库 database: 10 秒内没有回应" in done.stdout


def test_an_unknown_check_is_refused_with_those_there_are() -> None:
    app = typer.Typer()
    app.command()(doctor)
    done = CliRunner().invoke(app, ["--only", "luck"])
    assert (done.exit_code, "landing" in done.output) == (2, True)


def test_a_check_that_breaks_or_hangs_is_a_finding_and_tells_no_message() -> None:
    def break_() -> Found:
        raise RuntimeError("password=secret")

    def hang() -> Found:
        time.sleep(30)
        return ok("", "")

    looked = run(
        [Check("a", "", "", break_), Check("b", "", "", hang, 0.2), Check("c", "", "", lambda: ok("好", "well"))]
    )
    assert [one.found.grade for one in looked] == ["fail", "fail", "ok"]
    assert "secret" not in str(looked[0].found)
    assert "0.2 seconds" in looked[1].found.en
