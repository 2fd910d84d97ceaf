"""Why: what a provider chose for each need of a task comes as fields of a form and becomes the desk's answers, or goes back as it was written.
Called by the page of supply tasks.
"""

from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from starlette.datastructures import FormData

from exchange_api.portal.visit import text_of
from exchange_api.supply.supplies import ItemAnswer
from schemas.bound import is_attribute
from schemas.errors import Invalid
from schemas.library import library
from schemas.resource import Item, ResourceDocument
from schemas.tables.exchange import FORMS, Demand, DemandItem, Match, SupplyAnswer, TaskDemand

PARTS = ("decision", "own", "form", "ground", "law", "duty", "date", "note")


@dataclass(frozen=True)
class Chosen:
    """What the form says of one need, right or wrong."""

    decision: str = ""
    own: str = ""
    form: str = ""
    ground: str = ""
    law: str = ""
    duty: str = ""
    date: str = ""
    note: str = ""


@dataclass(frozen=True)
class Wants:
    """One demand that wants the item: in its own words and form, and what it was answered."""

    demand: Demand
    item: DemandItem
    row: SupplyAnswer
    share: TaskDemand

    @property
    def is_waiting(self) -> bool:
        """Return whether the provider may answer this now."""
        return self.row.state == "waiting" and self.share.state == "open"


@dataclass(frozen=True)
class Asked:
    """One need of a task beside what the department has: who wants it, the matched item, and what was chosen so far."""

    wants: list[Wants]
    match: Match | None
    document: ResourceDocument
    own: Item
    chosen: Chosen

    @property
    def first(self) -> Wants:
        """Return whose wanted item names the need in the form: the first that waits."""
        return next((one for one in self.wants if one.is_waiting), self.wants[0])

    @property
    def is_waiting(self) -> bool:
        """Return whether anybody waits for an answer."""
        return any(one.is_waiting for one in self.wants)

    @property
    def forms(self) -> tuple[str, ...]:
        """Return the forms that may be chosen: nobody gets more than he wants."""
        return FORMS[min(FORMS.index(one.item.form) for one in self.wants) :]

    @property
    def mask(self) -> str:
        """Return the mask of the library attribute this item feeds."""
        if not self.document.library or not self.own.attribute or not is_attribute(self.own.attribute):
            return "none"
        return library(self.document.library).attribute(self.own.attribute).mask

    @property
    def condition(self) -> str | None:
        """Return the ground the directory itself gives for refusing."""
        return self.document.sharing.condition


def read(form: FormData) -> dict[int, Chosen]:
    """Return what the form says, by the wanted item that names each need."""
    numbers = [int(name.removeprefix("own_")) for name in form if name.startswith("own_") and name[4:].isdigit()]
    return {number: Chosen(**{part: text_of(form, f"{part}_{number}") for part in PARTS}) for number in numbers}


def answers(asked: list[Asked]) -> tuple[ItemAnswer, ...]:
    """Return what was decided; the desk names what is missing. Raises Invalid `portal.bad_form` with the item's name."""
    return tuple(_answer(one) for one in asked if one.is_waiting and one.chosen.decision)


def _answer(asked: Asked) -> ItemAnswer:
    chosen = asked.chosen
    resource_id, _, item_id = chosen.own.partition("|")
    given: dict[str, Any] = {"demand_item_id": asked.first.item.id, "decision": chosen.decision}
    if chosen.decision in ("confirm", "counter_offer"):
        given |= {"resource_id": resource_id, "item_id": item_id, "form": chosen.form or asked.forms[0]}
    if chosen.decision == "refuse":
        given |= {"ground": chosen.ground or None, "reason": chosen.law or None, "department": chosen.duty or None}
    else:
        given |= {"reason": chosen.note or None, "promised_date": chosen.date or None}
    try:
        return ItemAnswer.model_validate(given)
    except ValidationError as error:
        raise Invalid("portal.bad_form", problems=asked.first.item.name) from error
