"""Why: beside its yes a provider may set terms for one demand: rows, hours, quota, until when. They narrow what was asked, never widen it, and name
what the libraries know. Called by pages, the officers' API and commands through `supplies`, before the task is answered; grants are compiled from what is kept.
"""

from sqlalchemy.orm import Session

from exchange_api import cases
from exchange_api.actors import Actor, Step
from exchange_api.grant.terms import Terms, parse_hours
from exchange_api.supply import reading
from schemas.calendar import today
from schemas.errors import Invalid
from schemas.library import library
from schemas.tables.directory import ResourceVersion
from schemas.tables.exchange import Demand, TaskDemand


def set_terms(session: Session, actor: Actor, which: tuple[str, str], terms: Terms) -> None:
    """Keep a provider's terms for one demand of a task that it has not answered yet. which: task and demand.

    Raises Invalid `supply.terms_wider`, `.terms_attribute`, `.terms_ended`, `case.unknown`, `case.wrong_state`, `grant.hours`; Denied `case.not_yours`,
    `case.role_needed`.
    """
    task_id, demand_id = which
    actor.require("provider")
    actor.require_department(reading.get_task(session, task_id).department_id, task_id)
    demand = cases.get(session, demand_id)
    task = reading.lock_task(session, task_id)
    actor.require_department(task.department_id, task_id)
    share = session.get(TaskDemand, which)
    if share is None:
        raise Invalid("case.unknown", case=f"{task_id} {demand_id}")
    if share.state not in reading.UNSPOKEN:
        raise Invalid("case.wrong_state", case=task_id, state=share.state, action="set_terms", possible="-")
    _require_no_wider(demand, terms)
    _require_known(session, which, terms)
    share.terms = terms.model_dump(mode="json", exclude_defaults=True)
    cases.note_event(session, actor, demand, Step("set_terms", facts={"task": task_id, "terms": share.terms}))


def _require_no_wider(demand: Demand, terms: Terms) -> None:
    if terms.valid_until and terms.valid_until < today():
        raise Invalid("supply.terms_ended", until=terms.valid_until.isoformat())
    wider = {
        "valid_until": (terms.valid_until, demand.valid_until, _is_later),
        "quota_per_day": (terms.quota_per_day, demand.volume_per_day, _is_more),
        "burst_per_minute": (terms.burst_per_minute, terms.quota_per_day or demand.volume_per_day, _is_more),
        "hours": (terms.hours, demand.hours, _is_beyond),
    }
    for name, (given, asked, is_wider) in wider.items():
        if given is not None and asked is not None and is_wider(given, asked):
            raise Invalid("supply.terms_wider", term=name, given=str(given), asked=str(asked))


def _is_later(given: object, asked: object) -> bool:
    return str(given) > str(asked)  # days as ISO 8601


def _is_more(given: object, asked: object) -> bool:
    return int(str(given)) > int(str(asked))


def _is_beyond(given: object, asked: object) -> bool:
    (begin, end), (first, last) = parse_hours(str(given)), parse_hours(str(asked))
    return begin < first or end > last


def _require_known(session: Session, which: tuple[str, str], terms: Terms) -> None:
    """Rows are chosen by attributes of the libraries that the task's items feed."""
    versions = {row.resource_version_id for row in reading.answers_of(session, *which)}
    fed = {session.get_one(ResourceVersion, one).document["library"] for one in versions} - {None}
    known = {attribute.id for name in fed for attribute in library(name).attributes}
    if strange := sorted({rule.attribute for rule in terms.rows} - known):
        raise Invalid("supply.terms_attribute", attributes=", ".join(strange), libraries=", ".join(sorted(fed)))
