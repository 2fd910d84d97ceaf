"""A town whose desks had a week: late and on time, open and overdue, withdrawn, refused with and without a ground."""

import itertools
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from catalog import deadlines, departments, elements
from catalog.service import services
from exchange_api.actors import Actor
from exchange_api.supervision.weeks import Week
from schemas.calendar import CHINA
from schemas.tables.clocks import CaseClock, ClockPause
from schemas.tables.disputes import Dispute, DisputedItem
from schemas.tables.exchange import Application, Demand, DemandItem, SupplyAnswer, SupplyTask, TaskDemand
from schemas.tables.operations import Officer

WEEK = Week(date(2026, 3, 9))
"""An ordinary week without holidays."""
POLICE = Actor("wang", "public_security", frozenset({"provider"}))
CIVIL = Actor("zhao", "civil_affairs", frozenset({"provider"}))
BUREAU = Actor("chen", "data_bureau", frozenset({"authority"}))
SECOND = Actor("qian", "data_bureau", frozenset({"authority"}))
HUB = Actor("system", "", frozenset({"authority"}))


def at(day: date, hour: int = 12) -> datetime:
    """A moment of a day in China."""
    return datetime.combine(day, time(hour), CHINA).astimezone(UTC)


class Site:
    """Writes cases as the desks leave them."""

    def __init__(self, session: Session) -> None:
        self.session, self._numbers = session, itertools.count(1)

    def add(self, *rows: Any) -> None:
        """Write rows, in order."""
        for row in rows:
            self.session.add(row)
            self.session.flush()

    def demand(self, state: str = "dispatched", day: date = WEEK.first_day) -> str:
        """A demand of the housing office."""
        number = f"XQ-2026-{next(self._numbers):06d}"
        self.add(
            Demand(
                id=number, department_id="housing", application_id="zufang", service_item_id="gzf", purpose="核验", basis="办法", state=state,
                created_by="li", created_at=at(day), submitted_at=at(day),
            )
        )  # fmt: skip
        return number

    def clock(self, due: date, done: date | None = None, department: str = "public_security", **more: Any) -> CaseClock:
        """A clock that a provider owes, met on a day or running still."""
        demand = more.pop("demand", None) or self.demand()
        facts: dict[str, Any] = {
            "case": demand, "demand_id": demand, "department_id": department, "rule_key": "reply_conditional", "jurisdiction": "national",
            "day_type": "working", "days": 10, "basis": "条例", "state": "met" if done else "running", "started_on": due - timedelta(days=14),
            "due_date": due, "stopped_on": done,
        } | more  # fmt: skip
        clock = CaseClock(**facts)
        self.add(clock)
        return clock

    def pause(self, clock: CaseClock, first: date, last: date | None = None) -> None:
        """A time a clock stood still."""
        clock.state = "running" if last else "paused"
        self.add(ClockPause(clock_id=clock.id, paused_on=first, resumed_on=last))

    def answer(
        self, state: str, day: date | None, department: str = "public_security", **more: Any
    ) -> tuple[str, SupplyAnswer]:
        """A provider's word on one wanted item of a demand of its own."""
        demand = more.pop("demand", None) or self.demand()
        task = f"GJ-2026-{next(self._numbers):06d}"
        item = DemandItem(demand_id=demand, position=next(self._numbers), name="姓名")
        self.add(item)
        self.add(
            SupplyTask(id=task, department_id=department, need=task, state="answered" if day else "open", due_date=WEEK.last_day, rule_key="reply_conditional"),
            TaskDemand(task_id=task, demand_id=demand, state="answered" if day else "open"),
        )  # fmt: skip
        row = SupplyAnswer(
            task_id=task, demand_item_id=item.id, state=state, answered_at=at(day) if day else None, **more
        )
        self.add(row)
        return demand, row

    def dispute(self, demand: str, row: SupplyAnswer, state: str) -> None:
        """A dispute of a refusal."""
        number = f"ZY-2026-{next(self._numbers):06d}"
        facts = {
            "id": number,
            "demand_id": demand,
            "department_id": "housing",
            "against_id": "public_security",
            "reason": "有用",
            "state": state,
        }
        self.add(Dispute(**facts, raised_by="li"))
        self.add(DisputedItem(dispute_id=number, demand_item_id=row.demand_item_id, supply_answer_id=row.id))


@pytest.fixture
def site(session: Session) -> Site:
    """Places and people, and nothing that happened yet."""
    deadlines.seed_rules(session)
    for department_id in ("housing", "public_security", "civil_affairs", "data_bureau"):
        document = departments.DepartmentDocument(id=department_id, name=department_id, short_name=department_id)
        departments.save(session, document)
    elements.save(session, elements.ElementDocument(id="citizen_id", name="公民身份号码", synonyms=(), type="C"))
    services.save(session, services.ServiceItemDocument(id="gzf", name="公共租赁住房申请", department="housing"))
    session.add(Application(id="zufang", name="公租房系统", department_id="housing"))
    for name in ("chen", "qian"):
        session.add(Officer(id=name, name=name, department_id="data_bureau", roles=["authority"], password_hash="-"))
    session.flush()
    return Site(session)


Days = Callable[[int], date]


@pytest.fixture
def day() -> Days:
    """The days of the week by number: 0 is Monday; below zero the week before."""
    return lambda number: WEEK.first_day + timedelta(days=number)
