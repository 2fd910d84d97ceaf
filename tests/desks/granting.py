"""What a demand and its providers' confirmed answers leave behind, without the way there: for stories of grants alone."""

from typing import Any

from sqlalchemy.orm import Session

from exchange_api.grant import grants
from schemas.calendar import today
from schemas.tables.exchange import (
    ApplicationKey,
    Demand,
    DemandItem,
    Grant,
    SupplyAnswer,
    SupplyTask,
    TaskDemand,
)
from schemas.tables.operations import Officer

RESIDENT, MARRIAGE = "public_security.resident@1", "civil_affairs.marriage@1"
NAME, ADDRESS, MARITAL, NAME_OF_MARRIAGE = (
    (RESIDENT, "name"),
    (RESIDENT, "address"),
    (MARRIAGE, "marital"),
    (MARRIAGE, "name"),
)


def wish(town: Session, number: int = 1, **changes: Any) -> Demand:
    """An answered demand of the housing office."""
    known = {
        "department_id": "housing",
        "application_id": "zufang",
        "service_item_id": "gzf",
        "purpose": "核验",
        "basis": "办法",
    }
    demand = Demand(
        id=f"XQ-2026-{number:06d}",
        state="answered",
        created_by="li",
        **known | {"mode": "query", "volume_per_day": 1000} | changes,
    )
    town.add(demand)
    town.flush()
    return demand


def confirm(town: Session, demand: Demand, item: tuple[str, str], **changes: Any) -> SupplyAnswer:
    """A confirmed answer on a wanted item, in a task of its own. changes: terms, form, wanted (its form), on (a wanted item), state."""
    number = town.query(SupplyTask).count() + 1
    department = item[0].split(".", maxsplit=1)[0]
    task = SupplyTask(
        id=f"GJ-2026-{number:06d}",
        department_id=department,
        need=str(number),
        state="answered",
        due_date=today(),
        rule_key="reply_conditional",
    )
    wanted = changes.get("on") or DemandItem(
        demand_id=demand.id, position=number, name=item[1], form=changes.get("wanted", "full")
    )
    town.add_all([task, wanted])
    town.flush()
    town.add(TaskDemand(task_id=task.id, demand_id=demand.id, state="answered", terms=changes.get("terms", {})))
    answer = SupplyAnswer(
        task_id=task.id, demand_item_id=wanted.id, state=changes.get("state", "confirmed"), decision="confirm",
        resource_version_id=item[0], item_id=item[1], form=changes.get("form", "full"),
    )  # fmt: skip
    town.add(answer)
    town.flush()
    return answer


def granted(town: Session, *items: tuple[str, str], number: int = 1, **changes: Any) -> Grant:
    """The one grant of a demand for items of one library."""
    demand = wish(town, number, **changes)
    for item in items or (NAME,):
        confirm(town, demand, item)
    (grant,) = grants.release(town, demand)
    return grant


def forms(town: Session, grant: Grant) -> dict[str, str]:
    """A grant's attributes with their forms."""
    return {item.attribute: item.form for item in grants.items(town, grant.id)}


def authority(town: Session) -> None:
    """An officer of the authority, so that it can be told."""
    town.merge(Officer(id="chen", name="陈", department_id="data_bureau", roles=["authority"], password_hash="-"))
    town.flush()


def key(town: Session, keyid: str = "k1") -> ApplicationKey:
    """A key of the application."""
    row = ApplicationKey(keyid=keyid, application_id="zufang", algorithm="ed25519", public_jwk={}, state="active")
    town.add(row)
    town.flush()
    return row
