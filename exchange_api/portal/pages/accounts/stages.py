"""Why: a password alone is not always enough: the second factor, its first setting up, and a password of one's own are asked for before anything opens.
Called by `mounting`.
"""

from fastapi import APIRouter
from fastapi.responses import Response
from starlette.datastructures import FormData

from exchange_api.accounts import passwords, second_factor, sign_ins
from exchange_api.accounts.sign_ins import Begun
from exchange_api.portal.pages.accounts.entrance import STAGE, entered
from exchange_api.portal.rendering import leads_to, page
from exchange_api.portal.visit import SESSION_COOKIE, AnyVisit, Form, Visit, text_of
from schemas.errors import Denied, HutongError, Invalid
from schemas.tables.operations import Officer

router = APIRouter()
HOME = "/portal/"
SVG = "image/svg+xml"


@router.get("/sign-in/next")
def show(visit: AnyVisit) -> Response:
    """Show what is asked for next; who is signed in, or has not begun, is led on."""
    begun = _begun(visit)
    if begun is None:
        return leads_to(HOME if visit.signed_in else "/portal/sign-in")
    return _stage(visit, begun)


@router.get("/sign-in/square.svg")
def square(visit: AnyVisit) -> Response:
    """Show the draft of a second factor as the square that an authenticator app reads."""
    begun = _begun(visit)
    if begun is None or begun.kept.draft_secret is None:
        raise Invalid("portal.page_unknown")
    return Response(second_factor.square(begun.kept.draft_secret, begun.officer.id), media_type=SVG)


@router.post("/sign-in/next")
def go_on(visit: AnyVisit, form: Form) -> Response:
    """Take what the stage asked for."""
    begun = _begun(visit)
    if begun is None:
        raise Invalid("officer.stage_over")
    try:
        return {"second_factor": _code, "enrol": _enrol, "password": _password}[begun.stage](visit, begun, form)
    except (Invalid, Denied) as error:
        return _stage(visit, begun, error)


def _code(visit: Visit, begun: Begun, form: FormData) -> Response:
    if not second_factor.accept(begun.officer, text_of(form, "code")):
        sign_ins.fail(visit.session, begun.officer, "sign_in.second_factor")
        if sign_ins.is_locked(begun.officer):
            return page(visit, "accounts/stage_over.html", 422, error=Invalid("officer.stage_over"))
        raise Invalid("officer.code_wrong")
    return entered(visit, sign_ins.go_on(visit.session, begun), HOME)


def _enrol(visit: Visit, begun: Begun, form: FormData) -> Response:
    assert begun.kept.draft_secret is not None
    codes = second_factor.enrol(begun.officer, begun.kept.draft_secret, text_of(form, "code"))
    cookie = sign_ins.go_on(visit.session, begun)
    return entered(visit, cookie, HOME, page(visit, "accounts/recovery.html", codes=codes, onward=STAGE))


def _password(visit: Visit, begun: Begun, form: FormData) -> Response:
    change_password(begun.officer, form)
    return entered(visit, sign_ins.go_on(visit.session, begun), HOME)


def change_password(officer: Officer, form: FormData) -> None:
    """Change a password as a form says. Raises Invalid `officer.passwords_differ`, and as `passwords.change`."""
    wanted = str(form.get("wanted", ""))
    if wanted != str(form.get("again", "")):
        raise Invalid("officer.passwords_differ")
    passwords.change(officer, str(form.get("current", "")), wanted)


def _begun(visit: Visit) -> Begun | None:
    return sign_ins.begun(visit.session, visit.request.cookies.get(SESSION_COOKIE))


def _stage(visit: Visit, begun: Begun, error: HutongError | None = None) -> Response:
    drafted = begun.kept.draft_secret
    link = second_factor.address(drafted, begun.officer.id) if drafted else None
    rules = passwords.PasswordSettings()
    facts = {"stage": begun.stage, "error": error, "link": link, "rules": rules, "login": begun.officer.id}
    return page(visit, "accounts/stage.html", 422 if error else 200, **facts)
