"""Why: what a step at the desks gets to know of a question, and how a line of the table of routes looks, so that steps know neither HTTP nor evidence.
Called by `routes` and the documents.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from sqlalchemy import Select
from sqlalchemy.orm import Session

from exchange_api.actors import Actor
from exchange_api.desk_api.scopes import SCOPES
from schemas.messages.desk_api import Said

NUMBERS: dict[str, str] = {
    "demand": r"XQ-\d{4}-\d{6}",
    "task": r"GJ-\d{4}-\d{6}",
    "grant": r"[A-Za-z0-9._-]{1,64}",
    "information": r"BC-\d{4}-\d{6}",
    "dispute": r"ZY-\d{4}-\d{6}",
    "node": r".{1,200}",
    **dict.fromkeys(("notice", "answer", "request", "clock", "extension", "attachment", "finding"), r"[1-9]\d{0,17}"),
}
"""How the numbers that stand in paths are written."""


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list: from after this one on, so many, in this state only."""

    after: str = ""
    limit: int = 50
    state: str | None = None


@dataclass(frozen=True, slots=True)
class Ask:
    """One question. ids: numbers from the path by their names; form: the body as the route's model."""

    ids: dict[str, str]
    page: Page
    form: Any = None


Work = Callable[[Session, Actor, Ask], Said]


@dataclass(frozen=True)
class Route:
    """One line of the table. roles: who may, narrower than the scope's where given; words: what it does, Chinese beside English."""

    method: str
    path: str
    scope: str
    work: Work
    said: type[Said]
    words: str
    form: type[BaseModel] | None = None
    only: frozenset[str] | None = None
    is_list: bool = False
    is_look: bool = False
    """A question whose body must not stand in an address: it does nothing, so nothing of it is kept to be said again."""

    @property
    def roles(self) -> frozenset[str]:
        """Return the roles that may ask."""
        return self.only or SCOPES[self.scope]

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of the numbers in the path."""
        return tuple(re.findall(r"\{(\w+)\}", self.path))

    @property
    def pattern(self) -> re.Pattern[str]:
        """Return the path as a pattern with one named group per number."""
        return re.compile(re.sub(r"\{(\w+)\}", lambda found: f"(?P<{found[1]}>{NUMBERS[found[1]]})", self.path))

    @property
    def action(self) -> str:
        """Return what stands in the evidence for this step."""
        return f"{self.method} {self.path.removeprefix('/v1/')}"


def page_of(
    session: Session, query: Select[Any], page: Page, key: Callable[[Any], str]
) -> tuple[list[Any], str | None]:
    """Return one page of a list and where the next begins; None when this was the last."""
    found = list(session.scalars(query.limit(page.limit + 1)))
    shown = found[: page.limit]
    return shown, key(shown[-1]) if len(found) > page.limit else None
