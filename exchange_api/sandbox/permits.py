"""Why: an application in testing has grants of its own, made up like the records behind them, and no other. Here they become what delivery holds a question
against; the records come from `city`, never from the libraries. Called by `hub` and `delivery`.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from exchange_api.masking import Form, compile_mask
from exchange_api.permit import GrantedItem, Permit
from exchange_api.sandbox import city
from libraries import history
from schemas.calendar import CHINA, today
from schemas.errors import Denied
from schemas.library import library

PREFIX, SERVICE_ITEM, VERSION = "SX-", "sandbox", "sandbox@1"
QUOTA_PER_DAY, SUBJECTS_PER_CALL = 200, 5
KINDS: dict[str, tuple[str, dict[str, Form]]] = {
    "population": ("population", {"name": "full", "birth_date": "full", "sex": "full", "marital_status": "full"}),
    "masked": ("population", {"name": "masked", "phone": "masked", "address": "masked", "marital_status": "yes_no"}),
    "legal": ("legal_entity", {"name": "full", "legal_representative": "masked", "registered_capital": "full"}),
}
"""The grants of every sandbox: the last part of the id, its library, its items with their forms."""
_FIND = """SELECT number, opened_at FROM exchange.sandboxes WHERE application_id = $1 AND ended_at IS NULL"""


def grant_id(number: int, kind: str) -> str:
    """Return the id of one grant of a sandbox."""
    return f"{PREFIX}{number:06d}-{kind}"


async def load_permit(pool: Any, wanted: str, application_id: str) -> Permit | None:
    """Return a grant of the asker's open sandbox; None when it has none, or none of this id."""
    row = await pool.fetchrow(_FIND, application_id)
    kind = wanted.rpartition("-")[2]
    if row is None or kind not in KINDS or wanted != grant_id(row["number"], kind):
        return None
    name, forms = KINDS[kind]
    spec = library(name)
    places = {one: place for place, one in enumerate(spec.attribute_ids)}
    items = [
        GrantedItem(one, form, compile_mask(spec.attribute(one), form), places[one], VERSION)
        for one, form in sorted(forms.items(), key=lambda item: places[item[0]])
    ]
    opened: datetime = row["opened_at"]
    return Permit(
        id=wanted, application_id=application_id, library=name, service_item_id=SERVICE_ITEM, state="active", suspended_by=(),
        is_case_required=False, is_source_shown=False, quota_per_day=QUOTA_PER_DAY, subjects_per_call=SUBJECTS_PER_CALL,
        valid_from=opened.astimezone(CHINA).date(), valid_until=date.max, items={item.attribute: item for item in items}, is_sandbox=True,
    )  # fmt: skip


class Played:
    """How much each sandbox asked today, by this worker's count: a small quota, so that clients learn to live with one."""

    def __init__(self) -> None:
        self._day, self._used = date.min, dict[str, int]()

    def count(self, permit: Permit, subjects: int) -> None:
        """Count an answer. Raises Denied `quota.exceeded`."""
        if self._day != today():
            self._day, self._used = today(), {}
        used = self._used.get(permit.id, 0)
        if used + subjects > permit.quota_per_day:
            raise Denied("quota.exceeded", grant=permit.id, quota=permit.quota_per_day, used=used, asked=subjects)
        self._used[permit.id] = used + subjects


def read(permit: Permit, keys: Sequence[str], known_at: datetime | None) -> tuple[list[Mapping[str, Any]], datetime]:
    """Return the made-up records of these keys, and the moment they all stand at, whatever moment is asked for. Raises Invalid `record.known_at_future`."""
    if known_at is not None:
        history.require_past(known_at)
    return city.find(permit.library, keys), city.RECORDED_AT
