"""The front door answers at once, in both languages, and never with a traceback."""

import os
import subprocess
import sys

import pytest

from hutong.cli import COMMANDS
from hutong.embedded import environment
from tests.hutong.installation import Installation


def test_help_imports_nothing_heavy() -> None:
    code = "import sys, hutong.cli; print([m for m in ('sqlalchemy', 'pydantic', 'pyarrow', 'requests', 'airflow') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_help_lists_every_command_that_is_there(installation: Installation) -> None:
    shown = installation.run("--help").stdout
    for name, entry in COMMANDS.items():
        assert (f" {name} " in shown) == entry.exists(), name


def test_a_catalogued_failure_is_told_in_both_languages_with_its_code(installation: Installation) -> None:
    refused = installation.run("logs", "nonsense")
    assert refused.returncode == 1
    assert "没有名为 nonsense 的日志" in refused.stderr
    assert "There is no log named nonsense" in refused.stderr
    assert "[embedded.no_such_log]" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_an_unknown_command_is_refused_with_a_hint(installation: Installation) -> None:
    refused = installation.run("statos")
    assert refused.returncode == 2
    assert "status" in refused.stderr


def test_what_connect_set_is_taken_back_but_not_what_the_user_set(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation.home.prepare()
    environment.keep(installation.home, {"HUTONG_DATABASE_URL": "postgresql://ours/hutong", "HUTONG_API_PORT": "1234"})
    monkeypatch.setenv("HUTONG_API_PORT", "9")
    monkeypatch.setenv("HUTONG_CONNECTED", "")
    monkeypatch.setenv("HUTONG_ROOT", str(installation.home.root))
    monkeypatch.delenv("HUTONG_DATABASE_URL", raising=False)
    environment.connect(installation.home)
    assert os.environ["HUTONG_DATABASE_URL"] == "postgresql://ours/hutong"
    assert os.environ["HUTONG_API_PORT"] == "9"
    environment.disconnect()
    assert "HUTONG_DATABASE_URL" not in os.environ
    assert os.environ["HUTONG_API_PORT"] == "9"
