"""Why: a case has many small steps: a question asked and answered, a counter-offer taken, a promise kept, a dispute moved, more days asked for. Each is a form
with a few words that leads back to the page it stood on. Called by `mounting`; desks decide who may, what is another's looks like nothing.
"""

from collections.abc import Callable
from typing import Any, Literal, cast

from fastapi import APIRouter
from fastapi.responses import Response

from exchange_api.clocks import extensions
from exchange_api.demand import information, offers
from exchange_api.desk_api import sight
from exchange_api.dispute import disputes
from exchange_api.dispute.disputes import Ruling
from exchange_api.portal import trouble
from exchange_api.portal.visit import Form, OfficerVisit, Visit, own_address, text_of
from exchange_api.supply import promises
from exchange_api.supply.supplies import Offered, Refusal
from schemas.errors import Invalid

router = APIRouter()
LONGEST = 2_000
Said = Callable[[str], str]


@router.post("/tasks/{task_id}/ask/{demand_id}")
def ask(visit: OfficerVisit, form: Form, task_id: str, demand_id: str) -> Response:
    """Ask a demander for information."""
    sight.require(visit.session, visit.actor, "task", task_id)
    return _taken(
        visit, form, lambda: information.ask(visit.session, visit.actor, task_id, demand_id, text_of(form, "why"))
    )


@router.post("/questions/{request_id}/{action}")
def question(visit: OfficerVisit, form: Form, request_id: str, action: Literal["tell", "drop"]) -> Response:
    """Answer a question, or take it back."""
    sight.require(visit.session, visit.actor, "information", request_id)
    why = text_of(form, "why")
    if action == "tell":
        return _taken(visit, form, lambda: information.tell(visit.session, visit.actor, request_id, why))
    return _taken(visit, form, lambda: information.drop(visit.session, visit.actor, request_id, why or None))


@router.post("/answers/{answer_id}/{action}")
def answer(visit: OfficerVisit, form: Form, answer_id: int, action: str) -> Response:
    """Take or decline a counter-offer, keep or give up a promise."""
    return _step(visit, form, ("answer", answer_id), ANSWERS.get(action))


@router.post("/disputes/{dispute_id}/{action}")
def dispute(visit: OfficerVisit, form: Form, dispute_id: str, action: str) -> Response:
    """Take a step of a dispute."""
    return _step(visit, form, ("dispute", dispute_id), DISPUTES.get(action))


@router.post("/clocks/{clock_id}/extend")
def extend(visit: OfficerVisit, form: Form, clock_id: int) -> Response:
    """Ask for more days."""
    sight.require(visit.session, visit.actor, "clock", str(clock_id))
    days, why = text_of(form, "days"), text_of(form, "why")
    return _taken(
        visit, form, lambda: extensions.ask(visit.session, visit.actor, clock_id, number_of(days, "days"), why)
    )


@router.post("/extensions/{extension_id}/{decision}")
def decide(visit: OfficerVisit, form: Form, extension_id: int, decision: Literal["consent", "decline"]) -> Response:
    """Consent to an extension, or decline it."""
    sight.require(visit.session, visit.actor, "extension", str(extension_id))
    is_granted, why = decision == "consent", text_of(form, "why") or None
    return _taken(visit, form, lambda: extensions.decide(visit.session, visit.actor, extension_id, is_granted, why))


def number_of(text: str, name: str) -> int:
    """Return a whole number that was written. Raises Invalid `portal.bad_form`."""
    if not text.isascii() or not text.isdecimal() or len(text) > 9:
        raise Invalid("portal.bad_form", problems=name)
    return int(text)


Taken = Callable[[Visit, Any, Said], object]


def _step(visit: Visit, form: Form, case: tuple[str, int | str], taken: Taken | None) -> Response:
    if taken is None:
        raise Invalid("portal.page_unknown")
    kind, number = case
    sight.require(visit.session, visit.actor, kind, str(number))

    def said(name: str) -> str:
        return text_of(form, name)[:LONGEST]

    return _taken(visit, form, lambda: taken(visit, number, said))


def _taken(visit: Visit, form: Form, step: Callable[[], object]) -> Response:
    """Take a step and lead back to where its form stood, or show there why not."""
    return trouble.take(visit, form, own_address(text_of(form, "back")), step)


def _fulfil(visit: Visit, answer_id: int, said: Said) -> None:
    resource_id, _, item_id = said("own").partition("|")
    promises.fulfil(visit.session, visit.actor, answer_id, Offered(resource_id=resource_id, item_id=item_id))


def _give_up(visit: Visit, answer_id: int, said: Said) -> None:
    promises.give_up(visit.session, visit.actor, answer_id, Refusal(said("ground") or None, said("why")))


def _decide(visit: Visit, dispute_id: str, said: Said) -> None:
    verdict = said("verdict")
    if verdict not in ("uphold", "send_back"):
        raise Invalid("portal.bad_form", problems="verdict")
    ruling = Ruling(cast(Literal["uphold", "send_back"], verdict), said("why"), said("document") or None)
    disputes.decide(visit.session, visit.actor, dispute_id, ruling)


ANSWERS: dict[str, Taken] = {
    "take": lambda visit, number, said: offers.take(visit.session, visit.actor, number, said("why") or None),
    "decline": lambda visit, number, said: offers.decline(visit.session, visit.actor, number, said("why") or None),
    "fulfil": _fulfil,
    "give-up": _give_up,
}
DISPUTES: dict[str, Taken] = {
    "state": lambda visit, number, said: disputes.state_case(visit.session, visit.actor, number, said("why")),
    "settle": lambda visit, number, said: disputes.settle(visit.session, visit.actor, number, said("why") or None),
    "refer": lambda visit, number, said: disputes.refer(visit.session, visit.actor, number, said("why") or None),
    "decide": _decide,
    "escalate": lambda visit, number, said: disputes.escalate(visit.session, visit.actor, number, said("why")),
    "withdraw": lambda visit, number, said: disputes.withdraw(visit.session, visit.actor, number, said("why") or None),
}
