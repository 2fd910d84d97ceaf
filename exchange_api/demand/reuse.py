"""Why: what is there already need not be asked for again (政务数据共享条例: what the hub can give, nobody collects twice). Before a demand is filed, each
wanted item is held against what its department has itself, what it was granted or has asked for, what a base library holds, and what others were granted.

Of others' grants nothing is told but that the item was granted, by which provider, in which form, how often and how soon: never to whom or for what.
Called by the conformity check of demands and by the demand form; reads only.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import Any

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session

from catalog import departments
from exchange_api.demand import ranking
from exchange_api.matching import Candidate, Found
from schemas import calendar
from schemas.bound import is_attribute
from schemas.tables.directory import ResourceVersion
from schemas.tables.exchange import Application, Demand, DemandItem, Grant, GrantItem, GrantUse, SupplyAnswer
from schemas.tables.landing import Batch
from schemas.tables.services import ServiceItem

_OPEN = ("waiting", "promised", "offered")
_FORMS = {"yes_no": 0, "masked": 1, "full": 2}  # the more a form tells, the higher
_ENDED = ("draft", "closed", "withdrawn", "refused")  # demands that wait for nothing
_Place = tuple[str, str]


@dataclass(frozen=True)
class Reuse:
    """What is there for one wanted item. row: its place among those asked about; key: which words (`portal.words.REUSE`), filled by facts;
    is_enough: it need not be asked for at all.
    """

    row: int
    key: str
    facts: dict[str, str]
    is_enough: bool = False


@dataclass(frozen=True)
class _Asked:
    """Who asks, for which service item, in which form each row is enough; demand: the one asked with, which does not count as asked before."""

    department_id: str
    service_item_id: str | None
    forms: Mapping[int, str]
    demand_id: str = ""


def already(
    session: Session,
    asker: Demand | str,
    by_row: Mapping[int, Sequence[Found]] | None = None,
    service_item_id: str | None = None,
) -> list[Reuse]:
    """Return what is there for the items of a demand (a draft too), or for matches that a department (its id) got and has not registered.

    By row, what helps most first. Rows of a demand are its items' positions; with a department, `by_row` names them.
    """
    if isinstance(asker, Demand):
        items = list(session.scalars(select(DemandItem).where(DemandItem.demand_id == asker.id)))
        asked = _Asked(asker.department_id, asker.service_item_id, {i.position: i.form for i in items}, asker.id)
        by_row = by_row if by_row is not None else ranking.rank(session, asker)
    else:
        asked = _Asked(asker, service_item_id or None, {})
    best = {row: _same(ranked) for row, ranked in (by_row or {}).items() if ranked}
    places = {row: place for row, same in best.items() if (place := _place(same[0]))}
    own = {row: one for row, same in best.items() if (one := _own(row, same, asked.department_id))}
    return [
        *own.values(),
        *_granted(session, asked, places),
        *_asked_before(session, asked, {row: same for row, same in best.items() if row not in own}),
        *_in_libraries(session, best, places),
        *_to_others(session, asked, places),
    ]


def _same(ranked: Sequence[Found]) -> list[Candidate]:
    """Return the best match and further ones that feed the same attribute of the same library: one datum, several sources."""
    best = ranked[0].candidate
    place = _place(best)
    return [best, *(one.candidate for one in ranked[1:] if place and _place(one.candidate) == place)]


def _place(one: Candidate) -> _Place | None:
    if one.library and one.attribute and is_attribute(one.attribute):
        return one.library, one.attribute
    return None


def _own(row: int, same: list[Candidate], department_id: str) -> Reuse | None:
    for one in same:
        if one.department_id == department_id:
            return Reuse(row, "own_resource", {"resource": one.resource_name, "item": one.item_name}, is_enough=True)
    return None


def _granted(session: Session, asked: _Asked, places: Mapping[int, _Place]) -> list[Reuse]:
    """Return, per row, the department's living grant that helps most: enough as it is, or after a step smaller than a demand."""
    used = select(GrantUse.subjects).where(GrantUse.grant_id == Grant.id, GrantUse.day == calendar.today())
    query = (
        select(
            Grant.id, Grant.library, Grant.application_id, Grant.service_item_id, Grant.valid_until, Grant.quota_per_day,
            or_(Grant.suspended_by_consumer, Grant.suspended_by_provider, Grant.suspended_by_platform).label("suspended"),
            GrantItem.attribute, GrantItem.form, Demand.purpose, ServiceItem.name, func.coalesce(used.scalar_subquery(), 0).label("used"),
        )
        .join(GrantItem, GrantItem.grant_id == Grant.id)
        .join(Application, Application.id == Grant.application_id)
        .join(Demand, Demand.id == Grant.demand_id)
        .join(ServiceItem, ServiceItem.id == Grant.service_item_id)
        .where(Application.department_id == asked.department_id, Grant.state == "active")
        .where(Grant.valid_until >= calendar.today(), Grant.library.in_({library for library, _ in places.values()}))
        .order_by(Grant.id)
    )  # fmt: skip
    held: defaultdict[_Place, list[Any]] = defaultdict(list)
    for one in session.execute(query) if places else ():
        held[one.library, one.attribute].append(one)
    found = []
    for row, place in places.items():
        ways = [_by_grant(row, one, asked) for one in held[place]]
        found += sorted(ways, key=lambda way: (not way.is_enough, way.key))[:1]
    return found


def _by_grant(row: int, held: Any, asked: _Asked) -> Reuse:
    facts = {
        "grant": held.id, "form": held.form, "until": held.valid_until.isoformat(), "purpose": held.purpose, "service_item": held.name,
        "left": str(max(0, held.quota_per_day - held.used)), "quota": str(held.quota_per_day), "application": held.application_id,
    }  # fmt: skip
    if held.suspended:
        return Reuse(row, "own_grant_suspended", facts)
    if _FORMS[held.form] < _FORMS[asked.forms.get(row, "yes_no")]:
        return Reuse(row, "own_grant_form", facts)
    if asked.service_item_id and asked.service_item_id != held.service_item_id:
        return Reuse(row, "own_grant_purpose", facts)
    return Reuse(row, "own_grant", facts, is_enough=True)


def _asked_before(session: Session, asked: _Asked, best: Mapping[int, list[Candidate]]) -> list[Reuse]:
    """Return, per row, the department's own demand that asks for the same item and waits for its provider."""
    query = (
        select(ResourceVersion.resource_id, SupplyAnswer.item_id, func.min(Demand.id).label("demand"))
        .join(DemandItem, DemandItem.id == SupplyAnswer.demand_item_id)
        .join(Demand, Demand.id == DemandItem.demand_id)
        .join(ResourceVersion, ResourceVersion.id == SupplyAnswer.resource_version_id)
        .where(Demand.department_id == asked.department_id, Demand.id != asked.demand_id)
        .where(SupplyAnswer.state.in_(_OPEN), Demand.state.not_in(_ENDED))
        .group_by(ResourceVersion.resource_id, SupplyAnswer.item_id)
    )
    waiting = {(one.resource_id, one.item_id): one.demand for one in session.execute(query)} if best else {}
    return [
        Reuse(row, "own_asked", {"demand": demand})
        for row, same in best.items()
        if (demand := waiting.get((same[0].resource_id, same[0].item_id)))
    ]


def _in_libraries(session: Session, best: Mapping[int, list[Candidate]], places: Mapping[int, _Place]) -> list[Reuse]:
    """Return the rows whose datum a base library holds already: a resource that feeds it was merged."""
    feeding = {one.resource_id for row in places for one in best[row] if _place(one) == places[row]}
    query = select(Batch.resource_id, func.max(Batch.merged_at)).where(
        Batch.resource_id.in_(feeding), Batch.state == "merged", Batch.rows_good > 0
    )
    rows = session.execute(query.group_by(Batch.resource_id)) if feeding else ()
    merged: dict[str, datetime] = {resource: at for resource, at in rows if at}
    found = []
    for row, (library, _) in places.items():
        live = [one for one in best[row] if one.resource_id in merged]
        if live:
            newest = max(merged[one.resource_id] for one in live)
            names = "、".join(dict.fromkeys(one.resource_name for one in live))
            facts = {
                "library": library,
                "resources": names,
                "day": newest.astimezone(calendar.CHINA).date().isoformat(),
            }
            found.append(Reuse(row, "library", facts))
    return found


def _to_others(session: Session, asked: _Asked, places: Mapping[int, _Place]) -> list[Reuse]:
    """Return what grants of the same item to others show: provider, form, how often, how soon; neither to whom nor for what."""
    if not places:
        return []
    names = {one.id: one.short_name for one in departments.find(session)}
    given: defaultdict[_Place, list[Any]] = defaultdict(list)
    for one in session.execute(_grants_of_others(asked, places)):
        given[one.library, one.attribute].append(one)
    found = []
    for row, place in places.items():
        if past := given[place]:
            facts = {
                "department": "、".join(dict.fromkeys(names.get(one.department_id, one.department_id) for one in past)),
                "times": str(len(past)), "form": max((one.form for one in past), key=_FORMS.__getitem__), "days": str(_days(past)),
            }  # fmt: skip
            found.append(Reuse(row, "granted_before", facts))
    return found


def _grants_of_others(asked: _Asked, places: Mapping[int, _Place]) -> Select[*tuple[Any, ...]]:
    return (
        select(
            Grant.library, GrantItem.attribute, GrantItem.form, ResourceVersion.department_id,
            Demand.submitted_at, Grant.created_at,
        )
        .join(GrantItem, GrantItem.grant_id == Grant.id)
        .join(Application, Application.id == Grant.application_id)
        .join(Demand, Demand.id == Grant.demand_id)
        .join(ResourceVersion, ResourceVersion.id == GrantItem.resource_version_id)
        .where(Application.department_id != asked.department_id, Grant.state != "draft")
        .where(Grant.library.in_({library for library, _ in places.values()}))
        .where(GrantItem.attribute.in_({attribute for _, attribute in places.values()}))
        .order_by(Grant.id)
    )  # fmt: skip


def _days(past: Sequence[Any]) -> int:
    took = [(one.created_at - one.submitted_at).total_seconds() / 86400 for one in past if one.submitted_at]
    return max(1, round(median(took))) if took else 1
