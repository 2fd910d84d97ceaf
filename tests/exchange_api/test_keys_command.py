"""`hutong keys` takes a hub from plain files to sealed ones, through its keys' whole life, and says at each step where things lie."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import URL
from typer.testing import CliRunner

from hutong.commands.keys import app
from schemas.errors import Denied, Invalid
from schemas.migrations import upgrade


def run(*words: str) -> str:
    result = CliRunner().invoke(app, list(words), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output.strip()


@pytest.fixture
def folder(new_database: Callable[[], URL], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The keys folder of a hub that was just migrated."""
    url = new_database()
    upgrade(url)
    keys = tmp_path / "hub" / "keys"
    for name, value in (
        ("DATABASE_URL", url.render_as_string(hide_password=False)),
        ("KEYS_FOLDER", str(keys)),
        ("KEYS_AHEAD_S", "0"),
    ):
        monkeypatch.setenv(f"HUTONG_{name}", value)
    monkeypatch.setenv("COLUMNS", "200")
    return keys


def test_the_whole_life_of_a_hubs_keys(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = run("roll")
    assert "no key-encryption key is configured" in run("list")
    kek, other = tmp_path / "safe" / "kek", tmp_path / "safe" / "other"
    assert f"HUTONG_KEK_FILE={kek}" in run("kek", str(kek))
    with pytest.raises(Invalid, match=r"key\.kek_none"):
        run("encrypt")
    monkeypatch.setenv("HUTONG_KEK_FILE", str(kek))
    assert f"{first}.pem" in run("encrypt")
    assert f"{first}.pem" not in run("encrypt")
    second = run("next").split()[0]
    listed = run("list")
    assert listed.count("encrypted") == 2
    assert "△" not in listed
    assert run("roll") == second
    assert f"{first} revoked" in run("revoke", first)
    with pytest.raises(Denied, match=r"key\.state"):
        run("revoke", first)
    run("kek", str(other))
    monkeypatch.setenv("HUTONG_KEK_FILE", str(other))
    assert "hutong keys rewrap" in run("list")
    assert len(run("rewrap", "--old-file", str(kek)).splitlines()) == 2
    assert run("rewrap", "--old-file", str(kek)) == ""
    told = run("show", second)
    assert '"hutong:state": "active"' in told
    assert "encrypted" in told
    assert {key["kid"] for key in json.loads((folder / "jwks.json").read_text())["keys"]} == {first, second}


def test_a_fresh_key_is_not_used_at_once_unless_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = run("roll")
    monkeypatch.setenv("HUTONG_KEYS_AHEAD_S", "3600")
    with pytest.raises(Denied, match=r"key\.too_fresh"):
        run("roll")
    assert run("roll", "--now") != first
    assert (folder / f"{first}.pem").is_file()


def test_sm2_goes_alone_and_beside(folder: Path) -> None:
    run("roll")
    second = run("roll", "--sm2", "--now")
    assert "sm2-sm3" in run("show", second)
    assert f"{second} retired" in run("retire", second)
    assert CliRunner().invoke(app, ["roll", "--sm2", "--pkcs11"]).exit_code == 2
    assert (folder / f"{second}.pem").is_file()


def test_an_unknown_key_is_said_to_be_unknown(folder: Path) -> None:
    for command in ("show", "retire", "revoke"):
        with pytest.raises(Denied, match="unknown"):
            run(command, "nobodys")
        with pytest.raises(Denied, match="unknown"):
            run(command, "-7nobodys-begins-with-a-dash")
    assert not folder.exists() or not list(folder.glob("*.pem"))
