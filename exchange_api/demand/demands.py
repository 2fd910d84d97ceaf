"""Why: the demander's desk. Register a need in plain words, submit it, withdraw it, accept what was provided;
the authority's desk beside it: return or dispatch.
"""

from datetime import UTC, date, datetime

from pydantic import Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.service import services
from exchange_api import cases
from exchange_api.actors import Actor
from exchange_api.cases import Step
from exchange_api.matching import Found, Wanted, candidates, find_matches
from exchange_api.supply import supplies
from schemas.errors import Denied, Invalid
from schemas.resource import Strict
from schemas.tables.directory import ResourceVersion
from schemas.tables.exchange import Application, Demand, DemandItem, Match


class WantedItem(Strict):
    """A wanted item as the demander writes it."""

    name: str = Field(min_length=1, max_length=100)
    note: str | None = Field(default=None, max_length=500)


class DemandForm(Strict):
    """What a demander fills in (政务数据共享条例 art. 20: basis, scenario, scope, mode, period)."""

    service_item_id: str
    application_id: str | None = None
    purpose: str = ""
    basis: str = ""
    scenario: str = ""
    scope: str = ""
    volume_per_day: int = Field(default=1000, gt=0, le=10_000_000)
    valid_until: date | None = None
    items: tuple[WantedItem, ...] = ()


def register(session: Session, actor: Actor, form: DemandForm) -> Demand:
    """Keep a new demand as a draft of the actor's department. Raises Invalid `directory.unknown_service_item`, Denied `case.role_needed`."""
    actor.require("demander")
    services.get(session, form.service_item_id)
    demand = Demand(
        id=cases.next_number(session, "XQ", "demands"),
        department_id=actor.department_id,
        created_by=actor.id,
        mode="query",
        state="draft",
        **form.model_dump(exclude={"items"}),
    )
    session.add(demand)
    session.flush()
    _keep_items(session, demand, form)
    cases.note_event(session, actor, demand, Step("register"), (None, "draft"))
    return demand


def revise(session: Session, actor: Actor, demand_id: str, form: DemandForm) -> Demand:
    """Replace what a draft or a returned demand says; former matches go with the former items. Raises Invalid `case.wrong_state`, and as `register`."""
    demand = _own(session, actor, demand_id)
    if "submit" not in cases.possible(demand.state):
        possible = ", ".join(cases.possible(demand.state)) or "-"
        raise Invalid("case.wrong_state", case=demand_id, state=demand.state, action="revise", possible=possible)
    services.get(session, form.service_item_id)
    for name, value in form.model_dump(exclude={"items"}).items():
        setattr(demand, name, value)
    for item in items(session, demand_id):
        for match in matches(session, item.id):
            session.delete(match)
        session.flush()
        session.delete(item)
    session.flush()
    _keep_items(session, demand, form)
    cases.note_event(session, actor, demand, Step("revise"))
    return demand


def submit(session: Session, actor: Actor, demand_id: str) -> Demand:
    """Submit a draft: checked for completeness, everything missing named at once, and matched. Raises Invalid `demand.incomplete`."""
    demand = _own(session, actor, demand_id)
    if missing := _missing(session, demand):
        raise Invalid("demand.incomplete", missing="、".join(missing))
    demand.submitted_at = datetime.now(UTC)
    cases.move(session, actor, demand, Step("submit"))
    save_matches(session, demand)
    return demand


def withdraw(session: Session, actor: Actor, demand_id: str, why: str | None = None) -> None:
    """Withdraw a demand that was not provided yet; open supply tasks are cancelled."""
    demand = _own(session, actor, demand_id)
    cases.move(session, actor, demand, Step("withdraw", why))
    supplies.cancel_open(session, actor, demand_id)


def accept(session: Session, actor: Actor, demand_id: str) -> None:
    """Accept what was provided; the case is closed."""
    demand = _own(session, actor, demand_id)
    cases.move(session, actor, demand, Step("accept"))
    cases.move(session, actor, demand, Step("close"))


def return_to_demander(session: Session, actor: Actor, demand_id: str, why: str) -> None:
    """Send an unfit demand back to its demander, with what is to be mended."""
    actor.require("authority")
    cases.move(session, actor, cases.get(session, demand_id), Step("return", why))


def dispatch(session: Session, actor: Actor, demand_id: str) -> None:
    """Send a submitted demand to the departments that match best: one task each. Raises Denied `case.same_officer`."""
    actor.require("authority")
    demand = cases.get(session, demand_id)
    if demand.created_by == actor.id:
        raise Denied("case.same_officer", case=demand_id)
    if _is_outdated(session, demand_id):
        save_matches(session, demand)
    wanted = items(session, demand_id)
    unmatched = [item.name for item in wanted if not matches(session, item.id)]
    if len(unmatched) == len(wanted):
        cases.move(session, actor, demand, Step("refuse", "没有部门可提供 / nobody has it", {"unmatched": unmatched}))
        return
    cases.move(session, actor, demand, Step("dispatch", facts={"unmatched": unmatched} if unmatched else None))
    supplies.open_tasks(session, actor, demand)


def items(session: Session, demand_id: str) -> list[DemandItem]:
    """Return the wanted items in their order."""
    query = select(DemandItem).where(DemandItem.demand_id == demand_id)
    return list(session.scalars(query.order_by(DemandItem.position)))


def matches(session: Session, demand_item_id: int) -> list[Match]:
    """Return the kept matches of one wanted item, best first."""
    return list(session.scalars(select(Match).where(Match.demand_item_id == demand_item_id).order_by(Match.rank)))


def suggest(session: Session, service_item_id: str, purpose: str, wanted: list[str]) -> list[list[Found]]:
    """Return matches for items that are not registered yet: what the form shows while typing."""
    service_item = services.get(session, service_item_id).name if service_item_id else ""
    return find_matches([Wanted(name) for name in wanted], candidates(session), context=f"{service_item} {purpose}")


def save_matches(session: Session, demand: Demand) -> None:
    """Keep the ranked matches of every wanted item, replacing earlier ones."""
    wanted = items(session, demand.id)
    found = suggest(session, demand.service_item_id, demand.purpose, [item.name for item in wanted])
    for item, ranked in zip(wanted, found, strict=True):
        for former in matches(session, item.id):
            session.delete(former)
        session.flush()
        session.add_all(_match(item, rank, one) for rank, one in enumerate(ranked))
    session.flush()


def _keep_items(session: Session, demand: Demand, form: DemandForm) -> None:
    session.add_all(
        DemandItem(demand_id=demand.id, position=n, **item.model_dump()) for n, item in enumerate(form.items)
    )
    session.flush()


def _match(item: DemandItem, rank: int, found: Found) -> Match:
    reasons = [{"key": reason.key, "points": round(reason.points, 4), **reason.facts} for reason in found.reasons]
    return Match(
        demand_item_id=item.id, rank=rank, resource_version_id=found.candidate.version_id,
        item_id=found.candidate.item_id, score=found.score, reasons=reasons,
    )  # fmt: skip


def _is_outdated(session: Session, demand_id: str) -> bool:
    """Whether a version that was matched has been replaced or withdrawn since: what it said of sharing holds no more."""
    query = (
        select(Match.id)
        .join(DemandItem, DemandItem.id == Match.demand_item_id)
        .join(ResourceVersion, ResourceVersion.id == Match.resource_version_id)
        .where(DemandItem.demand_id == demand_id, ResourceVersion.state.in_(("superseded", "withdrawn")))
    )
    return session.scalar(query.limit(1)) is not None


def _missing(session: Session, demand: Demand) -> list[str]:
    wanted = {"应用系统": demand.application_id, "使用目的": demand.purpose, "使用依据": demand.basis}
    missing = [name for name, value in wanted.items() if not (value or "").strip()]
    application = session.get(Application, demand.application_id) if demand.application_id else None
    if demand.application_id and (application is None or application.department_id != demand.department_id):
        missing.append("本部门的应用系统")
    if not items(session, demand.id):
        missing.append("信息项")
    return missing


def _own(session: Session, actor: Actor, demand_id: str) -> Demand:
    demand = cases.get(session, demand_id)
    actor.require("demander")
    actor.require_department(demand.department_id, demand_id)
    return demand
