"""Why: one visit to a page is one transaction by one officer in one language. Pages ask for a `Visit`; who may come is said in its type. Called by pages."""

import hmac
import re
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Annotated

from fastapi import Depends, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from sqlalchemy.orm import Session
from starlette.datastructures import FormData, UploadFile

from exchange_api import officers
from exchange_api.accounts import trail
from exchange_api.accounts.trail import Deed
from exchange_api.actors import Actor
from exchange_api.noticing import reading
from exchange_api.officers import SignedIn
from exchange_api.portal.language import chosen
from exchange_api.portal.words import word
from schemas import calendar
from schemas.database import transaction
from schemas.errors import Denied, HutongError, Invalid, Language

SESSION_COOKIE = "hutong_session"
VISITOR_COOKIE = "hutong_visitor"
LANGUAGE_COOKIE = "hutong_language"
ONLY_LOOKS = ("/demands/matches", "/demands/keep", "/tasks/{task_id}/keep", "/resources/{resource_id}/keep")
"""Forms sent while an officer types, which change nothing."""
_STEPS = ("action", "decision")
_STEP = re.compile(r"[a-z][a-z_-]{0,30}")
UPLOAD_LIMIT_MB = 4
FILE_LIMIT_MB = 11  # an attachment and what a form puts around it


@dataclass
class Visit:
    """A request for a page: its transaction, its officer if one is signed in, its language, the token its forms carry, and how much
    of what its department was told nobody has read. outcome: how it ends, for the trail: `done`, or the code of what went wrong. is_rehearsal: nothing
    was done yet, its officer is asked first.
    """

    request: Request
    session: Session
    signed_in: SignedIn | None
    language: Language
    csrf_token: str
    unread: int = 0
    outcome: str = trail.DONE
    is_rehearsal: bool = False
    today: date = field(default_factory=calendar.today)

    @property
    def actor(self) -> Actor:
        """Return who acts. Raises Denied `portal.sign_in_needed`."""
        if self.signed_in is None:
            raise Denied("portal.sign_in_needed")
        return self.signed_in.actor

    def has(self, *roles: str) -> bool:
        """Return whether the officer has one of these roles."""
        return self.signed_in is not None and not self.signed_in.actor.roles.isdisjoint(roles)


def open_visit(request: Request) -> Iterator[Visit]:
    """Open the transaction of this request; it ends before the answer leaves, so that the next page sees what this one did. What an officer does by a form
    is noted in the trail: with it, or when it came to nothing, for itself.
    """
    visit = None
    try:
        with transaction("exchange") as session:
            visit = _begun(request, session)
            yield visit
            if _is_deed(visit):
                trail.note(session, _deed(visit, visit.outcome))
    except Exception as failure:
        if visit is not None and _is_deed(visit):
            trail.note_failure(_deed(visit, code_of(failure)))
        raise


def _begun(request: Request, session: Session) -> Visit:
    signed_in = officers.current(session, request.cookies.get(SESSION_COOKIE))
    language = chosen(request.cookies.get(LANGUAGE_COOKIE), signed_in.language if signed_in else None)
    token = signed_in.csrf_token if signed_in else request.cookies.get(VISITOR_COOKIE) or secrets.token_urlsafe(24)
    unread = reading.unread(session, signed_in.actor) if signed_in else 0
    visit = Visit(request, session, signed_in, language, token, unread)
    request.state.visit = visit  # an error page still knows whose page it is
    return visit


def code_of(failure: Exception) -> str:
    """Return the code by which the trail names a failure."""
    if isinstance(failure, HutongError):
        return failure.code
    return "portal.bad_form" if isinstance(failure, RequestValidationError) else "portal.failed"


def _is_deed(visit: Visit) -> bool:
    """Return whether the trail notes this: every form of an officer, except those that only look while he types, and steps he has yet to confirm."""
    if visit.is_rehearsal:
        return False
    is_form = visit.request.method not in ("GET", "HEAD") and visit.signed_in is not None
    return is_form and route_of(visit.request) not in ONLY_LOOKS


def route_of(request: Request) -> str:
    """Return the page's address as the table of routes has it, without what was filled in."""
    return str(getattr(request.scope.get("route"), "path", "-"))


def deed_of(request: Request) -> str:
    """Return what a form does, as the trail names it: its method and route, with the step where the route leaves it open."""
    action = f"{request.method} {route_of(request)}"
    for name in _STEPS:
        step = request.path_params.get(name)
        if isinstance(step, str) and _STEP.fullmatch(step):
            action = action.replace(f"{{{name}}}", step)
    return action


def _deed(visit: Visit, outcome: str) -> Deed:
    cases = [str(value) for name, value in visit.request.path_params.items() if name not in _STEPS]
    return Deed(visit.actor, deed_of(visit.request), outcome, tuple(cases))


AnyVisit = Annotated[Visit, Depends(open_visit, scope="function")]


# what waits for nothing needs no thread: each change of threads takes its turn among all that work
async def _signed_in(visit: AnyVisit) -> Visit:
    assert visit.actor
    return visit


def with_role(*roles: str) -> Callable[[Visit], Awaitable[Visit]]:
    """Return the condition that a visitor is signed in with one of these roles. It raises Denied `portal.sign_in_needed`, `portal.role_needed`."""

    async def check(visit: AnyVisit) -> Visit:
        if visit.actor.roles.isdisjoint(roles):
            raise Denied("portal.role_needed", role="、".join(word("role", role) for role in roles))
        return visit

    return check


OfficerVisit = Annotated[Visit, Depends(_signed_in)]
DemanderVisit = Annotated[Visit, Depends(with_role("demander"))]
ProviderVisit = Annotated[Visit, Depends(with_role("provider"))]
StewardVisit = Annotated[Visit, Depends(with_role("steward"))]
AuthorityVisit = Annotated[Visit, Depends(with_role("authority"))]
AuditorVisit = Annotated[Visit, Depends(with_role("auditor"))]
ApplicationVisit = Annotated[Visit, Depends(with_role("application"))]
SystemVisit = Annotated[Visit, Depends(with_role("system_admin"))]
SecurityVisit = Annotated[Visit, Depends(with_role("security_admin"))]


def _reads_form(limit_mb: int) -> Callable[[Request], AsyncIterator[FormData]]:
    async def read(request: Request) -> AsyncIterator[FormData]:
        """Read a form of bounded size; an uploaded file goes away with the answer."""
        length = request.headers.get("content-length", "")
        if not length.isdigit() or int(length) > limit_mb * 2**20:
            raise Invalid("portal.upload_too_large", limit=limit_mb)
        async with request.form(max_files=1, max_fields=3000) as form:
            yield form

    return read


def _own(form: FormData, visit: Visit) -> FormData:
    """Refuse a form that another site, or another sign-in, made up. Raises Denied `portal.form_expired`."""
    sent, expected = form.get("csrf_token"), visit.csrf_token
    visitor = visit.request.cookies.get(VISITOR_COOKIE)
    known = visit.signed_in is not None or visitor is not None
    if not known or not isinstance(sent, str) or not hmac.compare_digest(sent.encode(), expected.encode()):
        raise Denied("portal.form_expired")
    return form


async def _own_form(form: Annotated[FormData, Depends(_reads_form(UPLOAD_LIMIT_MB))], visit: AnyVisit) -> FormData:
    return _own(form, visit)


async def _own_file(form: Annotated[FormData, Depends(_reads_form(FILE_LIMIT_MB))], visit: OfficerVisit) -> FormData:
    return _own(form, visit)


Form = Annotated[FormData, Depends(_own_form)]
FileForm = Annotated[FormData, Depends(_own_file)]
"""A form with a file of a case: larger, and only of who is signed in."""


def text_of(form: FormData, name: str) -> str:
    """Return one text field, without spaces around it; empty when it is not there."""
    value = form.get(name)
    return value.strip() if isinstance(value, str) else ""


def file_of(form: FormData) -> tuple[bytes, str]:
    """Return the file that was sent and the name it was given. Raises Invalid `portal.no_file`."""
    sent = form.get("file")
    if isinstance(sent, UploadFile) and (content := sent.file.read()):
        return content, sent.filename or ""
    raise Invalid("portal.no_file")


def texts_of(form: FormData, name: str) -> list[str]:
    """Return every text field of this name, in order."""
    return [value.strip() for value in form.getlist(name) if isinstance(value, str)]


def keep_cookie(response: Response, visit: Visit, name: str, value: str) -> None:
    """Set a cookie no script can read and no other site can send; over HTTPS only where the page came so."""
    secure = visit.request.url.scheme == "https"
    response.set_cookie(name, value, httponly=True, samesite="strict", secure=secure, path="/")


def own_address(wish: str) -> str:
    """Return the wished address if it is a page of ours, else the workbench: nobody is led to a stranger."""
    is_ours = wish.startswith("/portal/") and "//" not in wish and "\\" not in wish and wish.isprintable()
    return wish if is_ours else "/portal/"
