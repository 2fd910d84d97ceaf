"""Why: a failure is a page in words with its remedy, never a trace; what happened stands in the log under the number the page shows. Called by `mounting`."""

import logging
import secrets
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import quote, urlsplit

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse, Response
from starlette.exceptions import HTTPException

from exchange_api.portal import confirming
from exchange_api.portal.confirming import Unsure
from exchange_api.portal.language import chosen
from exchange_api.portal.rendering import in_words, page
from exchange_api.portal.visit import LANGUAGE_COOKIE, Visit, open_visit
from schemas.errors import HutongError, Invalid, Terminal

log = logging.getLogger(__name__)


def register(portal: FastAPI) -> None:
    """Give the portal its error pages, and the one that asks before a step."""
    portal.add_exception_handler(HutongError, _told)
    portal.add_exception_handler(Unsure, confirming.show)
    portal.add_exception_handler(HTTPException, _unknown_page)
    portal.add_exception_handler(RequestValidationError, _bad_address)
    portal.add_exception_handler(Exception, _mistake)


def _told(request: Request, error: Any) -> Response:
    if error.code == "portal.sign_in_needed" and request.method == "GET":
        there = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"/portal/sign-in?next={quote(there, safe='')}", 303)
    visit = _visit(request)
    return page(
        visit,
        "failure.html",
        error.status,
        error=in_words(error, visit.language),
        number=error.status,
        back=_back(request),
    )


def _back(request: Request) -> str:
    """Return the page of ours that a refused form came from, so that nobody loses his place; empty when there was none."""
    came = urlsplit(request.headers.get("referer", ""))
    is_ours = came.netloc == request.url.netloc and came.path.startswith("/portal/") and came.path != request.url.path
    return f"{came.path}{f'?{came.query}' if came.query else ''}" if is_ours and request.method == "POST" else ""


def _unknown_page(request: Request, error: Any) -> Response:
    answer = _told(request, Invalid("portal.page_unknown"))
    answer.status_code = error.status_code
    return answer


def _bad_address(request: Request, error: Any) -> Response:
    problems = "; ".join(str(one["loc"][-1]) for one in error.errors())
    return _told(request, Invalid("portal.bad_form", problems=problems))


def _mistake(request: Request, error: Exception) -> Response:
    number = secrets.token_hex(4)
    log.error("portal failure %s at %s", number, request.url.path, exc_info=error)
    return _told(request, Terminal("portal.failed", number=number))


def _visit(request: Request) -> Visit:
    known = getattr(request.state, "visit", None)
    if isinstance(known, Visit):
        return known
    with suppress(HutongError), contextmanager(open_visit)(request) as visit:  # no page was reached: ask who it is
        return visit
    return Visit(request, None, None, chosen(request.cookies.get(LANGUAGE_COOKIE)), secrets.token_urlsafe(24))  # type: ignore[arg-type]
