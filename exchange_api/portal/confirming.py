"""Why: a step that cannot be taken back, or that starts other people's clocks, is not taken by one click. It is rehearsed first: the desk takes it, what it
causes is read from the house itself, it is taken back, and a page says so and asks. Who confirms sends the same form with a token of exactly what he was shown;
if the house has moved on meanwhile, he is asked again. One mechanism for every step, without JavaScript. Called by `trouble` and pages.
"""

import hashlib
import hmac
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

from fastapi import Request
from fastapi.responses import Response
from sqlalchemy.orm import Session
from starlette.datastructures import FormData

from exchange_api.portal import consequences
from exchange_api.portal.confirming_words import SURE, Sure
from exchange_api.portal.consequences import Follows
from exchange_api.portal.reading import Names, names
from exchange_api.portal.rendering import here_of, page
from exchange_api.portal.visit import Visit, deed_of, text_of

TOKEN = "known"  # noqa: S105 - the name of a field
_OURS = ("csrf_token", TOKEN)


@dataclass
class Unsure(Exception):
    """A step that was rehearsed and waits for its officer's word; whatever holds a transaction lets go of it."""

    visit: Visit
    deed: str
    sure: Sure
    follows: Follows
    token: str
    fields: list[tuple[str, str]]
    is_changed: bool
    departments: dict[str, str]


@contextmanager
def asked(
    visit: Visit,
    form: FormData,
    deed: str = "",
    session: Session | None = None,
    carried: Mapping[str, str] | None = None,
) -> Iterator[None]:
    """Let the block's step stand if its officer has confirmed what it causes now, or if it needs no confirmation; else raise `Unsure`.

    deed: the step as `confirming_words.SURE` names it, else the form's own. session: that of the step, else the visit's. carried: what
    a file said, to be sent again in words. What the block raises goes first.
    """
    sure = SURE.get(deed := deed or deed_of(visit.request))
    if sure is None:
        yield
        return
    with consequences.watching(session or visit.session) as seen:
        yield
    follows = consequences.of(session or visit.session, seen, visit.language)
    fields = _fields(form) + [(name, text) for name, text in (carried or {}).items() if name not in form]
    token = _token(visit, deed, fields, follows)
    if not hmac.compare_digest(text_of(form, TOKEN).encode(), token.encode()):
        visit.is_rehearsal = True
        known = _departments(names(visit.session), follows)
        raise Unsure(visit, deed, sure, follows, token, fields, bool(text_of(form, TOKEN)), known)


def asking(visit: Visit, form: FormData, deed: str = "") -> Callable[[Session], AbstractContextManager[None]]:
    """Return `asked` for a desk that takes its step in a transaction of its own."""
    return lambda session: asked(visit, form, deed, session)


def show(request: Request, unsure: Any) -> Response:
    """Return the page that says what follows and asks."""
    visit: Visit = unsure.visit
    facts: dict[str, Any] = {
        "deed": unsure.deed, "sure": unsure.sure, "follows": unsure.follows, "token": unsure.token, "fields": unsure.fields, "is_changed": unsure.is_changed,
        "departments": unsure.departments, "back": here_of(request), "why": next((text for name, text in unsure.fields if name == "why"), ""),
    }  # fmt: skip
    return page(visit, "confirm.html", **facts)


def _fields(form: FormData) -> list[tuple[str, str]]:
    """Return what the form says, as the browser will send it again."""
    lines = [(name, text) for name, text in form.multi_items() if isinstance(text, str) and name not in _OURS]
    return [(name, "\n".join(text.splitlines())) for name, text in lines]


def _token(visit: Visit, deed: str, fields: list[tuple[str, str]], follows: Follows) -> str:
    """Return the seal over who does what, with which words, and what it causes."""
    said = [deed, visit.request.url.path, fields, follows.mark]
    text = json.dumps(said, ensure_ascii=False, default=str).encode()
    return hmac.new(visit.csrf_token.encode(), text, hashlib.sha256).hexdigest()[:40]


def _departments(known: Names, follows: Follows) -> dict[str, str]:
    return {one.department: known.departments.get(one.department, one.department) for one in follows.clocks}
