"""Why: an application's team registers, rolls and ends its public keys by itself, sees first what ending one leads to, and never hands in a private one.
Called by `mounting`; `application_desk` decides who may.
"""

from typing import Literal

from fastapi import APIRouter
from fastapi.responses import Response
from starlette.datastructures import FormData, UploadFile

from exchange_api import application_desk, applications
from exchange_api.portal import application_view, confirming, reading
from exchange_api.portal.applications_words import KEY_TONE
from exchange_api.portal.pages.applications.systems import TeamVisit, system_page
from exchange_api.portal.rendering import leads_to, page
from exchange_api.portal.visit import ApplicationVisit, Form, Visit, text_of
from schemas.errors import Invalid
from schemas.tables.exchange import ApplicationKey

router = APIRouter()


@router.post("/applications/{application_id}/keys")
def register(visit: ApplicationVisit, form: Form, application_id: str) -> Response:
    """Register a public key that was pasted or uploaded. What was pasted is never shown again: it might be a private key."""
    found = application_desk.get(visit.session, visit.actor, application_id)
    try:
        with visit.session.begin_nested():
            key = application_desk.register_key(visit.session, visit.actor, application_id, _given(form))
    except Invalid as error:
        return system_page(visit, found, error=error)
    return leads_to(f"/portal/applications/{application_id}/keys/{key.keyid}")


@router.get("/applications/{application_id}/keys/{keyid}")
def show(visit: TeamVisit, application_id: str, keyid: str) -> Response:
    """Show one key, and what ending it would lead to."""
    return _key_page(visit, application_id, keyid)


@router.post("/applications/{application_id}/keys/{keyid}/{action}")
def end(visit: ApplicationVisit, form: Form, application_id: str, keyid: str, action: Literal["retire", "revoke"]) -> Response:  # fmt: skip
    """Retire a key, or revoke it."""
    application_desk.get(visit.session, visit.actor, application_id)
    with confirming.asked(visit, form):
        application_desk.end_key(visit.session, visit.actor, application_id, keyid, compromised=action == "revoke")
    return leads_to(f"/portal/applications/{application_id}/keys/{keyid}")


def _key_page(visit: Visit, application_id: str, keyid: str) -> Response:
    found = application_desk.get(visit.session, visit.actor, application_id)
    key = visit.session.get(ApplicationKey, keyid)
    if key is None or key.application_id != found.id:
        raise Invalid("application.key_unknown", application=found.id, keyid=keyid[:64])
    over = application_view.is_over(key)
    in_use = [one for one in applications.keys_of(visit.session, found.id) if not application_view.is_over(one)]
    return page(
        visit, "applications/key.html", application=found, key=key, names=reading.names(visit.session),
        state="expired" if over and key.state == "active" else key.state, tones=KEY_TONE,
        others=[one.keyid for one in in_use if one.keyid != keyid],
        may_change="application" in visit.actor.roles and found.department_id == visit.actor.department_id,
    )  # fmt: skip


def _given(form: FormData) -> str:
    """Return the uploaded key where there is one, else the pasted one. Raises Invalid `key.malformed`."""
    file = form.get("file")
    if not isinstance(file, UploadFile) or not (data := file.file.read(application_desk.LONGEST + 1)):
        return text_of(form, "key")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise Invalid("key.malformed", reason="not a text file") from None
