"""Why: the API is understood by asking it once. The page signs a question in the browser for an application in testing, with a key made there for an hour,
and shows all of it: what was sent, what was signed, what came back, and the receipt. Called by `mounting`; the signing is in `static/trial.js`.
"""

import json
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import Response

from exchange_api import application_desk
from exchange_api.portal import application_view
from exchange_api.portal.application_view import Trial
from exchange_api.portal.rendering import page
from exchange_api.portal.visit import ApplicationVisit, Form, text_of
from exchange_api.sandbox import city, permits
from schemas.tables.sandbox import Sandbox

router = APIRouter()
CASE = "CS-2026-000001"


@dataclass(frozen=True)
class Operation:
    """A question to try: what it is, of which library, where it goes, and its body as it is written."""

    kind: str
    library: str
    path: str
    query: str
    body: str


@router.get("/reference/try")
def show(visit: ApplicationVisit, application: Annotated[str, Query(max_length=96)] = "") -> Response:
    """Show what may be tried, with the department's applications in testing."""
    held = application_view.in_testing(visit.session, visit.actor.department_id)
    chosen = next((one for one in held if one[0] == application), held[0] if held else None)
    operations = _operations(chosen[2]) if chosen else []
    return page(visit, "applications/trial.html", held=held, chosen=chosen, operations=operations)


@router.post("/applications/{application_id}/trial-key")
def register(visit: ApplicationVisit, form: Form, application_id: str) -> Response:
    """Take the public part of the key that the browser made; it signs for an hour."""
    application_desk.register_trial_key(visit.session, visit.actor, application_id, text_of(form, "key"))
    return Response(status_code=204)


def _operations(sandbox: Sandbox) -> list[Operation]:
    found = dict(zip(permits.KINDS, application_view.trials(sandbox), strict=True))
    people, masked, legal = found["population"], found["masked"], found["legal"]
    (held,) = city.find("population", people.subjects[:1])
    claims = [{"subject": people.subjects[0], "values": {"name": held["name"], "sex": "9"}}]
    return [
        _operation("query", people, subjects=people.subjects[:2]), _operation("query", masked, subjects=masked.subjects[:2]),
        _operation("query", legal, subjects=legal.subjects[:1]), _operation("verify", people, claims=claims),
        _operation("dry_run", people, subjects=people.subjects[:1]),
        _operation("refused", people, subjects=people.subjects[:1], items=["phone"]),
    ]  # fmt: skip


def _operation(kind: str, trial: Trial, **asked: Any) -> Operation:
    body = {"grant": trial.grant, "purpose": {"service_item": permits.SERVICE_ITEM, "case": CASE}, **asked}
    step = "verify" if kind == "verify" else "query"
    query = "dry-run=true" if kind == "dry_run" else ""
    return Operation(kind, trial.library, f"/v1/libraries/{trial.library}/{step}", query, json.dumps(body, ensure_ascii=False, indent=2))  # fmt: skip
