"""Why: a golden record with each value's source, what lost, what it was before and who received it: for a case, with a purpose, every look noted. The
subject is in a form, never in an address. Called by `mounting`.
"""

from pathlib import Path
from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response

from exchange_api.keys import keys_folder
from exchange_api.portal.pages.steward.shared import purpose_of
from exchange_api.portal.rendering import page
from exchange_api.portal.visit import Form, StewardVisit, text_of
from exchange_api.steward import looking
from libraries.disputing import listing
from schemas.codes import code_table
from schemas.errors import HutongError, Invalid
from schemas.library import LIBRARIES, library

router = APIRouter()


@router.get("/records")
def ask(visit: StewardVisit) -> Response:
    """Ask whose record, for which case and why."""
    return page(visit, "steward/record_form.html", libraries=LIBRARIES, typed={}, problem=None)


@router.post("/records")
def show(visit: StewardVisit, form: Form) -> Response:
    """Show a subject's records; the look is noted, also when nobody knows the subject."""
    typed = {name: text_of(form, name) for name in ("library", "subject", "case", "why", "clear")}
    try:
        looked = _look(visit, form, typed)
    except HutongError as error:
        return page(visit, "steward/record_form.html", error.status, libraries=LIBRARIES, typed=typed, problem=error)
    return _shown(visit, looked, typed)


def _shown(visit: StewardVisit, looked: looking.Looked, typed: dict[str, str]) -> Response:
    name, is_clear = typed["library"], bool(typed["clear"])
    shown = _masker(name, is_clear)
    return page(
        visit, "steward/record.html", looked=looked, name=name, case=typed["case"], is_clear=is_clear, shown=shown
    )


def _look(visit: StewardVisit, form: Form, typed: dict[str, str]) -> looking.Looked:
    if not typed["subject"]:
        raise Invalid("access.subject")
    whom = typed["library"], typed["subject"]
    return looking.look(visit.session, visit.actor, whom, purpose_of(form), Path(keys_folder()))


def _masker(name: str, is_clear: bool) -> Any:
    """Return what tells how a value of an attribute may be shown: masked unless the look is one in clear; a code with its word."""
    spec = library(name)

    def shown(attribute_id: str, value: Any) -> str:
        attribute, text = spec.attribute(attribute_id), "" if value is None else str(value)
        if not text:
            return "—"
        text = text if is_clear else listing.masked(attribute, text)
        known = code_table(attribute.code_table).entries if attribute.code_table else {}
        return (
            f"{text} {code_table(attribute.code_table).label(text)}" if attribute.code_table and text in known else text
        )

    return shown
