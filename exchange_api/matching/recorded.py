"""Why: what the hub has on record speaks for an item beside its names: what providers agreed and refused before, how good and fresh a resource is, whose duty a
matter is. Read once for each state it is in, since matches are shown while somebody types. Only `searching` calls it.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from exchange_api.matching.evidence import ItemKey, Past, Standing
from exchange_api.matching.words import core, features, parts
from libraries.judging import quality
from schemas import calendar
from schemas.tables.directory import ResourceVersion
from schemas.tables.exchange import DemandItem, Match, SupplyAnswer
from schemas.tables.landing import Batch
from schemas.tables.services import ServiceItem

_DECIDED = ("confirmed", "refused")
_GROUND = SupplyAnswer.ground["kind"].astext
_NOT_MEANT = ("not_meant", "not_our_duty", "no_longer_kept")  # other grounds say nothing against the match
_SAID = 0.6  # share of a service item's name that a demand must say for the matter to be its department's duty
_Duties = tuple[list[tuple[str, str, int]], dict[str, list[int]]]
_held: dict[tuple[str, str], tuple[Any, Any]] = {}


def past(session: Session) -> Callable[[str], Mapping[ItemKey, Past]]:
    """Return what tells what became of wanted items in the same or nearly the same words, by item."""
    mark = select(func.count(), func.max(SupplyAnswer.answered_at)).where(SupplyAnswer.state.in_(_DECIDED))
    known: dict[str, dict[ItemKey, Past]] = _kept(session, "past", mark, _read_past)
    return lambda text: known.get(core(text), {})


def standing(session: Session, resources: Collection[str]) -> Mapping[str, Standing]:
    """Return how resources stand by their last merged batch; those that never were merged are left out."""
    last = (
        select(Batch.resource_id, Batch.score, Batch.merged_at)
        .where(Batch.resource_id.in_(resources), Batch.state == "merged", Batch.merged_at.is_not(None))
        .ext(distinct_on(Batch.resource_id))
        .order_by(Batch.resource_id, Batch.created_at.desc())
    )
    found, today = {}, calendar.today()
    for one in session.execute(last) if resources else ():
        day = one.merged_at.astimezone(calendar.CHINA).date()
        grade = None if one.score is None else quality.grade_of(one.score).grade
        found[one.resource_id] = Standing(grade, one.score or 0.0, day, max(0, (today - day).days))
    return found


def duties(session: Session, texts: Sequence[str]) -> Mapping[str, tuple[str, float]]:
    """Return the departments that conduct a service item these texts speak of, with its name and the share of it that they say."""
    name = ServiceItem.department_id + " " + ServiceItem.name
    mark = select(func.count(), func.sum(func.hashtextextended(name, 0)))
    known, having = _kept(session, "duties", mark, _read_duties)
    said = {pair for text in texts for pair in features(text[:2000]) if len(pair) > 1}
    shared = Counter(number for pair in said for number in having.get(pair, ()))
    found: dict[str, tuple[str, float]] = {}
    for number, count in shared.items():
        department, service_item, size = known[number]
        share = count / size
        if share >= _SAID and share > found.get(department, ("", 0.0))[1]:
            found[department] = service_item, share
    return found


def _read_past(session: Session) -> dict[str, dict[ItemKey, Past]]:
    """Return what was decided, by core of the words. Agreed is the item the answer names; refused, or answered with another item, is the one offered."""
    rows = session.execute(
        select(
            DemandItem.name, SupplyAnswer.state, _GROUND.label("ground"), ResourceVersion.resource_id, SupplyAnswer.item_id,
            func.count().label("times"),
        )
        .join(DemandItem, DemandItem.id == SupplyAnswer.demand_item_id)
        .join(ResourceVersion, ResourceVersion.id == SupplyAnswer.resource_version_id)
        .where(SupplyAnswer.state.in_(_DECIDED), SupplyAnswer.item_id.is_not(None))
        .group_by(DemandItem.name, SupplyAnswer.state, _GROUND, ResourceVersion.resource_id, SupplyAnswer.item_id)
    )  # fmt: skip
    agreed: defaultdict[str, Counter[ItemKey]] = defaultdict(Counter)
    refused: defaultdict[str, Counter[ItemKey]] = defaultdict(Counter)
    for row in rows:
        if row.state == "confirmed":
            agreed[_words(row.name)][row.resource_id, row.item_id] += row.times
        elif row.ground in _NOT_MEANT:
            refused[_words(row.name)][row.resource_id, row.item_id] += row.times
    for name, offered, taken in _answered_otherwise(session):
        if offered != taken:
            refused[_words(name)][offered] += 1
    return {
        words: {key: Past(agreed[words][key], refused[words][key]) for key in {*agreed[words], *refused[words]}}
        for words in {*agreed, *refused}
    }


def _answered_otherwise(session: Session) -> list[tuple[str, ItemKey, ItemKey]]:
    offered = (
        select(Match.demand_item_id, ResourceVersion.resource_id, Match.item_id)
        .join(ResourceVersion, ResourceVersion.id == Match.resource_version_id)
        .where(Match.rank == 0)
        .subquery()
    )
    taken = (
        select(DemandItem.name, offered.c.resource_id, offered.c.item_id, ResourceVersion.resource_id, SupplyAnswer.item_id)
        .join(DemandItem, DemandItem.id == SupplyAnswer.demand_item_id)
        .join(offered, offered.c.demand_item_id == DemandItem.id)
        .join(ResourceVersion, ResourceVersion.id == SupplyAnswer.resource_version_id)
        .where(SupplyAnswer.state == "confirmed", SupplyAnswer.item_id.is_not(None))
        .where((offered.c.resource_id == ResourceVersion.resource_id) & (offered.c.item_id != SupplyAnswer.item_id))
    )  # fmt: skip
    return [(name, (first, item), (other, now)) for name, first, item, other, now in session.execute(taken)]


def _read_duties(session: Session) -> _Duties:
    known: list[tuple[str, str, int]] = []
    having: defaultdict[str, list[int]] = defaultdict(list)
    for department, name in session.execute(select(ServiceItem.department_id, ServiceItem.name)):
        pairs = [pair for pair in features(name) if len(pair) > 1]
        for pair in pairs:
            having[pair].append(len(known))
        if pairs:
            known.append((department, name, len(pairs)))
    return known, dict(having)


def _words(name: str) -> str:
    wishes = parts(name)
    return core(wishes[0]) if len(wishes) == 1 else ""  # of a composite wish nobody knows which part was meant


def _kept(session: Session, what: str, mark: Any, read: Callable[[Session], Any]) -> Any:
    key = session.get_bind().engine.url.render_as_string(), what
    now = tuple(session.execute(mark).one())
    if key not in _held or _held[key][0] != now:
        _held[key] = now, read(session)
    return _held[key][1]
