"""Why: a small step that the desk refuses comes back on the page it stood on, with the words at its form and what was written still there; nobody loses his
place or his text. Pages with such forms register how they are shown; steps go through `take`. Called by pages.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from fastapi.responses import Response
from starlette.datastructures import FormData

from exchange_api.portal import confirming
from exchange_api.portal.rendering import in_words, leads_to
from exchange_api.portal.visit import Visit
from schemas.errors import HutongError, Invalid

_PAGE = re.compile(r"/portal/(demands|tasks|grants)/([A-Z]{2}-\d{4}-\d{6})")


@dataclass(frozen=True)
class Trouble:
    """A refused step: the address of its form, the error in words, and what was written."""

    address: str
    error: HutongError
    fields: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def said(self, name: str) -> str:
        """Return what was written in a field."""
        return next(iter(self.fields.get(name, ())), "")

    def chose(self, name: str, value: object) -> bool:
        """Return whether a box or choice was marked."""
        return str(value) in self.fields.get(name, ())


Shown = Callable[[Visit, str, Trouble], Response]
_SHOWN: dict[str, Shown] = {}


def shows(kind: str) -> Callable[[Shown], Shown]:
    """Register a function as what shows pages of a kind (demands, tasks, grants) with a trouble on them."""

    def register(shown: Shown) -> Shown:
        _SHOWN[kind] = shown
        return shown

    return register


def take(visit: Visit, form: FormData, page: str, step: Callable[[], object]) -> Response:
    """Take a confirmed step and lead to its page; a refused one leaves nothing half done and is told on that page, with the error's status.

    Raises Invalid for a step on a page that shows no troubles, Denied as it comes, Unsure for a step that is to be confirmed first.
    """
    try:
        with visit.session.begin_nested(), confirming.asked(visit, form):
            step()
    except Invalid as error:
        found = _PAGE.fullmatch(page.partition("#")[0])
        if found is None or found[1] not in _SHOWN:
            raise
        visit.session.expire_all()
        shown = _SHOWN[found[1]](visit, found[2], _trouble(visit, form, error))
        visit.outcome = error.code  # for the trail
        return shown
    return leads_to(page)


def _trouble(visit: Visit, form: FormData, error: HutongError) -> Trouble:
    written: dict[str, list[str]] = {}
    for name, value in form.multi_items():
        if isinstance(value, str) and name not in ("csrf_token", confirming.TOKEN):
            written.setdefault(name, []).append(value)
    return Trouble(visit.request.url.path, in_words(error, visit.language), written)
