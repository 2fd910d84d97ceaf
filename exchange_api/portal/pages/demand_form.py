"""Why: registering a demand: a service item leads to its materials, those to wanted items, and each item shows at once who has it and why.

Every button works without JavaScript: the whole form comes back as it was, with the change;
htmx only makes the matches come while typing. Called by `mounting`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import zip_longest
from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response
from pydantic import ValidationError
from starlette.datastructures import FormData

from catalog.service import services
from exchange_api import applications
from exchange_api.demand import conformity, demands, reuse
from exchange_api.demand.demands import DemandForm
from exchange_api.demand.findings import Finding
from exchange_api.demand.reuse import Reuse
from exchange_api.matching import Found, warm_soon
from exchange_api.portal import confirming, drafts, expected, reading
from exchange_api.portal.language import translations
from exchange_api.portal.rendering import html, in_words, leads_to, page
from exchange_api.portal.visit import DemanderVisit, Form, Visit, text_of, texts_of
from exchange_api.portal.words import word
from schemas.errors import HutongError, Invalid

router = APIRouter()
SUBMIT = "POST /demands/{demand_id}/submit"
FIELDS = (
    "service_item_id",
    "application_id",
    "purpose",
    "basis",
    "scenario",
    "scope",
    "mode",
    "volume_per_day",
    "hours",
    "valid_until",
)
FORM, NEW = "demand", "new"
EMPTY_ROWS = 3
MOST_ROWS = 60


@dataclass(frozen=True)
class Row:
    """One wanted item as it stands in the form."""

    name: str = ""
    note: str = ""
    form: str = "full"


@dataclass(frozen=True)
class Draft:
    """The form as it stands, right or wrong: nothing that was written is lost."""

    fields: Mapping[str, str]
    rows: tuple[Row, ...]
    demand_id: str = ""

    @property
    def wanted(self) -> list[str]:
        """Return the names of rows that have one."""
        return [row.name for row in self.rows if row.name]


@dataclass(frozen=True)
class Matched:
    """What the directory says to the wanted items: ranked matches per row, and how much of the demand is covered."""

    by_row: dict[int, list[Found]] = field(default_factory=dict)
    reuse: list[Reuse] = field(default_factory=list)

    @property
    def found(self) -> int:
        """Return how many wanted items somebody has."""
        return sum(bool(ranked) for ranked in self.by_row.values())

    @property
    def held(self) -> int:
        """Return how many wanted items need not be asked for."""
        return len({one.row for one in self.reuse if one.is_enough})

    @property
    def departments(self) -> list[str]:
        """Return the best suppliers' names, in the order of the rows."""
        return list(dict.fromkeys(ranked[0].candidate.department_name for ranked in self.by_row.values() if ranked))


@router.get("/demands/new")
def show(visit: DemanderVisit, service_item: str = "") -> Response:
    """Show an empty form, or one for a service item; what was being written comes back."""
    warm_soon()
    if not service_item and (kept := drafts.get(visit.session, visit.actor.id, (FORM, NEW))):
        return _page(visit, _read(kept.form), kept_at=kept.saved_at)
    fields = dict.fromkeys(FIELDS, "") | {"service_item_id": service_item, "volume_per_day": "1000", "mode": "query"}
    known = applications.find(visit.session, visit.actor.department_id)
    if len(known) == 1:
        fields["application_id"] = known[0].id
    return _page(visit, _completed(visit, Draft(fields, (Row(),) * EMPTY_ROWS)))


@router.post("/demands/new")
def change(visit: DemanderVisit, form: Form) -> Response:
    """Do what the pressed button says: change the form, save the draft, or submit."""
    draft, do = _read(form), text_of(form, "do")
    if do == "forget":
        drafts.forget(visit.session, visit.actor.id, _which(draft))
        return leads_to(f"/portal/demands/{draft.demand_id}/edit" if draft.demand_id else "/portal/demands/new")
    if do in ("save", "submit"):
        return _keep(visit, draft, form if do == "submit" else None)
    if do == "check":
        return _check(visit, draft)
    return _page(visit, _changed(visit, draft, do))


@router.post("/demands/keep")
def keep(visit: DemanderVisit, form: Form) -> Response:
    """Keep the form as it stands: what htmx does while the officer writes."""
    which = _which(_read(form))
    if which[1] != NEW:
        demands.get_own(visit.session, visit.actor, which[1])
    is_kept = drafts.keep(visit.session, visit.actor.id, which, form)
    return HTMLResponse(html(visit, "kept.html", kept_at=datetime.now(UTC) if is_kept else None))


@router.post("/demands/matches")
def matches(visit: DemanderVisit, form: Form) -> Response:
    """Answer with the matches of every row: what htmx puts beside the rows while the officer types."""
    draft = _read(form)
    return HTMLResponse(html(visit, "demand_matches.html", draft=draft, matched=_match(visit, draft), is_fragment=True))


def open_draft(visit: Visit, demand_id: str) -> Response:
    """Show the form with a demand in it, or with what was being written of it."""
    demand = reading.concerned_demand(visit.session, visit.actor, demand_id)
    if kept := drafts.get(visit.session, visit.actor.id, (FORM, demand_id)):
        return _page(visit, _read(kept.form), kept_at=kept.saved_at)
    fields = {name: "" if (value := getattr(demand, name)) is None else str(value) for name in FIELDS}
    rows = tuple(Row(item.name, item.note or "", item.form) for item in demands.items(visit.session, demand_id))
    return _page(visit, Draft(fields, rows or (Row(),), demand_id), findings=conformity.check(visit.session, demand))


def _keep(visit: Visit, draft: Draft, form: FormData | None) -> Response:
    """Save the demand; with the form that says so, submit it, once its officer has confirmed that."""
    try:
        with visit.session.begin_nested():  # an incomplete demand leaves nothing half done
            demand_id = _saved(visit, draft)
            if form is not None:
                with confirming.asked(visit, form, SUBMIT):
                    demands.submit(visit.session, visit.actor, demand_id)
            drafts.forget(visit.session, visit.actor.id, _which(draft))
    except Invalid as error:
        return _page(visit, draft, error)
    return leads_to(f"/portal/demands/{demand_id}")


def _check(visit: Visit, draft: Draft) -> Response:
    """Show what the conformity check says of the form as it stands; it is kept for the moment of the question only."""
    asked = visit.session.begin_nested()
    try:
        demand = demands.get_own(visit.session, visit.actor, _saved(visit, draft))
        found = conformity.check(visit.session, demand)
    except Invalid as error:
        return _page(visit, draft, error)
    finally:
        asked.rollback()
    return _page(visit, draft, findings=found)


def _saved(visit: Visit, draft: Draft) -> str:
    items = [{"name": row.name, "note": row.note or None, "form": row.form} for row in draft.rows if row.name]
    given = {name: value for name, value in draft.fields.items() if value}
    try:
        form = DemandForm.model_validate({**given, "items": items})
    except ValidationError as error:
        wrong = dict.fromkeys(str(one["loc"][0]) for one in error.errors(include_input=False))
        problems = "、".join(translations(visit.language).gettext(word("field", name)) for name in wrong)
        raise Invalid("portal.bad_form", problems=problems) from error
    if draft.demand_id:
        return demands.revise(visit.session, visit.actor, draft.demand_id, form).id
    return demands.register(visit.session, visit.actor, form).id


def _which(draft: Draft) -> tuple[str, str]:
    return FORM, draft.demand_id or NEW


def _read(form: FormData) -> Draft:
    names, notes, forms = (texts_of(form, f"item_{part}") for part in ("name", "note", "form"))
    rows = tuple(
        Row(name, note, wanted or "full") for name, note, wanted in zip_longest(names, notes, forms, fillvalue="")
    )
    return Draft({name: text_of(form, name) for name in FIELDS}, rows[:MOST_ROWS], text_of(form, "demand_id"))


def _changed(visit: Visit, draft: Draft, do: str) -> Draft:
    """Apply a button: a row more or less, or the items of a material."""
    kind, _, which = do.partition(":")
    if kind == "add":
        return replace(draft, rows=(*draft.rows, Row()))
    if kind == "remove" and which.isdigit():
        rows = tuple(row for number, row in enumerate(draft.rows) if number != int(which))
        return replace(draft, rows=rows or (Row(),))
    if kind == "material":
        return _with_material(visit, draft, which)
    return _completed(visit, draft)


def _with_material(visit: Visit, draft: Draft, which: str) -> Draft:
    service_item = services.get(visit.session, draft.fields["service_item_id"])
    wanted = [row for row in draft.rows if row.name]
    for material in service_item.materials:
        if which in (material["id"], "all"):
            known = {row.name for row in wanted}
            wanted += [Row(name, material["name"]) for name in material["items"] if name not in known]
    return replace(draft, rows=(*wanted, Row()))


def _completed(visit: Visit, draft: Draft) -> Draft:
    """Write what the service item says itself where the officer has not written yet."""
    known = {one.id: one for one in services.find(visit.session, visit.actor.department_id)}
    chosen = known.get(draft.fields["service_item_id"])
    if chosen is None:
        return draft
    own = {"purpose": f"办理{chosen.name}", "basis": chosen.basis or ""}
    former = {f"办理{one.name}" for one in known.values()} | {one.basis for one in known.values()} | {""}
    fresh = {name: text for name, text in own.items() if draft.fields[name] in former}
    return replace(draft, fields={**draft.fields, **fresh})


def _match(visit: Visit, draft: Draft) -> Matched:
    numbers = [number for number, row in enumerate(draft.rows) if row.name]
    service_item = draft.fields["service_item_id"]
    is_known = services.is_known(visit.session, service_item)
    ranked = demands.suggest(visit.session, service_item if is_known else "", draft.fields["purpose"], draft.wanted)
    by_row = dict(zip(numbers, ranked, strict=True))
    return Matched(by_row, reuse.already(visit.session, visit.actor.department_id, by_row, service_item))


def _page(
    visit: Visit,
    draft: Draft,
    error: HutongError | None = None,
    findings: Sequence[Finding] | None = None,
    kept_at: datetime | None = None,
) -> Response:
    offered = services.find(visit.session, visit.actor.department_id)
    facts: dict[str, Any] = {
        "draft": draft,
        "offered": offered,
        "chosen": next((one for one in offered if one.id == draft.fields["service_item_id"]), None),
        "applications": applications.find(visit.session, visit.actor.department_id),
        "matched": _match(visit, draft),
        "error": in_words(error, visit.language) if error else None,
        "findings": findings or (),
        "is_checked": findings is not None,
        "kept_at": kept_at,
        "expected": expected.of_new(visit),
    }
    return page(visit, "demand_form.html", error.status if error else 200, **facts)
