"""Why: a department keeps its part of the directory as a workbook: fetched here, mended, sent back, every error at its row and column. Called by `mounting`."""

import tempfile
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import Response
from starlette.datastructures import FormData

from catalog.findings import Outcome
from catalog.workbook.report import write_report
from exchange_api.directory import bringing
from exchange_api.portal.listing import attached
from exchange_api.portal.rendering import in_words, page
from exchange_api.portal.visit import FileForm, Visit, file_of, text_of, with_role
from schemas.errors import Invalid

router = APIRouter()
EditorVisit = Annotated[Visit, Depends(with_role("provider", "authority"))]
NAME, REPORT = "directory.xlsx", "directory-report.xlsx"
_ERRORS, _ADVICE = 200, 50


@router.get("/directory-workbook")
def show(visit: EditorVisit) -> Response:
    """Say how the directory goes by workbook, and take one."""
    return page(visit, "directory/workbook.html", outcome=None, error=None)


@router.get("/directory-workbook/file")
def fetch(visit: EditorVisit) -> Response:
    """Hand out what the officer may edit as a workbook; the empty template where there is nothing yet."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / NAME
        bringing.write_own(visit.session, visit.actor, path)
        return attached(path.read_bytes(), NAME)


@router.post("/directory-workbook")
def take(visit: EditorVisit, form: FileForm) -> Response:
    """Take a workbook in as drafts, or say what is wrong where; nothing is kept while anything is wrong, unless only the right part is wished for."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            path = _kept(Path(folder), form)
            outcome = bringing.take_in(visit.actor, path, partial=text_of(form, "partial") == "1")
        except Invalid as error:
            said = in_words(error, visit.language)
            return page(visit, "directory/workbook.html", error.status, outcome=None, error=said)
        wants_report = outcome.findings.errors and text_of(form, "do") == "report"
        return _report(path, outcome) if wants_report else _told(visit, outcome)


def _kept(folder: Path, form: FormData) -> Path:
    """Put the file that was sent into a folder of ours. Raises Invalid `portal.no_file`."""
    content, named = file_of(form)
    path = folder / _name(named)
    path.write_bytes(content)
    return path


def _told(visit: Visit, outcome: Outcome) -> Response:
    errors = [one for one in outcome.findings if one.is_error][:_ERRORS]
    advice = [one for one in outcome.findings if not one.is_error][:_ADVICE]
    facts = {
        "outcome": outcome,
        "errors": errors,
        "advice": advice,
        "advised": len(outcome.findings) - outcome.findings.errors,
    }
    return page(visit, "directory/workbook.html", 422 if outcome.findings.errors else 200, error=None, **facts)


def _name(named: str) -> str:
    """Return a name for the file on our side: its own ending says what it claims to be, the rest is ours."""
    ending = Path(named).suffix.lower()
    return f"directory{ending}" if ending in (".xlsx", ".xlsm", ".xls", ".et") else NAME


def _report(path: Path, outcome: Outcome) -> Response:
    report = path.with_name(REPORT)
    write_report(report, outcome, path)
    return attached(report.read_bytes(), REPORT)
