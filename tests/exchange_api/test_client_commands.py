"""`hutong clients`: a department's office system gets its seat from a shell, and loses it."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from exchange_api.signing import SoftwareSigner
from hutong.commands.clients import app
from schemas.errors import HutongError
from schemas.tables.officer_clients import OfficerClient
from tests.exchange_api.desk_town import Client, Desks

WHO = ["--name", "办公系统", "--department", "housing", "--role", "demander"]


@pytest.fixture
def here(desks: Desks, monkeypatch: pytest.MonkeyPatch) -> Desks:
    for name, value in desks.site.environment.items():
        monkeypatch.setenv(name, value)
    return desks


def run(*words: str) -> str:
    result = CliRunner().invoke(app, list(words), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output.strip()


def test_a_client_is_registered_gets_its_key_and_is_revoked(here: Desks, tmp_path: Path) -> None:
    signer = SoftwareSigner.generate()
    (tmp_path / "office.pub").write_bytes(signer.public.pem())
    assert run("register", "shell.office", *WHO) == run("register", "shell.office", *WHO) == "shell.office"
    assert run("add-key", "shell.office", str(tmp_path / "office.pub")) == signer.keyid
    client = Client(here.site, "shell.office", signer)
    assert client.call("GET", "/v1/demands")[0] == 200
    assert "shell.office" in run("list", "--department", "housing")
    assert "shell.office" not in run("list", "--department", "civil_affairs")
    run("revoke", "shell.office", "--key", signer.keyid)
    assert client.fetch()[0] == 401
    run("revoke", "shell.office")
    with Session(here.site.engine) as session:
        assert session.get_one(OfficerClient, "shell.office").state == "revoked"


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["register", "Shell", *WHO], "client.bad_id"),
        (["register", "shell.two", *WHO, "--role", "authority"], "officer.roles_conflict"),
        (["register", "shell.two", *WHO[:-1], "king"], "officer.unknown_role"),
        (
            ["register", "shell.two", "--name", "x", "--department", "nowhere", "--role", "provider"],
            "directory.unknown_department",
        ),
        (["revoke", "shell.nobody"], "client.unknown"),
        (["revoke", "known.office", "--key", "nothing"], "client.key_unknown"),
        (["add-key", "known.office", "FILE"], "key.malformed"),
    ],
)
def test_what_cannot_be_done_is_said_by_name(tmp_path: Path, words: list[str], code: str) -> None:
    run("register", "known.office", *WHO)
    (tmp_path / "key").write_text("{", "utf-8")
    given: Any = [str(tmp_path / "key") if word == "FILE" else word for word in words]
    with pytest.raises(HutongError) as refused:
        CliRunner().invoke(app, given, catch_exceptions=False)
    assert refused.value.code == code
