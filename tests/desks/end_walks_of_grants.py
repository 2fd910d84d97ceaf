"""Why: see end_walks. Walks to the ends of grants, wishes for more, extensions and disputes. Importing it enters them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from exchange_api.actors import system
from exchange_api.clocks import clock_upkeep, extensions
from exchange_api.demand import demands
from exchange_api.dispute import disputes
from exchange_api.dispute.disputes import Ruling
from exchange_api.grant import grant_upkeep, grants, quota_requests
from schemas.calendar import today
from schemas.tables.disputes import Dispute
from schemas.tables.exchange import Grant
from tests.desks.conftest import BUREAU, HOUSING, POLICE
from tests.desks.demand_story import confirm, dispatched, refuse
from tests.desks.end_walks import Around, B, H, P, Reached, clock_of, leads_to

HUB = system("data_bureau")


def granted(town: Session) -> Grant:
    demand = dispatched(town, "户籍地址")
    confirm(town, demand)
    (grant,) = grants.find(town, demand_id=demand.id)
    return grant


def later(days: int) -> datetime:
    return datetime.now(UTC) + timedelta(days=days)


@leads_to("grant", "expired")
def _expired(at: Around) -> Iterator[Reached | None]:
    grant = granted(at.town)
    yield None
    grant.valid_until = today() - timedelta(days=1)
    grant_upkeep.keep_grants(at.town)
    yield Reached(grant.state, HUB, ((H, "grant.expired"), (P, "grant.expired"), (B, "grant.expired")))


@leads_to("grant", "revoked")
def _revoked(at: Around) -> Iterator[Reached | None]:
    grant = granted(at.town)
    yield None
    grants.revoke(at.town, BUREAU, grant.id, "用途已不存在")
    yield Reached(grant.state, BUREAU, ((H, "grant.revoked"), (P, "grant.revoked")))


@leads_to("grant", "closed")
def _closed(at: Around) -> Iterator[Reached | None]:
    grant = granted(at.town)
    yield None
    grants.close(at.town, HOUSING, grant.id, "不再需要")
    yield Reached(grant.state, HOUSING, ((P, "grant.closed"), (B, "grant.closed")))


def _wish(town: Session) -> Any:
    grant = granted(town)
    return quota_requests.ask(town, HOUSING, grant.id, (grant.quota_per_day + 100, today()), "集中受理")


@leads_to("quota_request", "approved")
def _approved(at: Around) -> Iterator[Reached | None]:
    wish = _wish(at.town)
    yield None
    quota_requests.approve(at.town, POLICE, wish.id, wish.wanted, today())
    yield Reached(wish.state, POLICE, ((H, "grant.quota_approved"),))


@leads_to("quota_request", "declined")
def _declined(at: Around) -> Iterator[Reached | None]:
    wish = _wish(at.town)
    yield None
    quota_requests.decline(at.town, POLICE, wish.id, "额度足够")
    yield Reached(wish.state, POLICE, ((H, "grant.quota_declined"),))


@leads_to("quota_request", "lapsed")
def _lapsed(at: Around) -> Iterator[Reached | None]:
    wish = _wish(at.town)
    yield None
    grant_upkeep.keep_grants(at.town, later(1))
    yield Reached(wish.state, HUB, ((H, "grant.quota_lapsed"), (P, "grant.quota_lapsed")))


def _extension(town: Session) -> Any:
    return extensions.ask(town, POLICE, clock_of(town, dispatched(town, "户籍地址")).id, 5, "核实需要时间")


@leads_to("clock_extension", "granted")
def _extended(at: Around) -> Iterator[Reached | None]:
    asked = _extension(at.town)
    yield None
    extensions.decide(at.town, BUREAU, asked.id, True)
    yield Reached(asked.state, BUREAU, ((P, "clock.extended"), (H, "clock.extended")))


@leads_to("clock_extension", "declined")
def _not_extended(at: Around) -> Iterator[Reached | None]:
    asked = _extension(at.town)
    yield None
    extensions.decide(at.town, BUREAU, asked.id, False, "理由不足")
    yield Reached(asked.state, BUREAU, ((P, "clock.extension_declined"),))


@leads_to("clock_extension", "lapsed")
def _nobody_decided(at: Around) -> Iterator[Reached | None]:
    asked = _extension(at.town)
    yield None
    clock_upkeep.keep_clocks(at.town, later(40))
    yield Reached(asked.state, HUB, ((P, "clock.extension_lapsed"), (B, "clock.extension_lapsed")))


def _dispute(town: Session, *, is_referred: bool = True) -> Dispute:
    demand = dispatched(town, "户籍地址")
    refuse(town, demand)
    wanted = [item.id for item in demands.items(town, demand.id)]
    dispute = disputes.raise_dispute(town, HOUSING, demand.id, wanted, "拒绝理由不成立")
    if is_referred:
        disputes.refer(town, HOUSING, dispute.id)
    return dispute


@leads_to("dispute", "settled")
def _settled(at: Around) -> Iterator[Reached | None]:
    dispute = _dispute(at.town, is_referred=False)
    yield None
    disputes.settle(at.town, POLICE, dispute.id)
    yield Reached(dispute.state, POLICE, ((H, "dispute.settled"),))


@leads_to("dispute", "sent_back")
def _sent_back(at: Around) -> Iterator[Reached | None]:
    dispute = _dispute(at.town)
    yield None
    disputes.decide(at.town, BUREAU, dispute.id, Ruling("send_back", "用途在共享范围内"))
    yield Reached(dispute.state, BUREAU, ((H, "dispute.sent_back"), (P, "dispute.sent_back")))


@leads_to("dispute", "upheld")
def _upheld(at: Around) -> Iterator[Reached | None]:
    dispute = _dispute(at.town)
    yield None
    disputes.decide(at.town, BUREAU, dispute.id, Ruling("uphold", "用途超出范围"))
    yield Reached(dispute.state, BUREAU, ((H, "dispute.upheld"), (P, "dispute.upheld")))


@leads_to("dispute", "finally_upheld")
def _finally_upheld(at: Around) -> Iterator[Reached | None]:
    dispute = _dispute(at.town)
    disputes.decide(at.town, BUREAU, dispute.id, Ruling("uphold", "用途超出范围"))
    disputes.escalate(at.town, HOUSING, dispute.id, "提请共同上级")
    yield None
    disputes.decide(at.town, BUREAU, dispute.id, Ruling("uphold", "维持", "府办〔2026〕12号"))
    yield Reached(dispute.state, BUREAU, ((H, "dispute.finally_upheld"), (P, "dispute.finally_upheld")))


@leads_to("dispute", "withdrawn")
def _dispute_withdrawn(at: Around) -> Iterator[Reached | None]:
    dispute = _dispute(at.town)
    yield None
    disputes.withdraw(at.town, HOUSING, dispute.id)
    yield Reached(dispute.state, HOUSING, ((P, "dispute.withdrawn"), (B, "dispute.withdrawn")))


@leads_to("clock", "met")
def _met(at: Around) -> Iterator[Reached | None]:
    demand = dispatched(at.town, "户籍地址")
    clock = clock_of(at.town, demand)
    yield None
    confirm(at.town, demand)
    yield Reached(clock.state, POLICE, ((H, "task.answered"),))


@leads_to("clock", "cancelled")
def _cancelled(at: Around) -> Iterator[Reached | None]:
    demand = dispatched(at.town, "户籍地址")
    clock = clock_of(at.town, demand)
    yield None
    demands.withdraw(at.town, HOUSING, demand.id)
    yield Reached(clock.state, HOUSING, ((P, "demand.withdrawn"),))
