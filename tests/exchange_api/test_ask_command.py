"""`hutong ask`: one question from a shell, as an application system would ask it."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from exchange_api.client import Refused
from hutong.cli import COMMANDS
from schemas.errors import HutongError


class Shell:
    """Someone at a shell with the application's key file."""

    def __init__(self, site: Any, folder: Path) -> None:
        self.site, self.folder = site, folder
        (folder / "key.pem").write_bytes(site.signer.pem())
        (folder / "jwks.json").write_text(json.dumps(site.jwks), "utf-8")
        self.receipts = folder / "receipts"
        self.command = COMMANDS["ask"].load("ask")

    def run(self, *words: str, typed: str, grant: str = "SQ-2026-000001") -> Result:
        purpose = ["--service-item", self.site.purpose["service_item"], "--case", self.site.purpose["case"]]
        files = ["--key", "key.pem", "--keys", "jwks.json", "--receipts", "receipts"]
        paths = [str(self.folder / one) if not one.startswith("--") else one for one in files]
        given = ["population", "--grant", grant, *purpose, "--wait", "0", "--url", self.site.url, *paths, *words]
        return CliRunner().invoke(self.command, given, input=typed)


@pytest.fixture
def shell(exchange_site: Any, tmp_path: Path) -> Shell:
    return Shell(exchange_site, tmp_path)


def test_a_table_is_printed_and_the_receipt_kept(shell: Shell) -> None:
    first, unknown = shell.site.people[0], shell.site.unknown_person
    done = shell.run("--item", "name", typed=f"{first}\n{unknown}\n\nnot read\n")
    assert done.exit_code == 0, done.output
    assert "欧阳小0" in done.stdout
    assert "姓名 name" in done.stdout
    assert "未找到 not found" in done.stdout
    assert "receipt" in done.stderr
    (kept,) = shell.receipts.iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600


def test_json_is_the_answer_as_it_came(shell: Shell) -> None:
    done = shell.run("--json", "--as-of", "2030-01-01", typed=shell.site.people[1])
    told = json.loads(done.stdout)
    assert told["as_of"] == "2030-01-01"
    assert (shell.receipts / f"{told['receipt']}.waiting").exists()


def test_claims_are_read_so_that_nobody_sees_them(shell: Shell) -> None:
    done = shell.run(
        "--verify", "name", "--verify", "birth_date", typed=f"{shell.site.people[0]}\n欧阳小0\n2001-01-01\n"
    )
    assert done.exit_code == 0, done.output
    lines = [line.split() for line in done.stdout.splitlines()]
    assert ["姓名", "name", "是", "yes"] in lines
    assert ["出生日期", "birth_date", "否", "no"] in lines
    assert "⚠" not in done.stderr


def test_whoever_puts_people_into_arguments_is_warned(shell: Shell) -> None:
    done = shell.run("--subject", shell.site.people[0], "--verify", "name=欧阳小0", typed="")
    assert done.exit_code == 0, done.output
    assert "⚠" in done.stderr
    assert "是 yes" in done.stdout


def test_a_dry_run_shows_forms_and_no_data(shell: Shell) -> None:
    done = shell.run("--dry-run", typed=shell.site.people[0])
    assert done.exit_code == 0, done.output
    assert ["姓名", "name", "full"] in [line.split() for line in done.stdout.splitlines()]
    assert "欧阳" not in done.stdout


def test_a_refusal_is_told_in_the_hubs_words_and_its_receipt_kept(shell: Shell) -> None:
    done = shell.run(typed=shell.site.people[0], grant="SQ-2026-000003")
    assert isinstance(done.exception, Refused)
    assert done.exception.code == "grant.suspended"
    assert "授权 SQ-2026-000003 已被暂停" in done.exception.title("zh")
    assert (shell.receipts / f"{done.exception.receipt_id}.waiting").exists()
    again = shell.run("--json", typed=shell.site.people[0], grant="SQ-2026-000003")
    assert (again.exit_code, json.loads(again.stdout)["code"]) == (1, "grant.suspended")


def test_nobody_to_ask_about_is_said_before_asking(shell: Shell) -> None:
    done = shell.run(typed="")
    assert isinstance(done.exception, HutongError)
    assert done.exception.code == "client.nobody"
