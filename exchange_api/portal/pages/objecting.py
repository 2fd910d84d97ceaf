"""Why: an officer whose system was handed a value that is wrong says so here, over the receipt that handed it out. First the receipt, because it says which
items there are to doubt; then whose value, which, why. Called by `mounting`; rules and refusals are those of `exchange_api.objections.doubting`.

Whom it is about and why travel in forms, never in an address; an address names the receipt alone, which names nobody.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import ValidationError
from starlette.datastructures import FormData

from exchange_api.evidence.ledger import subject_secret
from exchange_api.keys import keys_folder
from exchange_api.objections import doubting
from exchange_api.objections.doubting import Handed
from exchange_api.portal import confirming
from exchange_api.portal.language import N_
from exchange_api.portal.pages.steward.shared import say, say_word
from exchange_api.portal.rendering import leads_to, page
from exchange_api.portal.visit import DemanderVisit, Form, Visit, text_of
from schemas.errors import Denied, HutongError, Invalid
from schemas.library import Library, library
from schemas.messages.exchange import ObjectionForm
from schemas.tables.exchange import Application

router = APIRouter()
FIELDS = {
    "receipt": N_("回执编号"), "subject": N_("被查询的主体"), "attribute": N_("存疑的信息项"), "entry": N_("条目标识"), "claimed": N_("主张应为"),
    "reason": N_("理由"), "evidence": N_("证据"),
}  # fmt: skip
NEEDED = ("receipt", "subject", "attribute", "reason")
AT = {
    "objection.receipt_unknown": "receipt", "objection.not_in_receipt": "subject", "objection.entry_needed": "entry",
    "objection.no_source": "attribute", "item.unknown": "attribute",
}  # fmt: skip
"""Where a refusal of the desk is shown."""


@dataclass(frozen=True)
class Hurt:
    """What is wrong with a field: its name, and the error in words."""

    field: str
    error: HutongError


class Unfit(Exception):
    """A field that cannot be sent to the desk as it is."""

    def __init__(self, field: str, error: Invalid) -> None:
        super().__init__(error.code)
        self.field, self.error = field, error


@router.get("/objections/new")
def write(visit: DemanderVisit, receipt: Annotated[str, Query(max_length=36)] = "") -> Response:
    """Ask for the receipt, or with a receipt of the officer's department for what is doubted."""
    return _form(visit, {"receipt": receipt})


@router.post("/objections/receipt")
def find(visit: DemanderVisit, form: Form) -> Response:
    """Look a receipt up: what was typed into the field may be anything, so it is not sent in an address."""
    written = text_of(form, "receipt")
    if not written:
        return _form(visit, {}, Hurt("receipt", _needed(visit, "receipt")))
    try:
        found = doubting.handed(visit.session, visit.actor, written)
    except Denied:
        return _form(visit, {"receipt": written})
    return leads_to(f"/portal/objections/new?receipt={found.receipt}")


@router.post("/objections/new")
def file(visit: DemanderVisit, form: Form) -> Response:
    """Object to a value, as the application that was handed it would."""
    written = _written(form)
    try:
        with visit.session.begin_nested(), confirming.asked(visit, form):
            said, secret = _read(visit, written), subject_secret(Path(keys_folder()))
            found = doubting.object_as_officer(visit.session, visit.actor, secret, said)
    except (Invalid, Denied, Unfit) as error:
        return _form(visit, written, _hurt(visit, error, written))
    return leads_to(f"/portal/objections/{found.id}")


def _written(form: FormData) -> dict[str, str]:
    """Return what the form says, by the names of the desk's form; the page asks for the reason as every page asks why."""
    return {name: text_of(form, "why" if name == "reason" else name) for name in FIELDS}


def _read(visit: Visit, written: dict[str, str]) -> ObjectionForm:
    """Return the desk's form. Raises Unfit for the first field that is empty or out of form."""
    for name in NEEDED:
        if not written[name]:
            raise Unfit(name, _needed(visit, name))
    try:
        return ObjectionForm.model_validate({name: text for name, text in written.items() if text})
    except ValidationError as wrong:
        name = str(wrong.errors(include_url=False, include_context=False, include_input=False)[0]["loc"][0])
        raise Unfit(name, Invalid("portal.bad_form", problems=say(visit, FIELDS[name]))) from None


def _needed(visit: Visit, name: str) -> Invalid:
    return Invalid("portal.field_needed", field=say(visit, FIELDS[name]))


def _hurt(visit: Visit, error: Exception, written: dict[str, str]) -> Hurt:
    """Return where an error is shown, its keys in words. Raises what is no field's."""
    if isinstance(error, Unfit):
        return Hurt(error.field, error.error)
    if not isinstance(error, HutongError) or error.code not in AT:
        raise error
    said = dict(error.facts)
    if "attribute" in said:
        said["attribute"] = _item(visit, written)
    if "library" in said:
        said["library"] = say_word(visit, "library", said["library"])
    return Hurt(AT[error.code], type(error)(error.code, **said))


def _item(visit: Visit, written: dict[str, str]) -> str:
    """Return the name of the doubted item, where the receipt's library has it."""
    try:
        spec = library(doubting.handed(visit.session, visit.actor, written["receipt"]).library)
        return spec.attribute(written["attribute"]).name
    except (Denied, KeyError):
        return written["attribute"]


def _form(visit: Visit, written: dict[str, str], hurt: Hurt | None = None) -> Response:
    """Return the form: for the receipt where none is known yet, else for what is doubted."""
    try:
        found = doubting.handed(visit.session, visit.actor, written["receipt"]) if written.get("receipt") else None
    except Denied as error:
        found, hurt = None, Hurt("receipt", error)
    facts: dict[str, Any] = _offered(visit, found) if found else {}
    return page(
        visit, "objections/new.html", hurt.error.status if hurt else 200, error=hurt.error if hurt else None, hurt=hurt, written=written,
        handed=found, **facts,
    )  # fmt: skip


def _offered(visit: Visit, found: Handed) -> dict[str, Any]:
    """Return what the form offers of a receipt: its application, and the items to choose from in the library's order."""
    spec: Library = library(found.library)
    items = [(one.id, one.name) for one in spec.attributes if one.id in found.attributes]
    application = visit.session.get_one(Application, found.application_id).name
    return {"items": items, "application": application, "is_register": spec.kind == "register"}
