"""The directory looked into from a shell: by words, by code, by page; drafts with what they lack."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import URL, create_engine
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from catalog import directory
from catalog.folder import import_folder
from hutong.commands.catalog import app
from schemas.migrations import upgrade
from schemas.resource import ResourceDraft

RESIDENT = "public_security.resident"


@pytest.fixture
def _settled(new_database: Callable[[], URL], town: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A committed town: one published resource and one draft with gaps."""
    url = new_database()
    upgrade(url)
    monkeypatch.setenv("HUTONG_DATABASE_URL", url.render_as_string(hide_password=False))
    monkeypatch.setenv("HUTONG_SNAPSHOT", str(tmp_path / "snapshot.json"))
    engine = create_engine(url)
    with Session(engine) as session:
        import_folder(session, town)
        directory.publish(session, RESIDENT)
        directory.save_draft(session, ResourceDraft(id="city.plan", name="城市规划资料", department="city"))
        session.commit()
    engine.dispose()


def run(*arguments: str) -> str:
    done = CliRunner().invoke(app, list(arguments), env={"COLUMNS": "200"})
    assert done.exception is None, done.output
    return done.output


@pytest.mark.usefixtures("_settled")
def test_resources_are_found_listed_and_shown() -> None:
    assert "“公民身份号码”" in run("search", "sfhm")
    hits = json.loads(run("search", "公安局 常住", "--json"))
    assert (hits["total"], hits["hits"][0]["resource"], [one["field"] for one in hits["hits"][0]["why"]][:2]) == (
        1,
        RESIDENT,
        ["department", "name"],
    )
    assert json.loads(run("search", "常住", "--department", "city", "--json"))["hits"] == []
    assert run("list").split()[6:] == [RESIDENT, "1", "常住人口登记信息", "公安局", "有条件共享", "population"]
    assert "city.plan" in run("list", "--state", "open")
    assert run("list", "--state", "withdrawn", "--json").strip() == '{"total": 0, "hits": []}'
    assert run("show", "101001/0001") == run("show", RESIDENT)
    assert "提供方: 兴和市公安局 (public_security)" in run("show", RESIDENT)
    assert json.loads(run("show", RESIDENT, "--json"))["items"][0]["id"] == "citizen_id"
    draft = run("show", "city.plan")
    assert "! abstract" in draft
    assert "城市规划资料" in draft
    assert "version 1, 1 resources" in run("snapshot")


@pytest.mark.usefixtures("_settled")
def test_what_is_not_there_is_told_with_its_remedy() -> None:
    for arguments in (["show", "no.such"], ["show", "309009/1"], ["list", "--state", "burnt"]):
        done = CliRunner().invoke(app, arguments)
        assert done.exception is not None
        assert getattr(done.exception, "code", "") in ("directory.unknown_resource", "directory.unknown_state")
