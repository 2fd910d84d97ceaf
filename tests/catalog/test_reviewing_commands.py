"""A version's way from a shell: as officers and at the console, and what the looking commands say."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, text
from typer.testing import CliRunner

from catalog import departments, directory
from catalog.departments import DepartmentDocument
from catalog.folder import import_folder
from catalog.service import services
from hutong.commands.catalog import app
from schemas.calendar import today
from schemas.database import transaction
from schemas.errors import HutongError
from schemas.migrations import upgrade
from schemas.resource import ResourceDocument
from schemas.tables.exchange import Application, Demand, Grant, GrantItem
from schemas.tables.operations import Officer
from tests.catalog.conftest import resource

pytestmark = pytest.mark.usefixtures("hub")
RESIDENT, CODE = "public_security.resident", "101001/0001"
OFFICERS = [("li", "public_security", "provider"), ("wang", "public_security", "provider"), ("chen", "city", "authority"),
            ("sun", "housing", "demander")]  # fmt: skip


@pytest.fixture(scope="module")
def migrated(new_database: Callable[[], URL]) -> URL:
    url = new_database()
    upgrade(url)
    return url


@pytest.fixture
def hub(migrated: URL, town: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The town published, with a grant of housing's on the residents' birth date, and officers."""

    monkeypatch.setenv("HUTONG_DATABASE_URL", migrated.render_as_string(hide_password=False))
    monkeypatch.setenv("HUTONG_SNAPSHOT", str(tmp_path / "snapshot.json"))
    with transaction() as session:
        session.execute(text("TRUNCATE directory.resources, directory.departments CASCADE"))
    with transaction() as session:
        import_folder(session, town)
        departments.save(session, DepartmentDocument(id="housing", name="住建局", short_name="住建局"))
        services.save(session, services.ServiceItemDocument(id="gzf", name="公租房", department="housing"))
        for name, department_id, role in OFFICERS:
            session.add(Officer(id=name, name=name, department_id=department_id, roles=[role], password_hash="-"))
        directory.publish(session, RESIDENT)
        session.add(Application(id="app", name="系统", department_id="housing"))
        session.flush()
        session.add(Demand(id="XQ-2026-000001", department_id="housing", application_id="app", service_item_id="gzf",
                           purpose="核验", basis="办法", state="closed", created_by="sun"))  # fmt: skip
        session.flush()
        session.add(Grant(id="SQ-2026-000001", demand_id="XQ-2026-000001", application_id="app", library="population",
                          service_item_id="gzf", valid_from=today(), valid_until=today()))  # fmt: skip
        session.flush()
        session.add(GrantItem(grant_id="SQ-2026-000001", attribute="birth_date", resource_version_id=f"{RESIDENT}@1",
                              item_id="birth_date"))  # fmt: skip


def run(*arguments: str) -> str:
    done = CliRunner().invoke(app, list(arguments))
    if isinstance(done.exception, HutongError):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.output


def draft_without_birth_date() -> None:
    body: dict[str, Any] = resource(checks=[])
    body["items"] = [item for item in body["items"] if item["id"] != "birth_date"]
    body["source"]["mapping"].pop("csrq")
    body["source"]["ignore"] = ["csrq"]
    with transaction() as session:
        directory.save_draft(session, ResourceDocument.model_validate(body))


def test_a_breaking_version_goes_from_draft_to_its_window_and_into_force() -> None:
    draft_without_birth_date()
    assert "office_review" in run("submit", CODE, "--as", "li", "--note", "出生日期由身份号码得出")
    assert "authority_review" in run("approve", RESIDENT, "--as", "wang")
    assert f"{RESIDENT}@2 scheduled, " in run("approve", CODE, "--as", "chen")
    told = run("pending")
    assert "SQ-2026-000001" in told
    assert "scheduled" in told
    with pytest.raises(HutongError, match=r"directory\.not_acknowledged"):
        run("publish", CODE, "--as", "chen")
    assert "sun" in run("acknowledge", CODE, "--as", "sun")
    told = run("publish", CODE, "--as", "chen")
    assert f"{RESIDENT}@2 published" in told
    assert "SQ-2026-000001 suspended" in told
    steps = json.loads(run("history", CODE, "--json"))
    assert [(step["actor"], step["action"]) for step in steps] == [
        ("li", "submit"), ("wang", "approve_office"), ("chen", "schedule"), ("system", "supersede"), ("chen", "publish"),
    ]  # fmt: skip
    assert steps[0]["note"] == "出生日期由身份号码得出"
    assert "出生日期由身份号码得出" in run("history", RESIDENT)
    assert "0 in force, 0 grants suspended" in run("upkeep")


def test_diff_names_each_change_with_its_reason_and_whom_it_touches() -> None:
    draft_without_birth_date()
    told = run("diff", CODE, "1", "2")
    assert "breaking" in told
    assert "! items.birth_date: 信息项“出生日期”不再提供 / item 出生日期 is no longer provided" in told
    assert "SQ-2026-000001 (housing): birth_date" in told
    body = json.loads(run("diff", RESIDENT, "1", "2", "--json"))
    assert (body["kind"], body["old"], body["new"]) == ("breaking", f"{RESIDENT}@1", f"{RESIDENT}@2")
    assert body["changes"][0]["code"] == "item_removed"
    assert {case["id"] for case in body["affected"]} == {"SQ-2026-000001", RESIDENT}
    assert json.loads(run("diff", RESIDENT, "1", "1", "--json"))["kind"] == "none"


def test_the_console_acts_without_an_officer_and_is_recorded() -> None:
    draft_without_birth_date()
    assert f"{RESIDENT}@2 published" in run("publish", RESIDENT)
    (last,) = [s for s in json.loads(run("history", RESIDENT, "--json")) if s["action"] == "publish"]
    assert (last["actor"], last["department"], last["from"]) == ("console", None, "draft")


def test_returning_and_withdrawing_carry_their_reason() -> None:
    draft_without_birth_date()
    run("submit", RESIDENT, "--as", "li")
    assert f"{RESIDENT}@2 draft" in run("return", RESIDENT, "--as", "wang", "--why", "出生日期仍需提供")
    assert "withdrawn" in run("withdraw", RESIDENT, "--version", "2", "--as", "li", "--why", "不改了")
    told = run("withdraw", RESIDENT, "--why", "职责调整")
    assert f"{RESIDENT}@1 withdrawn" in told
    assert "SQ-2026-000001 suspended" in told
    assert [s["note"] for s in json.loads(run("history", RESIDENT, "--json")) if s["note"]] == [
        "出生日期仍需提供", "不改了", "职责调整",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("submit", "no.such"), "directory.unknown_resource"),
        (("submit", "101001/9999"), "directory.unknown_resource"),
        (("diff", RESIDENT, "1", "7"), "directory.unknown_resource"),
        (("history", "no.such"), "directory.unknown_resource"),
        (("submit", RESIDENT, "--as", "nobody"), "officer.unknown"),
        (("submit", RESIDENT, "--as", "sun"), "directory.wrong_state"),
        (("acknowledge", RESIDENT, "--as", "sun"), "directory.nothing_to_acknowledge"),
        (("withdraw", RESIDENT, "--as", "li", "--why", "x"), "directory.role_needed"),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(arguments: tuple[str, ...], code: str) -> None:
    with pytest.raises(HutongError) as refused:
        run(*arguments)
    assert refused.value.code == code
