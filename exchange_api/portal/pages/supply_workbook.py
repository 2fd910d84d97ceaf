"""Why: a provider with many open items answers them in a workbook: fetched here, filled in, sent back, every error at its cell. Called by `mounting`."""

import base64
import io
import tempfile
from contextlib import suppress
from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import Response
from starlette.datastructures import FormData

from exchange_api.portal import confirming
from exchange_api.portal.listing import attached
from exchange_api.portal.rendering import in_words, page
from exchange_api.portal.visit import FileForm, ProviderVisit, Visit, file_of, text_of
from exchange_api.supply import answer_book, answer_intake
from exchange_api.supply.answer_intake import Outcome
from schemas.errors import Invalid

router = APIRouter()
NAME = "supply-answers.xlsx"
CARRIED = "workbook"
_SHOWN = 100


@router.get("/supply-workbook")
def show(visit: ProviderVisit) -> Response:
    """Say how answers go by workbook, and take one."""
    return page(visit, "supply_workbook.html", outcome=None, error=None, shown=[])


@router.get("/supply-workbook/file")
def fetch(visit: ProviderVisit) -> Response:
    """Hand out the workbook of everything that waits for the department's answer."""
    file = io.BytesIO()
    answer_book.write(visit.session, visit.actor.department_id, file)
    return attached(file.getvalue(), NAME)


@router.post("/supply-workbook")
def take(visit: ProviderVisit, form: FileForm) -> Response:
    """Take a filled-in workbook, or send it back marked; nothing is kept while anything is wrong, unless only the clean tasks are wished for."""
    try:
        outcome = _confirmed(visit, form, _sent(form))
    except Invalid as error:
        said = in_words(error, visit.language)
        return page(visit, "supply_workbook.html", error.status, outcome=None, error=said, shown=[])
    if outcome.troubles and text_of(form, "do") == "report":
        return _report(outcome)
    status = 422 if outcome.troubles else 200
    return page(visit, "supply_workbook.html", status, outcome=outcome, error=None, shown=_told(visit, outcome))


class _NothingNew(Exception):
    """A workbook that would answer nothing: there is nothing to confirm."""


def _confirmed(visit: Visit, form: FormData, content: bytes) -> Outcome:
    """Take the workbook's answers once its officer has confirmed what they cause; the workbook itself travels with the page that asks."""
    outcome, carried = Outcome(), {CARRIED: base64.b64encode(content).decode()}
    with suppress(_NothingNew), confirming.asked(visit, form, carried=carried):
        outcome = _taken(visit, content, is_partial=text_of(form, "partial") == "1")
        if not outcome.taken:
            raise _NothingNew
    return outcome


def _sent(form: FormData) -> bytes:
    """Return the workbook, uploaded or carried. Raises Invalid `portal.no_file`."""
    if carried := text_of(form, CARRIED):
        with suppress(ValueError):
            return base64.b64decode(carried, validate=True)
    return file_of(form)[0]


def _taken(visit: Visit, content: bytes, *, is_partial: bool) -> Outcome:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / NAME
        path.write_bytes(content)
        return answer_intake.take_in(visit.session, visit.actor, path, partial=is_partial)


def _told(visit: Visit, outcome: Outcome) -> list[tuple[int, str, str, object]]:
    """Return the first troubles as the page lists them: row, heading, what stands there, what is wrong."""
    return [
        (one.row, answer_book.COLUMNS[one.column][0], one.value, in_words(one.error, visit.language))
        for one in outcome.troubles[:_SHOWN]
    ]


def _report(outcome: Outcome) -> Response:
    file = io.BytesIO()
    answer_book.write_report(file, outcome.rows, outcome.troubles)
    return attached(file.getvalue(), "supply-answers-report.xlsx")
