"""Why: what a provider may say of one wanted item, and what each word needs: an item of its own that can be served, a date, a note, a ground. Called by
`answering` and `promises`; pages and commands fill in `ItemAnswer`.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Literal

from pydantic import Field
from sqlalchemy.orm import Session

from catalog import deadlines, directory
from exchange_api.actors import Actor
from exchange_api.clocks import clocks
from exchange_api.states import ANSWER
from exchange_api.supply import best, grounds, reading
from exchange_api.supply.grounds import Refusal
from schemas.calendar import today
from schemas.errors import Invalid
from schemas.resource import ResourceDocument, Strict
from schemas.tables.directory import ResourceVersion
from schemas.tables.exchange import FORMS, SupplyAnswer

SERVED = ("published", "scheduled")  # while a breaking version waits for its day, both may be confirmed
PROVIDE = "provide_after_agree"
Form = Literal["full", "masked", "yes_no"]


class Offered(Strict):
    """An item of the provider's own: of a version (None: the published one), in a form (None: the form the demander wants; never wider than that)."""

    resource_id: str | None = None
    version: int | None = Field(default=None, description="A scheduled version may be chosen; None: the published one.")
    item_id: str | None = None
    form: Form | None = None


class ItemAnswer(Offered):
    """A provider's word on one wanted item. confirm and counter_offer name an item (None: the matched one); will_provide a date; refuse a ground."""

    demand_item_id: int
    decision: Literal["confirm", "will_provide", "counter_offer", "refuse"]
    promised_date: date | None = None
    ground: str | None = Field(
        default=None, description="condition, law, or a key of refusal_grounds.yml; None: the reason says it."
    )
    department: str | None = Field(default=None, description="Of a refusal: who should have it.")
    reason: str | None = Field(default=None, max_length=500, description="Note, why so late, condition or cited law.")


def decide(session: Session, actor: Actor, row: SupplyAnswer, given: ItemAnswer) -> None:
    """Keep a provider's word on a waiting item.

    Raises Invalid `supply.unknown_item`, `.not_servable`, `.promise_date`, `.promise_late`, `.offer_same`, `.note_needed`, `.reason_needed`,
    `.duty_department`, `case.wrong_state`.
    """
    case = reading.case_of(row.id)
    state = ANSWER.after(case, row.state, given.decision)
    _WAYS[given.decision](session, actor, row, given)
    row.state, row.decision, row.reason = state, given.decision, given.reason
    row.answered_by, row.answered_at = actor.id, datetime.now(UTC)
    session.flush()
    if state == "promised":
        demand_id = reading.wanted(session, row.demand_item_id).demand_id
        clocks.start(session, actor, PROVIDE, (case, demand_id, actor.department_id))


def take_item(session: Session, actor: Actor, row: SupplyAnswer, offered: Offered) -> None:
    """Let an answer stand on an item of the actor's own, published or about to be, that feeds a library, or it could not be served.

    What was matched may have been replaced since: then its resource's published version is meant. Raises Invalid `supply.unknown_item`, `.not_servable`.
    """
    resource_id = offered.resource_id or session.get_one(ResourceVersion, row.resource_version_id).resource_id
    version = directory.get(session, resource_id, offered.version)
    document = directory.document_of(version)
    item_id = str(offered.item_id or row.item_id)
    if not any(item.id == item_id for item in document.items) or document.department != actor.department_id:
        raise Invalid("supply.unknown_item", item=f"{document.id}.{item_id}")
    if version.state not in SERVED:
        raise Invalid("supply.unknown_item", item=f"{document.id}.{item_id}")
    if not best.is_servable(document, item_id):
        raise Invalid("supply.not_servable", item=f"{document.id}.{item_id}")
    row.resource_version_id, row.item_id = version.id, item_id
    row.form = _narrower(reading.wanted(session, row.demand_item_id).form, offered.form)


def _confirm(session: Session, actor: Actor, row: SupplyAnswer, given: ItemAnswer) -> None:
    take_item(session, actor, row, given)


def _promise(session: Session, _actor: Actor, row: SupplyAnswer, given: ItemAnswer) -> None:
    begun, promised = today(), given.promised_date
    if promised is None or promised < begun:
        raise Invalid("supply.promise_date", item=reading.wanted_name(session, row.demand_item_id))
    due = deadlines.due_date(session, PROVIDE, begun).date
    if promised > due and not (given.reason or "").strip():
        raise Invalid("supply.promise_late", item=reading.wanted_name(session, row.demand_item_id), due=due.isoformat())
    row.promised_date = promised


def _offer(session: Session, actor: Actor, row: SupplyAnswer, given: ItemAnswer) -> None:
    name, wanted = reading.wanted_name(session, row.demand_item_id), reading.wanted(session, row.demand_item_id).form
    if not (given.reason or "").strip():
        raise Invalid("supply.note_needed", item=name)
    asked = (session.get_one(ResourceVersion, row.resource_version_id).resource_id, row.item_id, wanted)
    take_item(session, actor, row, given)
    if asked == (session.get_one(ResourceVersion, row.resource_version_id).resource_id, row.item_id, row.form):
        raise Invalid("supply.offer_same", item=name)


def _refuse(session: Session, _actor: Actor, row: SupplyAnswer, given: ItemAnswer) -> None:
    row.ground = ground_of(session, row, Refusal(given.ground, given.reason or "", given.department))


def ground_of(session: Session, row: SupplyAnswer, said: Refusal) -> dict[str, str]:
    """Return on which ground an item is refused, by its resource as it stands today. Raises Invalid `supply.reason_needed`, `.duty_department`."""
    document: ResourceDocument = directory.document_of(session.get_one(ResourceVersion, row.resource_version_id))
    return grounds.ground(session, document, said, reading.wanted_name(session, row.demand_item_id))


def _narrower(wanted: str, given: str | None) -> str:
    """Nobody gets a wider form than is enough for him."""
    return max(wanted, given or wanted, key=FORMS.index)


_WAYS: dict[str, Callable[[Session, Actor, SupplyAnswer, ItemAnswer], None]] = {
    "confirm": _confirm, "will_provide": _promise, "counter_offer": _offer, "refuse": _refuse,
}  # fmt: skip
