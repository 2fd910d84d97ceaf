"""Why: where sources contradict each other a steward sees what each says, rules where he must, and takes back what he ruled wrongly. Called by `mounting`."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response

from exchange_api.portal.pages.steward.shared import SIZE, cut, follow, why_of
from exchange_api.portal.rendering import page
from exchange_api.portal.visit import Form, StewardVisit, text_of
from exchange_api.steward import contradictions, orders
from libraries.disputing import listing
from libraries.disputing.grading import KINDS
from libraries.disputing.listing import Wanted
from schemas.errors import Invalid
from schemas.library import LIBRARIES
from schemas.tables.rulings import Ruling

router = APIRouter()
Short = Annotated[str, Query(max_length=40)]
_OTHER = "other"


@router.get("/conflicts")
def show_all(
    visit: StewardVisit,
    library: Short = "",
    kind: Short = "",
    closed: Short = "",
    page_: Annotated[int, Query(alias="page")] = 1,
) -> Response:
    """List contradictions, gravest first, values masked."""
    wanted = Wanted(library if library in LIBRARIES else None, None, kind if kind in KINDS else None, 0, bool(closed))
    total = contradictions.count(visit.session, visit.actor, wanted)
    asked = {"library": library, "kind": kind, "closed": closed}
    shown = cut(
        total, page_, asked, lambda start: contradictions.find(visit.session, visit.actor, wanted, (start, SIZE))
    )
    return page(visit, "steward/conflicts.html", listing=shown, libraries=LIBRARIES, kinds=KINDS)


@router.get("/conflicts/{number}")
def show(visit: StewardVisit, number: int) -> Response:
    """Show one contradiction: who says what, how grave it is, what was ruled."""
    conflict = listing.get(visit.session, number)
    return page(
        visit, "steward/conflict.html", conflict=conflict, shown=listing.show(visit.session, conflict), name=contradictions.name_of(conflict),
        made=contradictions.rulings_of(visit.session, conflict), orders=orders.of(visit.session, str(number), "settle"),
    )  # fmt: skip


@router.post("/conflicts/{number}/settle")
def settle(visit: StewardVisit, form: Form, number: int) -> Response:
    """Rule a contradiction: one source's word, or a value, with the reason."""
    listing.get(visit.session, number)
    take, value = text_of(form, "take"), text_of(form, "value")
    if not take or (take == _OTHER and not value):
        raise Invalid("steward.one_word")
    said = {"value": value} if take == _OTHER else {"take": take}
    return follow(orders.place(visit.session, visit.actor, ("settle", str(number)), why_of(form), said))


@router.post("/rulings/{ruling_id}/withdraw")
def withdraw(visit: StewardVisit, form: Form, ruling_id: int) -> Response:
    """Take a ruling back: what the sources say counts again."""
    if visit.session.get(Ruling, ruling_id) is None:
        raise Invalid("ruling.unknown", ruling=ruling_id)
    return follow(orders.place(visit.session, visit.actor, ("withdraw", str(ruling_id)), why_of(form)))
