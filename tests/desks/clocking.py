"""What stories of clocks share: a demand somebody owes a step for, and a server that stands on a day."""

from datetime import UTC, date, datetime, time

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog import deadlines, departments
from catalog.service import services
from exchange_api.clocks import clocks, extensions
from schemas.calendar import CHINA
from schemas.tables.clocks import CaseClock, ClockEvent
from schemas.tables.exchange import Application, Demand
from schemas.tables.operations import Notice, Officer
from tests.desks.conftest import POLICE

DEMAND = "XQ-2026-000001"


def stand_on(monkeypatch: pytest.MonkeyPatch, day: date) -> None:
    """Let the desks of clocks believe that this is the day in China."""
    for room in (clocks, extensions):
        monkeypatch.setattr(room, "today", lambda: day)


def moment(day: date) -> datetime:
    """Noon in China on a day."""
    return datetime.combine(day, time(12), CHINA).astimezone(UTC)


def add_places(session: Session) -> None:
    """Just enough of the town for a demand, in a database of its own."""
    deadlines.seed_rules(session)
    for department_id in ("housing", "public_security", "data_bureau"):
        document = departments.DepartmentDocument(id=department_id, name=department_id, short_name=department_id)
        departments.save(session, document)
    services.save(session, services.ServiceItemDocument(id="gzf", name="公共租赁住房申请", department="housing"))
    session.add(Application(id="zufang", name="公租房系统", department_id="housing"))
    session.flush()


def add_demand(session: Session) -> Demand:
    """A demand of the housing office, dispatched, and an officer of the authority who hears of what is late."""
    demand = Demand(
        id=DEMAND, department_id="housing", application_id="zufang", service_item_id="gzf", purpose="核验申请人户籍与婚姻",
        basis="公共租赁住房管理办法", state="dispatched", created_by="li",
    )  # fmt: skip
    session.add(demand)
    session.add(Officer(id="chen", name="陈", department_id="data_bureau", roles=["authority"], password_hash="-"))
    session.flush()
    return demand


def start(session: Session, rule: str = "reply_conditional", department: str = "public_security") -> CaseClock:
    """A clock on the demand itself, begun today."""
    return clocks.start(session, POLICE, rule, (DEMAND, DEMAND, department))


def events(session: Session, clock: CaseClock) -> list[str]:
    """What became of a clock, in order."""
    query = select(ClockEvent.action).where(ClockEvent.clock_id == clock.id).order_by(ClockEvent.id)
    return list(session.scalars(query))


def told(session: Session, key: str) -> list[str]:
    """Which departments were told something of clocks, in order."""
    query = select(Notice.department_id).where(Notice.key == key).order_by(Notice.id)
    return list(session.scalars(query))
