"""What drafts lack, from a shell: all of them counted, one of them told, by id or code."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import URL
from typer.testing import CliRunner, Result

from catalog import directory
from catalog.folder import import_folder
from hutong.commands.catalog import app
from schemas.database import engine, transaction
from schemas.migrations import upgrade
from schemas.resource import ResourceDraft

VISITOR = "public_security.visitor"


@pytest.fixture
def asked(new_database: Callable[[], URL], town: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Asks `hutong catalog …` of a hub with a whole draft and one that is hardly begun."""
    url = new_database()
    upgrade(url)
    monkeypatch.setenv("HUTONG_DATABASE_URL", url.render_as_string(hide_password=False))
    with transaction() as session:
        import_folder(session, town)
        bare = ResourceDraft(id=VISITOR, name="访客系统", department="public_security", code="101009/1")
        directory.save_drafts(session, [bare])
    engine().dispose()
    return lambda *words: CliRunner().invoke(app, list(words), catch_exceptions=False)


def test_drafts_are_counted_and_one_is_told_with_its_remedies(asked: Callable[..., Result]) -> None:
    table = asked("gaps").output
    assert VISITOR in table
    assert "public_security.resident" in table
    told = asked("gaps", "101009/1").output
    assert f"{VISITOR}: 7 blocking" in told
    assert "是系统名称" in told
    assert "is missing" in told
    found = json.loads(asked("gaps", VISITOR, "--json").output)[VISITOR]
    assert {gap["code"] for gap in found if gap["is_blocking"]} == {
        "gap.name_is_system", "gap.missing", "gap.assessment_missing",
    }  # fmt: skip
