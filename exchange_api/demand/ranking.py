"""Why: who has what is wanted is kept with the demand as it was found, so that the authority sends it there and anybody can say why. The wanted items of a
demand and their ranked matches; the desks of this room and pages read them here.
"""

from collections.abc import Iterable, Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.service import services
from exchange_api.matching import Ask, Found, Wanted, search
from schemas.tables.directory import ResourceVersion
from schemas.tables.exchange import Demand, DemandItem, Match


def items(session: Session, demand_id: str) -> list[DemandItem]:
    """Return the wanted items in their order."""
    query = select(DemandItem).where(DemandItem.demand_id == demand_id)
    return list(session.scalars(query.order_by(DemandItem.position)))


def matches(session: Session, demand_item_id: int) -> list[Match]:
    """Return the kept matches of one wanted item, best first."""
    return list(session.scalars(select(Match).where(Match.demand_item_id == demand_item_id).order_by(Match.rank)))


def suggest(session: Session, service_item_id: str, purpose: str, wanted: list[str]) -> list[list[Found]]:
    """Return matches for items that are not registered yet: what the form shows while typing."""
    return [
        list(found) for found in search(session, asked(session, service_item_id, purpose, map(Wanted, wanted))).items
    ]


def asked(session: Session, service_item_id: str, purpose: str, wanted: Iterable[Wanted]) -> Ask:
    """Return a demand as the matching is asked. Raises Invalid `directory.unknown_service_item`."""
    service_item = services.get(session, service_item_id).name if service_item_id else ""
    return Ask(tuple(wanted), purpose, service_item, limit=5)


def rank(session: Session, demand: Demand) -> dict[int, list[Found]]:
    """Return what is ranked for each wanted item of a demand, by its position; nothing is kept."""
    wanted = items(session, demand.id)
    texts = (Wanted(item.name, item.note) for item in wanted)
    found = search(session, asked(session, demand.service_item_id, demand.purpose, texts)).items
    return {item.position: list(ranked) for item, ranked in zip(wanted, found, strict=True)}


def save_matches(session: Session, demand: Demand, ranked: Mapping[int, list[Found]] | None = None) -> None:
    """Keep the ranked matches of every wanted item, replacing earlier ones."""
    found = rank(session, demand) if ranked is None else ranked
    for item in items(session, demand.id):
        forget_matches(session, item)
        session.add_all(_match(item, place, one) for place, one in enumerate(found[item.position]))
    session.flush()


def forget_matches(session: Session, item: DemandItem) -> None:
    """Remove what is kept for one wanted item."""
    for former in matches(session, item.id):
        session.delete(former)
    session.flush()


def is_outdated(session: Session, demand_id: str) -> bool:
    """Whether a version that was matched has been replaced or withdrawn since: what it said of sharing holds no more."""
    query = (
        select(Match.id)
        .join(DemandItem, DemandItem.id == Match.demand_item_id)
        .join(ResourceVersion, ResourceVersion.id == Match.resource_version_id)
        .where(DemandItem.demand_id == demand_id, ResourceVersion.state.in_(("superseded", "withdrawn")))
    )
    return session.scalar(query.limit(1)) is not None


def _match(item: DemandItem, place: int, found: Found) -> Match:
    reasons = [{"key": reason.key, "points": round(reason.points, 4), **reason.facts} for reason in found.reasons]
    return Match(
        demand_item_id=item.id, rank=place, resource_version_id=found.candidate.version_id,
        item_id=found.candidate.item_id, score=found.score, reasons=reasons,
    )  # fmt: skip
