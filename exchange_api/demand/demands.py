"""Why: the demander's desk. Register a need in plain words, revise, submit, withdraw, accept what was provided; the authority's desk beside it: return or
dispatch. The form is `forms`, what is said of it `conformity`, who has it `ranking`.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete
from sqlalchemy.orm import Session

from catalog.review.review_steps import authorities
from catalog.service import services
from exchange_api import applications, cases
from exchange_api.actors import Actor, Step
from exchange_api.clocks import clocks
from exchange_api.demand import conformity, findings, information
from exchange_api.demand.findings import Finding
from exchange_api.demand.forms import DemandForm as DemandForm  # the desk's own form: its callers name it as the desk's
from exchange_api.demand.forms import WantedItem as WantedItem
from exchange_api.demand.ranking import forget_matches, is_outdated, save_matches
from exchange_api.demand.ranking import items as items
from exchange_api.demand.ranking import matches as matches
from exchange_api.demand.ranking import suggest as suggest
from exchange_api.supply import supplies
from schemas.errors import Denied, Invalid
from schemas.tables.case_papers import Attachment
from schemas.tables.exchange import CaseEvent, Demand, DemandItem

CHECKED_BY = "conformity_check"  # the rule by which the authority looks at what was submitted


def register(session: Session, actor: Actor, form: DemandForm) -> Demand:
    """Keep a new demand as a draft of the actor's department. Raises Invalid `directory.unknown_service_item`,
    `application.unknown`, Denied `case.role_needed`.
    """
    actor.require("demander")
    services.get(session, form.service_item_id)
    demand = Demand(
        id=cases.next_number(session, "XQ", "demands"),
        department_id=actor.department_id,
        created_by=actor.id,
        state="draft",
        **_fields(session, form),
    )
    session.add(demand)
    session.flush()
    _keep_items(session, demand, form)
    cases.note_event(session, actor, demand, Step("register"), (None, "draft"))
    return demand


def revise(session: Session, actor: Actor, demand_id: str, form: DemandForm) -> Demand:
    """Replace what a draft or a returned demand says; former matches go with the former items. Raises Invalid `case.wrong_state`, and as `register`."""
    demand = get_own(session, actor, demand_id)
    require_open(demand, "revise")
    services.get(session, form.service_item_id)
    for name, value in _fields(session, form).items():
        setattr(demand, name, value)
    demand.findings = []  # said of what stood there before
    _drop_items(session, demand_id)
    _keep_items(session, demand, form)
    cases.note_event(session, actor, demand, Step("revise"))
    return demand


def discard(session: Session, actor: Actor, demand_id: str) -> None:
    """Throw a draft away that nobody but its department has seen; what was submitted once can only be withdrawn. Raises Invalid `case.wrong_state`."""
    demand = get_own(session, actor, demand_id)
    if demand.state != "draft":
        raise cases.wrong_state(demand, "discard")
    _drop_items(session, demand_id)
    for belonging in (Attachment, CaseEvent):
        session.execute(delete(belonging).where(belonging.demand_id == demand_id))
    session.delete(demand)
    session.flush()


def submit(session: Session, actor: Actor, demand_id: str) -> Demand:
    """Submit a draft: checked for conformity, everything missing named at once, and matched; the authority's clock starts.

    Raises Invalid `demand.incomplete`, `case.wrong_state`, Denied `case.not_yours`.
    """
    demand = get_own(session, actor, demand_id)
    require_open(demand, "submit")
    asked = conformity.rank(session, demand)
    found = conformity.check(session, demand, asked)
    if wrong := [one for one in found if one.severity == "error"]:
        raise Invalid("demand.incomplete", missing="、".join(_missing(one) for one in wrong))
    demand.findings = [one.kept() for one in found]
    demand.submitted_at = datetime.now(UTC)
    save_matches(session, demand, asked.by_row)
    cases.move(session, actor, demand, Step("submit"))
    for department_id in sorted(authorities(session))[:1]:  # one owes the step; with nobody to owe it there is no clock
        clocks.start(session, actor, CHECKED_BY, (demand.id, demand.id, department_id))
    return demand


def withdraw(session: Session, actor: Actor, demand_id: str, why: str | None = None) -> None:
    """Withdraw a demand that was not provided yet: tasks, counter-offers, questions and clocks end, and everybody asked is told."""
    demand = get_own(session, actor, demand_id)
    cases.move(session, actor, demand, Step("withdraw", why))
    information.drop_open(session, actor, demand)
    supplies.cancel_open(session, actor, demand_id)
    clocks.stop(session, actor, demand_id, demand_id, is_met=False)


def accept(session: Session, actor: Actor, demand_id: str) -> None:
    """Accept what was provided; the case is closed."""
    demand = get_own(session, actor, demand_id)
    cases.move(session, actor, demand, Step("accept"))
    cases.move(session, actor, demand, Step("close"))


def return_to_demander(session: Session, actor: Actor, demand_id: str, why: str) -> None:
    """Send an unfit demand back to its demander with all that is to be mended, told once (政务数据共享条例: 一次性告知)."""
    actor.require("authority")
    demand = cases.get(session, demand_id)
    found = conformity.check(session, demand) if demand.state == "submitted" else []
    kept = [one.kept() for one in found]
    cases.move(session, actor, demand, Step("return", why, {"findings": kept} if kept else None))
    demand.findings = kept
    clocks.stop(session, actor, demand_id, demand_id)


def dispatch(session: Session, actor: Actor, demand_id: str) -> None:
    """Send a submitted demand to the departments that match best: one task each. What a law forbids is refused with the law, what nobody has is said; with
    nothing left the demand is refused. Raises Denied `case.same_officer`, `case.role_needed`; Invalid `case.wrong_state`.
    """
    actor.require("authority")
    demand = cases.get(session, demand_id)
    if actor.ids & cases.filers(session, demand):
        raise Denied("case.same_officer", case=demand_id)
    if demand.state != "submitted":
        raise cases.wrong_state(demand, "dispatch")
    asked = conformity.rank(session, demand)
    if is_outdated(session, demand_id):
        save_matches(session, demand, asked.by_row)
    clocks.stop(session, actor, demand_id, demand_id)
    left, said = _sorted_out(session, asked)
    if not left:
        cases.move(session, actor, demand, Step("refuse", _why_refused(said), said))
        return
    cases.move(session, actor, demand, Step("dispatch", facts=said))
    supplies.open_tasks(session, actor, demand, items=left)


def check(session: Session, demand: Demand) -> list[Finding]:
    """Return what is said of a demand: of a draft as it stands now, of another one what was said when it was submitted or returned."""
    return conformity.check(session, demand) if demand.state == "draft" else findings.of(demand.findings)


def get_own(session: Session, actor: Actor, demand_id: str) -> Demand:
    """Return a demand of the actor's department, locked, for a demander's step. Raises Denied `case.role_needed`, `case.not_yours`, Invalid `case.unknown`."""
    demand = cases.get(session, demand_id)
    actor.require("demander")
    actor.require_department(demand.department_id, demand_id)
    return demand


def require_open(demand: Demand, action: str) -> None:
    """Raise Invalid `case.wrong_state` unless a demand is still the demander's to write: a draft, or returned."""
    if "submit" not in cases.possible(demand.state):
        raise cases.wrong_state(demand, action)


def _fields(session: Session, form: DemandForm) -> dict[str, object]:
    """Return the form's own columns. Raises Invalid `application.unknown`; another department's is kept, and said by the conformity check."""
    if form.application_id:
        applications.get(session, form.application_id)
    return form.model_dump(exclude={"items"})


def _keep_items(session: Session, demand: Demand, form: DemandForm) -> None:
    session.add_all(
        DemandItem(demand_id=demand.id, position=n, **item.model_dump()) for n, item in enumerate(form.items)
    )
    session.flush()


def _drop_items(session: Session, demand_id: str) -> None:
    for item in items(session, demand_id):
        forget_matches(session, item)
        session.delete(item)
    session.flush()


def _missing(one: Finding) -> str:
    return one.facts["field_zh"] if one.code == "missing" else one.title("zh").rstrip("。")


def _sorted_out(session: Session, asked: conformity.Ranked) -> tuple[list[int], dict[str, Any]]:
    """Return the wanted items that somebody can be asked for, and what is to be said of the others."""
    left, said = [], dict[str, Any]()
    for item in asked.items:
        if law := asked.forbidden.get(item.position):
            said.setdefault("forbidden", []).append({"item": item.name, "law": law.law})
        elif matches(session, item.id):
            left.append(item.id)
        else:
            said.setdefault("unmatched", []).append(item.name)
    return left, said


def _why_refused(said: dict[str, Any]) -> str:
    if not (forbidden := said.get("forbidden")):
        return "没有部门可提供 / nobody has it"
    return f"依法不予共享 / not to be shared by law: {'；'.join(one['item'] + '：' + one['law'] for one in forbidden)}"
