"""Why: what was agreed is exactly what the API gives. A demand's confirmed answers become one grant per library, attribute by attribute, under the terms of all
providers together and within what the demand declared. Called by `grants.release` alone.

What was compiled once is named in the grant's timeline and not compiled again: items that lost their base since do not come back.
"""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from exchange_api import cases
from exchange_api.actors import Actor, Step, system
from exchange_api.cases import next_number
from exchange_api.grant import life
from exchange_api.grant.rows import fits
from exchange_api.grant.settings import GrantSettings
from exchange_api.grant.terms import RowRule, Terms, common_hours
from schemas.bound import is_attribute
from schemas.calendar import today
from schemas.errors import Invalid
from schemas.library import library
from schemas.resource import ResourceDocument
from schemas.tables.directory import ResourceVersion
from schemas.tables.exchange import Demand, DemandItem, Grant, GrantItem, SupplyAnswer, TaskDemand
from schemas.tables.grant_life import GrantEvent

YEAR = timedelta(days=365)
REVEALING = ("yes_no", "masked", "full")
MODES = {
    "query": ("query", "verify"),
    "verify": ("verify",),
    "changes": ("query", "verify", "changes"),
    "export": ("query", "verify", "export"),
}
"""Declared mode → questions the grant may be used for. Whoever may read may also compare; whoever declared comparing may not read."""
BY_CASE = ("query", "verify")
"""Modes whose questions belong to a case, so that its number is asked for unless every provider waives it."""


class Agreed(NamedTuple):
    """One confirmed answer: by whom, on which wanted item, for which attribute of which library (None: an item that feeds no attribute)."""

    answer: SupplyAnswer
    wanted: DemandItem
    version: ResourceVersion
    library: str
    attribute: str | None


def compile_grants(session: Session, demand: Demand) -> list[Grant]:
    """Return the demand's grants that were made or widened by answers not compiled before."""
    found = _agreed(session, demand)
    done = _compiled(session, demand)
    new = [one for one in found if one.answer.id not in done]
    return [
        _compile(session, demand, name, [one for one in new if one.library == name])
        for name in dict.fromkeys(one.library for one in new)
    ]


def _agreed(session: Session, demand: Demand) -> list[Agreed]:
    """Return what is confirmed, the newest answer of each wanted item, in the order of the answers."""
    rows = session.execute(
        select(SupplyAnswer, DemandItem)
        .join(DemandItem, DemandItem.id == SupplyAnswer.demand_item_id)
        .where(DemandItem.demand_id == demand.id)
        .order_by(SupplyAnswer.id)
    ).all()
    newest = {wanted.id: (answer, wanted) for answer, wanted in rows}
    agreed = []
    for answer, wanted in newest.values():
        if answer.state == "confirmed":
            version = session.get_one(ResourceVersion, answer.resource_version_id)
            document = ResourceDocument.model_validate(version.document)
            attribute = document.item(str(answer.item_id)).attribute
            bound = attribute if is_attribute(attribute) else None
            if document.library:
                agreed.append(Agreed(answer, wanted, version, document.library, bound))
    return agreed


def _compiled(session: Session, demand: Demand) -> set[int]:
    events = select(GrantEvent.facts["answers"]).join(Grant, Grant.id == GrantEvent.grant_id)
    listed = session.scalars(events.where(Grant.demand_id == demand.id, GrantEvent.action == "release"))
    return {answer for answers in listed for answer in answers}


def _compile(session: Session, demand: Demand, library_name: str, agreed: Sequence[Agreed]) -> Grant:
    actor = system(demand.department_id)
    terms = _terms(session, demand, agreed)
    grant = _living(session, demand, library_name)
    is_new = grant is None
    if grant is None:
        grant = _new_grant(session, demand, library_name, terms)
    _tighten(grant, terms, _rules_of(session, demand, library_name, agreed))
    for one in agreed:
        _grant_item(session, grant, one)
    session.flush()
    _drop_replaced(session, grant, agreed)
    items = [one.attribute for one in agreed if one.attribute]
    facts = {"answers": [one.answer.id for one in agreed], "items": items}
    life.note(session, actor, grant, Step("release", facts=facts))
    _announce(session, actor, grant, is_new, items)
    return grant


def _announce(session: Session, actor: Actor, grant: Grant, is_new: bool, items: Sequence[str]) -> None:
    if is_new:
        life.move(session, actor, grant, Step("activate"))
    else:
        life.tell(session, grant, "grant.widened", {"items": ", ".join(items)})


def _living(session: Session, demand: Demand, library_name: str) -> Grant | None:
    query = select(Grant).where(
        Grant.demand_id == demand.id, Grant.library == library_name, Grant.state.in_(life.LIVING)
    )
    return session.scalar(query.order_by(Grant.id.desc()).limit(1).with_for_update())


def _new_grant(session: Session, demand: Demand, library_name: str, terms: Sequence[Terms]) -> Grant:
    wishes = [one.is_case_required for one in terms]
    is_waived = bool(wishes) and all(wish is False for wish in wishes)
    grant = Grant(
        id=next_number(session, "SQ", "grants"), demand_id=demand.id, application_id=str(demand.application_id), library=library_name,
        service_item_id=demand.service_item_id, purpose=demand.purpose, modes=list(MODES[demand.mode]), state="draft", rows=[],
        suspended_by_consumer=False, suspended_by_provider=False, suspended_by_platform=False, hours=demand.hours,
        is_case_required=demand.mode in BY_CASE and not is_waived, quota_per_day=demand.volume_per_day, valid_from=today(),
        valid_until=demand.valid_until or today() + YEAR,
        certified_until=today() + timedelta(days=GrantSettings().grant_certified_days),
    )  # fmt: skip
    session.add(grant)
    session.flush()
    return grant


def _terms(session: Session, demand: Demand, agreed: Iterable[Agreed]) -> list[Terms]:
    """Return the terms of the providers whose answers these are."""
    tasks = dict.fromkeys(one.answer.task_id for one in agreed)
    shares = [session.get(TaskDemand, (task_id, demand.id)) for task_id in tasks]
    return [Terms.model_validate(share.terms) for share in shares if share is not None]


def _rules_of(session: Session, demand: Demand, library_name: str, agreed: Sequence[Agreed]) -> list[RowRule]:
    """Return the row rules for one library. Raises Invalid `grant.row_unknown` when a rule names what the library does not have: it could not be kept."""
    spec, rules = library(library_name), list[RowRule]()
    for one in _terms(session, demand, agreed):
        for rule in one.rows:
            if rule.library not in (None, library_name):
                continue
            if not fits(rule, spec):
                raise Invalid("grant.row_unknown", attribute=rule.attribute, library=library_name)
            rules.append(rule)
    return rules


def _tighten(grant: Grant, terms: Sequence[Terms], rules: Sequence[RowRule]) -> None:
    """Hold a grant to further terms: the strictest of each counts. Raises Invalid `grant.hours_disjoint`."""
    held = [RowRule.model_validate(rule) for rule in grant.rows]
    grant.rows = [rule.model_dump(mode="json") for rule in dict.fromkeys((*held, *rules))]
    grant.hours = common_hours(grant.hours, *(one.hours for one in terms))
    grant.is_case_required |= any(one.is_case_required for one in terms)
    grant.quota_per_day = _least(grant.quota_per_day, *(one.quota_per_day for one in terms)) or grant.quota_per_day
    grant.burst_per_minute = _least(grant.burst_per_minute, *(one.burst_per_minute for one in terms))
    ends: list[date] = [one.valid_until for one in terms if one.valid_until is not None]
    grant.valid_until = min([grant.valid_until, *ends])


def _least(*numbers: int | None) -> int | None:
    return min((number for number in numbers if number is not None), default=None)


def _grant_item(session: Session, grant: Grant, one: Agreed) -> None:
    """Add an attribute in the less revealing of the confirmed and the wanted form; of two wanted items on one attribute the less revealing again."""
    if one.attribute is None:
        return
    form = min(one.answer.form, one.wanted.form, key=REVEALING.index)
    held = session.get(GrantItem, (grant.id, one.attribute))
    if held is None:
        session.add(
            GrantItem(
                grant_id=grant.id, attribute=one.attribute, form=form, resource_version_id=one.version.id,
                item_id=str(one.answer.item_id), supply_answer_id=one.answer.id,
            )
        )  # fmt: skip
        session.flush()
        return
    before = session.get(SupplyAnswer, held.supply_answer_id) if held.supply_answer_id else None
    is_replaced = before is not None and before.demand_item_id == one.wanted.id
    held.form = form if is_replaced else min(held.form, form, key=REVEALING.index)
    held.resource_version_id, held.item_id, held.supply_answer_id = (
        one.version.id,
        str(one.answer.item_id),
        one.answer.id,
    )


def _drop_replaced(session: Session, grant: Grant, agreed: Iterable[Agreed]) -> None:
    """Take out what earlier answers on the same wanted items had granted under another attribute: the newest word counts."""
    wanted = {one.wanted.id: one.answer.id for one in agreed}
    rows = session.execute(
        select(GrantItem, SupplyAnswer)
        .join(SupplyAnswer, SupplyAnswer.id == GrantItem.supply_answer_id)
        .where(GrantItem.grant_id == grant.id, SupplyAnswer.demand_item_id.in_(wanted))
    ).all()
    gone = [item for item, answer in rows if answer.id != wanted[answer.demand_item_id]]
    for item in gone:
        session.delete(item)
    if gone:  # what the grant showed until now stays known: to recalls, and to objections against former receipts
        facts = {"grant": grant.id, "items": [item.attribute for item in gone]}
        demand = session.get_one(Demand, grant.demand_id)
        cases.note_event(session, system(demand.department_id), demand, Step("narrow_grant", facts=facts))
    session.flush()
