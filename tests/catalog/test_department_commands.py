"""Departments from a shell: what is typed, what is told, in which state it leaves the directory."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import URL, text
from typer.testing import CliRunner

from catalog import departments, directory
from catalog.folder import import_folder
from catalog.lists import pairs
from catalog.snapshot import read_snapshot
from hutong.commands.catalog import app
from schemas.database import transaction
from schemas.errors import Invalid
from schemas.migrations import upgrade

BASIS = ("--basis", "兴编办〔2026〕3号", "--by", "li")
RESIDENT = "public_security.resident"


@pytest.fixture(scope="module")
def migrated(new_database: Callable[[], URL]) -> URL:
    url = new_database()
    upgrade(url)
    return url


@pytest.fixture(autouse=True)
def hub(migrated: URL, town: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The town published, and a list with two names nobody knows."""
    monkeypatch.setenv("HUTONG_DATABASE_URL", migrated.render_as_string(hide_password=False))
    monkeypatch.setenv("HUTONG_SNAPSHOT", str(tmp_path / "snapshot.json"))
    (tmp_path / "list.csv").write_text(
        "code,name,department,department_code\nCFXX,处罚信息,市公安局,\nCZXX,财政信息,,Sczj\n", "utf-8"
    )
    with transaction() as session:
        session.execute(
            text("TRUNCATE directory.resources, directory.departments, directory.suggestions, directory.department_changes CASCADE")
        )  # fmt: skip
    with transaction() as session:
        import_folder(session, town)
        directory.publish(session, RESIDENT)
        pairs.take_in(session, tmp_path / "list.csv")


def run(*typed: str) -> str:
    done = CliRunner().invoke(app, ["departments", *typed], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def refused(code: str, *typed: str) -> Invalid:
    with pytest.raises(Invalid) as caught:
        CliRunner().invoke(app, ["departments", *typed], catch_exceptions=False)
    assert caught.value.code == code
    return caught.value


def states() -> dict[str, str]:
    return {row["id"]: row["state"] for row in json.loads(run("list", "--json"))}


def test_names_are_placed_from_a_shell() -> None:
    assert states() == {"city": "active", "public_security": "active", "sczj": "proposed", "sgaj": "proposed"}
    asked = {row["given"]: row for row in json.loads(run("suggestions", "--json"))}
    assert asked["市公安局"]["candidates"][0]["department_id"] == "public_security"
    shown = run("suggestions")
    assert "仅缺少或多出地名、级别" in shown
    assert "2 open" in shown
    police, finance = str(asked["市公安局"]["id"]), str(asked["Sczj"]["id"])
    assert "→ public_security" in run("accept", police)
    refused("suggestion.no_candidate", "accept", finance)
    assert "→ sczj" in run("accept", finance, "--new", "--name", "兴和市财政局")
    assert states() == {"city": "active", "public_security": "active", "sczj": "active"}
    (body,) = json.loads(run("show", "兴和市财政局", "--json"))
    assert body["owns"] == {"resources": ["sczj.czxx"]}
    assert "0 open" in run("suggestions")
    assert "市公安局" in run("suggestions", "--state", "accepted")
    refused("suggestion.unknown", "reject", "99999", "--reason", "-")


def test_a_rejected_name_waits_on() -> None:
    (row,) = [one for one in json.loads(run("suggestions", "--json")) if one["given"] == "市公安局"]
    run("reject", str(row["id"]), "--reason", "区里的")
    assert states()["sgaj"] == "proposed"


def test_a_rename_is_told_and_read() -> None:
    told = run(
        "rename", "public_security", "兴和市公安司法局", "--short-name", "公安司法局", "--on", "2026-01-01", *BASIS
    )
    assert "2026-01-01 更名 rename" in told
    assert read_snapshot()["resources"][0]["department_name"] == "公安司法局"
    shown = run("show", "兴和市公安局")
    assert "兴和市公安司法局" in shown
    assert "… – 2026-01-01" in shown
    assert "兴编办〔2026〕3号" in run("reforms", "public_security")
    (then,) = json.loads(run("show", "兴和市公安局", "--on", "2025-06-30", "--json"))
    assert then["id"] == "public_security"
    refused("directory.unknown_department", "show", "兴和市公安局", "--on", "2026-06-30")


def test_a_merger_into_a_new_department() -> None:
    told = run(
        "merge",
        "public_security",
        "sgaj",
        "--into",
        "order",
        "--name",
        "兴和市治安局",
        "--short-name",
        "治安局",
        *BASIS,
    )
    assert "public_security, sgaj → order" in told
    assert "2 resources" in told
    assert "Authority lists still name" in told  # of the libraries, where public security's word counts most
    assert read_snapshot()["resources"][0]["department"] == "order"
    assert states() == {"city": "active", "order": "active", "public_security": "dissolved", "sczj": "proposed", "sgaj": "dissolved"}  # fmt: skip
    with transaction("reader") as session:
        assert directory.document(session, RESIDENT).department == "order"
        assert departments.current(session, ["public_security"]) == {"public_security": "order"}


def test_a_split_says_what_is_not_named_and_does_nothing_until_all_is() -> None:
    error = refused("reform.not_named", "split", "public_security", "--to", f"city={RESIDENT}", *BASIS)
    assert "citizen_id" in error.facts["left"]
    assert states()["public_security"] == "active"
    told = run(
        "split", "public_security", "--new", "hukou=兴和市户籍局", "--to", f"hukou={RESIDENT}", "--rest", "city", *BASIS
    )
    assert "public_security → hukou, city" in told
    assert read_snapshot()["resources"][0]["department"] == "hukou"
    wrong = CliRunner().invoke(app, ["departments", "split", "city", "--to", "nonsense", *BASIS])
    assert wrong.exit_code == 2


def test_a_future_reform_waits_and_is_applied_when_due() -> None:
    assert "待生效" in run("found", "audit", "兴和市审计局", "--on", "2999-01-01", *BASIS)
    assert "audit" not in states()
    assert "待生效" in run("reforms")
    assert "0 applied, 0 failed" in run("apply")
    run("found", "audit2", "兴和市审计二局", *BASIS)
    assert states()["audit2"] == "active"
    run("dissolve", "audit2", *BASIS)
    assert states()["audit2"] == "dissolved"
    assert "audit2" in run("list", "--state", "dissolved")


def test_a_reform_that_cannot_be_applied_is_told_with_its_remedy() -> None:
    run("dissolve", "public_security", "--on", "2999-01-01", *BASIS)
    with transaction() as session:
        session.execute(text("UPDATE directory.department_changes SET effective_on = '2020-01-01'"))
    done = CliRunner().invoke(app, ["departments", "apply"], catch_exceptions=False)
    assert done.exit_code == 1
    assert "不能撤销" in done.output
    assert "[reform.still_owns]" in done.output
    assert "0 applied, 1 failed" in done.output
    assert states()["public_security"] == "active"


def test_ids_that_are_none_are_refused() -> None:
    refused("directory.bad_document", "found", "Not An Id", "某局", *BASIS)
    refused("directory.unknown_department", "rename", "nobody", "某局", *BASIS)
    refused("reform.no_basis", "rename", "city", "某局", "--basis", " ")
