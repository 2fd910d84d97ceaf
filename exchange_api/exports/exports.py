"""Why: what is too much for an answer is built beside the questions, once, and signed as a whole. Here an export is asked for, moved by its table, ended. What
fills it is `building`; what is signed of it `manifest`; who asks over HTTP comes through `export_desk`.

An export stands at one settled moment, so that building may stop anywhere and go on: the same rows are found again.
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from exchange_api.cases import next_number
from exchange_api.exports.export_settings import ExportSettings
from exchange_api.permit import GrantedItem, Permit, choose_items
from libraries import history, horizon
from schemas.calendar import CHINA
from schemas.errors import Denied, Invalid
from schemas.library import library
from schemas.messages.exports import ExportQuestion
from schemas.tables.exports import Export, ExportEvent, HistoryFloor

# action → {from state: to state}
TRANSITIONS: dict[str, dict[str, str]] = {
    "build": {"waiting": "building", "building": "building"},
    "finish": {"building": "ready"},
    "fail": {"waiting": "failed", "building": "failed"},
    "stop": {"waiting": "stopped", "building": "stopped", "ready": "stopped"},
    "cancel": {"waiting": "cancelled", "building": "cancelled", "ready": "cancelled"},
    "expire": {"ready": "expired"},
}
LIVE = ("waiting", "building", "ready")
_REVEALING = {"yes_no": 0, "masked": 1, "full": 2}


@dataclass(frozen=True, slots=True)
class Wish:
    """Who asks for an export, by which request, under what."""

    permit: Permit
    request_id: str
    asked: ExportQuestion


def open_export(session: Session, wish: Wish) -> Export:
    """Return the export of a request, made when it is new.

    Raises Denied `item.form`, `item.not_granted`, `export.too_many`, `export.history`; Invalid `item.unknown`, `request_id.reused`, `record.known_at_future`,
    `export.as_of`, `record.no_business_time`.
    """
    permit, asked = wish.permit, wish.asked
    session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:of, 7))"), {"of": f"exports {permit.id}"})
    digest = hashlib.sha256(f"{permit.id}\n{asked.model_dump_json()}".encode()).hexdigest()
    if found := _find_request(session, wish, digest):
        return found
    items = exported_items(permit, asked.items)
    moment = _moment(session, permit, asked)
    _require_not_many(session, permit)
    export = Export(
        id=next_number(session, "DC", "exports"), grant_id=permit.id, application_id=permit.application_id,
        request_id=wish.request_id, asked_digest=digest, library=permit.library, service_item_id=permit.service_item_id,
        case_number=asked.purpose.case, format=asked.format, items={item.attribute: item.form for item in items},
        rows=[rule.model_dump(mode="json") for rule in permit.rows], known_at=moment, as_of=asked.as_of, state="waiting",
    )  # fmt: skip
    session.add(export)
    session.flush()
    session.add(ExportEvent(export_id=export.id, actor=permit.application_id, action="ask", to_state="waiting"))
    return export


def find(session: Session, export_id: str, grant_id: str | None = None) -> Export:
    """Return an export; another grant's is as unknown as none. Raises Invalid `export.unknown`."""
    found = session.get(Export, export_id)
    if found is None or grant_id not in (None, found.grant_id):
        raise Invalid("export.unknown", export=export_id)
    return found


def hold(session: Session, export_id: str) -> Export:
    """Return an export as it is now, locked for this transaction. Raises Invalid `export.unknown`."""
    query = select(Export).where(Export.id == export_id).with_for_update()
    found = session.scalar(query.execution_options(populate_existing=True))
    if found is None:
        raise Invalid("export.unknown", export=export_id)
    return found


def move(session: Session, export: Export, action: str, by: str) -> None:
    """Take one step of the table and leave its trace. Raises Denied `export.wrong_state`."""
    to_state = TRANSITIONS[action].get(export.state)
    if to_state is None:
        raise Denied("export.wrong_state", export=export.id, state=export.state, action=action)
    if to_state != export.state:
        session.add(
            ExportEvent(export_id=export.id, actor=by, action=action, from_state=export.state, to_state=to_state)
        )
    export.state = to_state
    if to_state not in ("building", "ready"):
        export.ended_at = datetime.now(UTC)
    session.flush()


def cancel(session: Session, export_id: str, by: str) -> Export:
    """End an export nobody wants any more; one that has ended stays as it is."""
    export = hold(session, export_id)
    if export.state in LIVE:
        move(session, export, "cancel", by)
    return export


def exported_items(permit: Permit, wanted: tuple[str, ...] | None) -> tuple[GrantedItem, ...]:
    """Return the items of a file: what is granted as yes or no is an answer to a claim, so it is left out, and refused by name when asked for.

    Raises Denied `item.form`, `item.not_granted`; Invalid `item.unknown`.
    """
    items = choose_items(permit, wanted)
    shown = tuple(item for item in items if item.form != "yes_no")
    if not shown or (wanted is not None and len(shown) < len(items)):
        raise Denied("item.form", items=", ".join(item.attribute for item in items if item.form == "yes_no"))
    return shown


def still_granted(permit: Permit, export: Export) -> bool:
    """Tell whether all that is in an export's files is granted as it was: the same rules on rows, no item gone, none in a less revealing form."""
    rows = [rule.model_dump(mode="json") for rule in permit.rows]
    return rows == export.rows and all(
        name in permit.items and _REVEALING[permit.items[name].form] >= _REVEALING[form]
        for name, form in export.items.items()
    )


def _find_request(session: Session, wish: Wish, digest: str) -> Export | None:
    same = Export.application_id == wish.permit.application_id, Export.request_id == wish.request_id
    found = session.scalar(select(Export).where(*same))
    if found is not None and found.asked_digest != digest:
        raise Invalid("request_id.reused", earlier=found.id)
    return found


def _moment(session: Session, permit: Permit, asked: ExportQuestion) -> datetime:
    """Return the moment an export stands at: the one asked for, as far as all is settled by then and history reaches back."""
    spec = library(permit.library)
    if asked.as_of is not None:
        if not history.is_by_business_time(spec):
            raise Denied("export.as_of", library=spec.library)
        history.holding(spec, "CURRENT_DATE")
    statement = horizon.HORIZON.replace("$1", "%s")
    row = session.connection().exec_driver_sql(statement, (horizon.number_of(spec.library),))
    latest = horizon.settled(row.mappings().one())
    if asked.known_at is not None:
        history.require_past(asked.known_at)
    moment = min(asked.known_at or latest, latest)
    floor = session.get(HistoryFloor, spec.library)
    if floor is not None and moment < floor.complete_from:
        raise Denied("export.history", library=spec.library, since=floor.complete_from.isoformat(timespec="seconds"))
    return moment


def _require_not_many(session: Session, permit: Permit) -> None:
    most, begun = ExportSettings().exports_per_day, _midnight(datetime.now(CHINA).date())
    query = select(func.count()).where(Export.grant_id == permit.id, Export.asked_at >= begun)
    if (session.scalar(query) or 0) >= most:
        raise Denied("export.too_many", grant=permit.id, most=most)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=CHINA)


def expires_at(now: datetime) -> datetime:
    """Return until when files built now can be fetched."""
    return now + timedelta(days=ExportSettings().export_days)
