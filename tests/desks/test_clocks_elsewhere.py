"""Objections keep a due date of their own: it follows the calendar as clocks do."""

from datetime import UTC, date, datetime

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from exchange_api.clocks import calendar_desk
from exchange_api.objections import objection_cases
from exchange_api.objections.objection_upkeep import Settled, follow
from schemas.tables.objections import Objection
from schemas.tables.operations import Notice
from tests.desks.clocking import told
from tests.desks.conftest import BUREAU
from tests.desks.test_clocks_recomputed import BEGUN, MOVED, NEW_YEAR, NOTICE, PROVISIONAL


@pytest.fixture
def objection(town: Session) -> Objection:
    """Raised at the end of a year by the housing office, put to the police; due in January, provisionally."""
    found = Objection(
        id="YY-2026-000001", department_id="housing", source_department_id="public_security", state="open", library="population",
        subject="s", record_key="s", attribute="name", reason="与证件不符", raised_by="li", raised_at=datetime(2026, 12, 25, 2, tzinfo=UTC),
        due_date=PROVISIONAL, is_provisional=True,
    )  # fmt: skip
    town.add(found)
    town.flush()
    return found


def test_a_confirmed_year_moves_an_objection_once(town: Session, objection: Objection) -> None:
    follow(town, objection.id, Settled(), on=BEGUN)
    assert (objection.due_date, objection.is_provisional) == (PROVISIONAL, True)
    calendar_desk.edit(town, BUREAU, NEW_YEAR, NOTICE)
    calendar_desk.confirm(town, BUREAU, 2027, NOTICE)
    for _ in range(2):
        follow(town, objection.id, Settled(), on=BEGUN)
    assert (objection.due_date, objection.is_provisional) == (MOVED, False)
    assert [step.action for step in objection_cases.timeline(town, objection.id)] == ["recompute"]
    assert told(town, "deadline.moved") == ["housing", "public_security"]
    facts = town.scalars(select(Notice.facts).where(Notice.key == "deadline.moved")).first()
    assert facts == {"case": objection.id, "former": "2027-01-11", "due": "2027-01-12"}


def test_a_fixed_objection_stays(town: Session, objection: Objection) -> None:
    objection.due_date, objection.is_provisional = date(2027, 1, 8), False
    calendar_desk.edit(town, BUREAU, NEW_YEAR, NOTICE)
    calendar_desk.confirm(town, BUREAU, 2027, NOTICE)
    follow(town, objection.id, Settled(), on=BEGUN)
    assert (objection.due_date, told(town, "deadline.moved")) == (date(2027, 1, 8), [])
