"""Deadlines and the calendar from a shell: what is typed, what is told, what is refused."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import URL, text
from typer import Typer
from typer.testing import CliRunner

from exchange_api.clocks import clocks
from hutong.commands import calendar, deadline
from schemas.calendar import today
from schemas.database import transaction
from schemas.errors import HutongError
from schemas.migrations import upgrade
from schemas.tables.clocks import CaseClock
from schemas.tables.operations import Officer
from tests.desks.clocking import DEMAND, add_demand, add_places, stand_on
from tests.desks.conftest import POLICE

YEAR = 2099  # far beyond what the package knows, whenever this runs
NOTICE = f"""from,to,kind,name
{YEAR}-01-01,{YEAR}-01-01,holiday,元旦
{YEAR}-01-05,,holiday,
{YEAR}-05-01,{YEAR}-05-02,holiday,劳动节
{YEAR}-10-01,{YEAR}-10-03,holiday,国庆节
"""
BEGUN = date(YEAR - 1, 12, 25)


@pytest.fixture(scope="module")
def migrated(new_database: Callable[[], URL]) -> URL:
    url = new_database()
    upgrade(url)
    return url


@pytest.fixture(autouse=True)
def hub(migrated: URL, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A demand whose providers owe an answer, and officers; nothing of a former test."""
    monkeypatch.setenv("HUTONG_DATABASE_URL", migrated.render_as_string(hide_password=False))
    monkeypatch.setenv("COLUMNS", "250")
    tables = "directory.departments, directory.deadline_rules, directory.calendar_days, directory.calendar_years, directory.calendar_events"
    with transaction() as session:
        session.execute(text(f"TRUNCATE {tables} CASCADE"))
        add_places(session)
        add_demand(session)
        session.add(
            Officer(id="wang", name="王", department_id="public_security", roles=["provider"], password_hash="-")
        )
    (tmp_path / "notice.csv").write_text(NOTICE, "utf-8")


def run(app: Typer, *typed: str) -> str:
    done = CliRunner().invoke(app, typed, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def refused(code: str, app: Typer, *typed: str) -> None:
    with pytest.raises(HutongError) as caught:
        CliRunner().invoke(app, typed, catch_exceptions=False)
    assert caught.value.code == code


def start(day: date) -> int:
    with pytest.MonkeyPatch.context() as patch:
        stand_on(patch, day)
        with transaction() as session:
            return clocks.start(session, POLICE, "reply_conditional", (DEMAND, DEMAND, "public_security")).id


def due(clock: int) -> tuple[date, bool]:
    with transaction("reader") as session:
        found = session.get_one(CaseClock, clock)
        return found.due_date, found.is_provisional


def test_a_year_is_imported_confirmed_and_moves_what_was_provisional(tmp_path: Path) -> None:
    clock = start(BEGUN)
    former, provisional = due(clock)
    assert provisional
    file = str(tmp_path / "notice.csv")
    assert "未导入" in run(calendar.app, "import", str(YEAR), file, "--source", "国办", "--dry-run")
    assert "未确认" in run(calendar.app, "show", str(YEAR))
    run(calendar.app, "import", str(YEAR), file, "--source", "国办", "--as", "chen")
    told = run(calendar.app, "confirm", str(YEAR), "--source", "国办", "--as", "chen")
    assert "已确认" in told
    assert "先前已确认" in run(calendar.app, "confirm", str(YEAR), "--source", "国办", "--as", "chen")
    shown = run(calendar.app, "show", str(YEAR))
    assert "01-05" in shown
    assert "chen" in shown
    assert due(clock)[0] > former
    case = run(deadline.app, "show", DEMAND)
    assert "recompute" in case
    assert f"{former} → {due(clock)[0]}" in case
    again = tmp_path / "again.csv"
    run(calendar.app, "export", str(YEAR), "--out", str(again))
    assert "更改 0 天" in run(calendar.app, "import", str(YEAR), str(again), "--source", "国办")


def test_a_notice_with_mistakes_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "wrong.csv"
    file.write_text(NOTICE + f"{YEAR}-03-03,,make_up,\n", "utf-8")
    refused("calendar.refused", calendar.app, "import", str(YEAR), str(file), "--source", "国办")
    refused("calendar.year_empty", calendar.app, "confirm", str(YEAR), "--source", "国办")


def test_only_the_authority_moves_a_day() -> None:
    day = f"{YEAR}-03-03"
    refused("case.role_needed", calendar.app, "set", day, "holiday", "--source", "国办", "--as", "wang")
    refused("officer.unknown", calendar.app, "set", day, "holiday", "--source", "国办", "--as", "nobody")
    assert "已更改" in run(calendar.app, "set", day, "holiday", "--source", "国办", "--name", "市庆", "--as", "chen")
    assert "无变化" in run(calendar.app, "set", day, "holiday", "--source", "国办", "--name", "市庆", "--as", "chen")
    assert "已更改" in run(calendar.app, "set", day, "published", "--source", "更正")
    assert "03-03" not in run(calendar.app, "show", str(YEAR))


def test_an_extension_is_asked_for_by_one_and_granted_by_another() -> None:
    clock = start(today())
    former, _ = due(clock)
    asked = run(deadline.app, "extend", str(clock), "--days", "5", "--why", "系统改造", "--as", "wang").split()[0]
    assert "系统改造" in run(deadline.app, "extensions")
    refused("case.role_needed", deadline.app, "consent", asked, "--as", "wang")
    refused("deadline.reason_needed", deadline.app, "consent", asked, "--decline", "--as", "chen")
    assert "granted" in run(deadline.app, "consent", asked, "--as", "chen")
    assert due(clock)[0] > former
    assert "系统改造" in run(deadline.app, "show", DEMAND)
    refused("case.unknown", deadline.app, "show", "XQ-2026-999999")


def test_the_list_is_sorted_by_lamp_and_upkeep_changes_it() -> None:
    late = start(today() - timedelta(days=60))
    assert str(late) in run(deadline.app, "list", "--lamp", "red")
    assert "supervised 1" in run(deadline.app, "upkeep")
    assert "supervised 0" in run(deadline.app, "upkeep")
    assert DEMAND in run(deadline.app, "list", "--lamp", "supervised", "--department", "public_security")
    assert DEMAND not in run(deadline.app, "list", "--department", "housing")


def test_a_place_adds_its_own_rule_and_confirms_it() -> None:
    run(
        deadline.app, "rules", "add", "reply_conditional", "--days", "5", "--from", "2026-01-01", "--basis", "市办法",
        "--jurisdiction", "330100", "--as", "chen",
    )  # fmt: skip
    assert "330100" in run(deadline.app, "rules", "list")
    assert "not confirmed" in run(deadline.app, "rules", "show", "reply_conditional")
    told = run(deadline.app, "rules", "confirm", "reply_conditional", "--jurisdiction", "330100", "--as", "chen")
    assert "confirmed chen" in told
    refused("case.role_needed", deadline.app, "rules", "confirm", "reply_conditional", "--as", "wang")
    refused("deadline.unknown_rule", deadline.app, "rules", "show", "reply_condtional")
