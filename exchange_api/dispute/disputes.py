"""Why: a refusal is not the last word (政务数据共享条例 art. 28): the demander negotiates with the provider, then the authority decides, then the common
superior. What is settled or sent back opens the demand again for just these items. Called by pages, the officers' API and `hutong dispute`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog import deadlines
from catalog.review.review_steps import authorities
from exchange_api import cases
from exchange_api.actors import Actor, Step
from exchange_api.clocks import clocks
from exchange_api.demand import reopening
from exchange_api.dispute import dispute_cases
from exchange_api.states import DEMAND, DISPUTE
from schemas.calendar import today
from schemas.errors import Denied, Invalid
from schemas.tables.disputes import Dispute, DisputedItem
from schemas.tables.exchange import Demand, DemandItem, SupplyAnswer, SupplyTask

REFUSED = ("refused", "declined")  # declined: a counter-offer that the demander did not take
CLOCKS = {"negotiating": "negotiation", "adjudicating": "adjudication", "escalated": "superior_adjudication"}
APPEAL = "dispute_appeal"


@dataclass(frozen=True)
class Ruling:
    """What was decided, why, and the number of the common superior's document where it decided."""

    verdict: Literal["uphold", "send_back"]
    why: str
    document: str | None = None


def raise_dispute(session: Session, actor: Actor, demand_id: str, item_ids: Sequence[int], why: str) -> Dispute:
    """Dispute one provider's refusal of wanted items; its negotiation begins.

    Raises Denied `case.not_yours`, `case.role_needed`; Invalid `dispute.not_refused`, `.several_providers`, `.running`, `.reason_needed`, `case.wrong_state`.
    """
    demand = cases.get(session, demand_id)
    actor.require("demander")
    actor.require_department(demand.department_id, demand_id)
    DEMAND.after(demand_id, demand.state, "reopen")
    _require_words(why)
    refused = _refused(session, demand, item_ids)
    providers = {task.department_id for _, task in refused.values()}
    if len(providers) > 1:
        raise Invalid("dispute.several_providers", departments=", ".join(sorted(providers)))
    dispute = Dispute(
        id=cases.next_number(session, "ZY", "disputes"), demand_id=demand_id, department_id=demand.department_id,
        against_id=providers.pop(), reason=why.strip(), state=DISPUTE.initial, raised_by=actor.id,
    )  # fmt: skip
    session.add(dispute)
    session.flush()
    session.add_all(
        DisputedItem(dispute_id=dispute.id, demand_item_id=item_id, supply_answer_id=answer.id)
        for item_id, (answer, _) in refused.items()
    )
    dispute_cases.note_event(session, actor, dispute, Step("raise", why), (None, dispute.state))
    cases.note_event(session, actor, demand, Step("dispute_raise", why, {"dispute": dispute.id}))
    dispute_cases.tell(session, dispute, "dispute.negotiating", [dispute.against_id])
    clocks.start(session, actor, CLOCKS[dispute.state], (dispute.id, demand_id, dispute.against_id))
    return dispute


def state_case(session: Session, actor: Actor, dispute_id: str, words: str) -> None:
    """Put a party's or the authority's words on record; nothing moves. Raises Denied `case.not_yours`, Invalid `dispute.reason_needed`."""
    dispute, _ = dispute_cases.get(session, dispute_id)
    parties = {dispute.department_id, dispute.against_id}
    if actor.department_id not in parties and "authority" not in actor.roles:
        raise Denied("case.not_yours", case=dispute_id)
    _require_words(words)
    if dispute.state in DISPUTE.ends:
        possible = ", ".join(DISPUTE.possible(dispute.state)) or "-"
        raise Invalid("case.wrong_state", case=dispute_id, state=dispute.state, action="state", possible=possible)
    dispute_cases.note_event(session, actor, dispute, Step("state", words.strip()))
    dispute_cases.tell(session, dispute, "dispute.stated", parties - {actor.department_id})


def settle(session: Session, actor: Actor, dispute_id: str, why: str | None = None) -> None:
    """Agree, as the provider: the items are asked of it again, and it has said that it will answer otherwise."""
    dispute, demand = dispute_cases.get(session, dispute_id)
    actor.require("provider")
    actor.require_department(dispute.against_id, dispute_id)
    _step(session, actor, (dispute, demand), Step("settle", why))
    _open_again(session, actor, (dispute, demand), why)


def refer(session: Session, actor: Actor, dispute_id: str, why: str | None = None) -> None:
    """Take a failed negotiation to the authority, as the demander."""
    dispute, demand = _own(session, actor, dispute_id)
    _step(session, actor, (dispute, demand), Step("refer", why))


def decide(session: Session, actor: Actor, dispute_id: str, ruling: Ruling) -> None:
    """Decide as the authority; what the common superior decided is recorded with its document's number.

    Raises Denied `case.role_needed`, `dispute.party`; Invalid `dispute.reason_needed`, `.document_needed`, `case.wrong_state`.
    """
    actor.require("authority")
    dispute, demand = dispute_cases.get(session, dispute_id)
    if actor.department_id in (dispute.department_id, dispute.against_id):
        raise Denied("dispute.party", dispute=dispute_id)
    _require_words(ruling.why)
    document = (ruling.document or "").strip()
    if dispute.state == "escalated" and not document:
        raise Invalid("dispute.document_needed", dispute=dispute_id)
    dispute.document = document or dispute.document
    _step(session, actor, (dispute, demand), Step(ruling.verdict, ruling.why.strip(), {"document": document}))
    if ruling.verdict == "send_back":
        _open_again(session, actor, (dispute, demand), ruling.why)
    elif dispute.state == "upheld":
        dispute.appeal_until = deadlines.due_date(session, APPEAL, today()).date


def escalate(session: Session, actor: Actor, dispute_id: str, why: str) -> None:
    """Take an upheld refusal to the common superior, as the demander, within the days for it. Raises Invalid `dispute.too_late`."""
    dispute, demand = _own(session, actor, dispute_id)
    _require_words(why)
    if dispute.appeal_until and today() > dispute.appeal_until:
        raise Invalid("dispute.too_late", dispute=dispute_id, until=dispute.appeal_until)
    _step(session, actor, (dispute, demand), Step("escalate", why.strip()))


def withdraw(session: Session, actor: Actor, dispute_id: str, why: str | None = None) -> None:
    """Take a dispute back, as the demander: the refusal stands."""
    dispute, demand = _own(session, actor, dispute_id)
    _step(session, actor, (dispute, demand), Step("withdraw", why))


def _step(session: Session, actor: Actor, case: tuple[Dispute, Demand], step: Step) -> None:
    """Move the dispute; the clock of the step that ended stops, that of the step that begins starts: who decides owes it."""
    dispute, demand = case
    dispute_cases.move(session, actor, dispute, demand, step)
    clocks.stop(session, actor, dispute.id, demand.id, is_met=step.action != "withdraw")
    if rule := CLOCKS.get(dispute.state):
        for department_id in sorted(authorities(session))[:1]:
            clocks.start(session, actor, rule, (dispute.id, demand.id, department_id))


def _open_again(session: Session, actor: Actor, case: tuple[Dispute, Demand], why: str | None) -> None:
    dispute, demand = case
    wanted = [one.demand_item_id for one in dispute_cases.items(session, dispute.id)]
    reopening.reopen(session, actor, demand, wanted, why or dispute.reason)


def _own(session: Session, actor: Actor, dispute_id: str) -> tuple[Dispute, Demand]:
    dispute, demand = dispute_cases.get(session, dispute_id)
    actor.require("demander")
    actor.require_department(dispute.department_id, dispute_id)
    return dispute, demand


def _refused(session: Session, demand: Demand, item_ids: Sequence[int]) -> dict[int, tuple[SupplyAnswer, SupplyTask]]:
    """Return the newest answer on each item, all of them refusals that nobody disputes yet."""
    found: dict[int, tuple[SupplyAnswer, SupplyTask]] = {}
    rows = session.execute(
        select(SupplyAnswer, SupplyTask)
        .join(SupplyTask, SupplyTask.id == SupplyAnswer.task_id)
        .join(DemandItem, DemandItem.id == SupplyAnswer.demand_item_id)
        .where(DemandItem.demand_id == demand.id, DemandItem.id.in_(list(item_ids)))
        .order_by(SupplyAnswer.id)
    )
    for answer, task in rows:
        found[answer.demand_item_id] = (answer, task)
    wrong = [one for one in item_ids if one not in found or found[one][0].state not in REFUSED]
    if wrong or not item_ids:
        raise Invalid("dispute.not_refused", items=", ".join(map(str, wrong)) or "-")
    running = select(Dispute.id).join(DisputedItem, DisputedItem.dispute_id == Dispute.id)
    running = running.where(DisputedItem.demand_item_id.in_(list(found)), Dispute.state.not_in(DISPUTE.ends))
    if other := session.scalar(running.limit(1)):
        raise Invalid("dispute.running", dispute=other)
    return found


def _require_words(words: str) -> None:
    if not words.strip() or len(words) > 2_000:
        raise Invalid("dispute.reason_needed")
