"""From a shell: a grant is shown whole, really asked through, suspended, and its quota raised; the officer who may not is told so."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session
from typer.testing import CliRunner, Result

from exchange_api import officers
from exchange_api.grant import health
from hutong.commands.grant import app
from schemas.tables.evidence import Entry
from schemas.tables.exchange import GrantUse
from schemas.tables.grant_life import GrantCheck, QuotaRequest
from schemas.tables.landing import Batch
from tests.exchange_api.conftest import BATCH, NAME
from tests.exchange_api.granted import grant
from tests.exchange_api.recalling import Hub

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def run(hub: Hub) -> Run:
    """Run `hutong grant …` on the exchange's database."""
    with Session(hub.site.engine) as session:
        session.execute(update(Batch).where(Batch.id == BATCH).values(merged_at=datetime.now(UTC)))
        for name, department, role in (
            ("li", "housing", "demander"),
            ("wang", "public_security", "provider"),
            ("qian", "market_regulation", "demander"),
        ):
            officers.add(session, name, name, department, [role])
        session.commit()
    return lambda *words: CliRunner().invoke(app, list(words), env={"COLUMNS": "300"})


def test_a_grant_is_shown_with_its_items_rows_terms_and_steps(hub: Hub, run: Run) -> None:
    rows = [{"attribute": "marital_status", "kind": "in", "values": ["20"]}]
    granted = grant(hub.site, {"name": "masked"}, rows=rows, hours="00-24", purpose="核验申请人")
    assert run("suspend", granted, "--why", "演练", "--as", "wang").exit_code == 0
    shown = run("show", granted).output
    for words in (
        "姓名",
        "脱敏 masked",
        "marital_status ∈ 20",
        "核验申请人",
        "00-24",
        "provider",
        "ordered",
        "演练",
        "suspend",
    ):
        assert words in shown
    assert "暂停 suspended by provider" in run("list", "--provider", "public_security").output
    assert run("resume", granted, "--as", "wang").exit_code == 0
    assert "暂停 suspended" not in run("show", granted).output.split("\n", maxsplit=1)[0]


def test_a_healthy_grant_is_really_asked_through_and_leaves_no_use(
    hub: Hub, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "SLOW_MS", 60_000)
    granted = grant(hub.site, NAME)
    checked = run("health", granted)
    assert (checked.exit_code, checked.output.count("✓")) == (0, 11), checked.output
    with Session(hub.site.engine) as session:
        (kept,) = session.scalars(select(GrantCheck).where(GrantCheck.grant_id == granted))
        entry = session.scalars(select(Entry).where(Entry.grant_id == granted)).one()
        assert (str(entry.id), entry.kind) == (kept.receipt, "action")
        assert session.scalars(select(GrantUse).where(GrantUse.grant_id == granted)).all() == []
        assert health.NOBODY.encode() not in entry.document
    assert "体检 health" in run("show", granted).output


@pytest.mark.parametrize(
    ("changes", "step", "code"),
    [
        ({"suspended_by_provider": True}, "suspensions", "grant.suspended"),
        ({"state": "closed"}, "state", "grant.not_active"),
        ({"application_id": "market.keyless"}, "key", None),
    ],
)
def test_what_is_not_well_is_named(hub: Hub, run: Run, changes: dict[str, Any], step: str, code: str | None) -> None:
    from exchange_api import applications

    with Session(hub.site.engine) as session:
        applications.register(session, "market.keyless", "无钥", "market_regulation")
        session.commit()
    granted = grant(hub.site, NAME, **changes)
    checked = run("health", granted)
    assert checked.exit_code == 1
    bad = [line for line in checked.output.splitlines() if line.startswith("✗")]
    assert any(step in line for line in bad)
    assert code is None or any(code in line for line in bad)


def test_a_stranger_may_not_even_check(hub: Hub, run: Run) -> None:
    refused = run("health", grant(hub.site, NAME), "--as", "qian")
    assert getattr(refused.exception, "code", None) == "case.not_yours"


def test_more_is_asked_for_and_approved_from_a_shell(hub: Hub, run: Run) -> None:
    granted = grant(hub.site, NAME, quota_per_day=2)
    assert run("quota", "ask", granted, "--quota", "50", "--why", "补录", "--as", "li").exit_code == 0
    with Session(hub.site.engine) as session:
        number = str(session.scalars(select(QuotaRequest.id).where(QuotaRequest.grant_id == granted)).one())
    assert granted in run("quota", "list").output
    refused = run("quota", "approve", number, "--quota", "50", "--as", "li")
    assert getattr(refused.exception, "code", None) == "case.not_yours"
    assert run("quota", "approve", number, "--quota", "50", "--as", "wang").exit_code == 0
    assert "已批准 approved" in run("quota", "list", "--all", "--grant", granted).output
    again = run("quota", "decline", number, "--why", "x", "--as", "wang")
    assert getattr(again.exception, "code", None) == "case.wrong_state"


def test_use_is_shown_beside_what_was_declared(hub: Hub, run: Run) -> None:
    granted = grant(hub.site, NAME)
    hub.query(hub.site.people[:2], granted)
    shown = run("use", granted, "--days", "1").output.splitlines()[-1].split()
    assert shown[1:] == ["2", "100000", "1", "0%", "1", "0"]


def test_ending_and_certifying_from_a_shell(hub: Hub, run: Run) -> None:
    granted = grant(hub.site, NAME)
    assert "certified until" in run("recertify", granted, "--as", "wang").output
    assert run("renew", granted, "--until", "2036-01-01", "--why", "持续", "--as", "li").exit_code == 0
    assert run("prolong", granted, "--until", "2036-01-01").exit_code == 0
    assert run("prolong", granted, "--until", "someday").exit_code == 2
    assert getattr(run("revoke", granted, "--why", "x", "--as", "li").exception, "code", None) == "case.role_needed"
    assert run("close", granted, "--as", "li").exit_code == 0
    assert getattr(run("suspend", granted).exception, "code", None) == "case.wrong_state"
    assert "已关闭 closed" in run("list", "--all").output


def test_upkeep_twice_does_nothing_more(run: Run) -> None:
    assert run("upkeep").exit_code == 0
    assert "0 expired, 0 warned, 0 suspended, 0 resumed, 0 findings" in run("upkeep").output
