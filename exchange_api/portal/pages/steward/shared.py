"""Why: what the steward's pages have in common: who comes in, how a list is cut into pages, and how an order leads to the page of its progress."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Annotated, Any

from fastapi import Depends
from fastapi.responses import Response
from starlette.background import BackgroundTask
from starlette.datastructures import FormData

from exchange_api.portal.language import translations
from exchange_api.portal.rendering import leads_to
from exchange_api.portal.visit import Visit, text_of, with_role
from exchange_api.portal.words import word
from exchange_api.steward import orders
from exchange_api.steward.looking import Purpose
from schemas.errors import Invalid
from schemas.tables.steward import StewardOrder

PipelineVisit = Annotated[Visit, Depends(with_role("steward", "provider"))]
SIZE = 20


@dataclass(frozen=True)
class Stretch:
    """One page of a list that the database cut: what `paging.html` and the heads of columns need."""

    rows: Sequence[Any]
    total: int
    page: int
    asked: dict[str, Any]

    @property
    def pages(self) -> int:
        """Return how many pages there are."""
        return max(1, ceil(self.total / SIZE))


def cut(total: int, page: int, asked: dict[str, Any], read: Callable[[int], Sequence[Any]]) -> Stretch:
    """Return the page asked for, at most the last one; read: from which row on."""
    number = min(max(1, page), max(1, ceil(total / SIZE)))
    return Stretch(read((number - 1) * SIZE) if total else [], total, number, asked)


def say(visit: Visit, text: str) -> str:
    """Return a text in the visitor's language."""
    return translations(visit.language).gettext(text)


def say_word(visit: Visit, table: str, key: Any) -> str:
    """Return the word of a key in the visitor's language."""
    return say(visit, word(table, key))


def purpose_of(form: FormData) -> Purpose:
    """Return the case and the reason that a form names. Raises Invalid `access.reason`."""
    return Purpose(text_of(form, "case"), text_of(form, "why"), bool(text_of(form, "clear")))


def why_of(form: FormData) -> str:
    """Return the reason a form gives. Raises Invalid `portal.why_needed`."""
    if why := text_of(form, "why"):
        return why
    raise Invalid("portal.why_needed")


def follow(order: StewardOrder) -> Response:
    """Lead to the page where an order's progress stands, and begin with it once the answer left."""
    answer = leads_to(f"/portal/orders/{order.id}")
    answer.background = BackgroundTask(orders.begin)
    return answer
