"""Grants of one's own at the running exchange."""

import itertools
from datetime import date, timedelta
from typing import Any

from sqlalchemy.orm import Session

from schemas.calendar import today
from schemas.tables import exchange
from tests.exchange_api.conftest import DEMAND, PURPOSE, VERSION

_numbers = itertools.count(1)


def grant(site: Any, items: dict[str, str], **changes: Any) -> str:
    """A new grant of the housing desk with these attributes and forms; its number."""
    grant_id = f"SQ-2027-{next(_numbers):06d}"
    plain = {
        "library": "population", "application_id": "housing.desk", "valid_from": date(2026, 1, 1), "valid_until": today() + timedelta(days=365),
        "quota_per_day": 100_000,
    }  # fmt: skip
    with Session(site.engine) as session:
        known = {"id": grant_id, "demand_id": DEMAND, "service_item_id": PURPOSE["service_item"]}
        session.add(exchange.Grant(**known | plain | changes))
        session.flush()
        for attribute, form in items.items():
            item = {"attribute": attribute, "form": form, "resource_version_id": VERSION, "item_id": attribute}
            session.add(exchange.GrantItem(grant_id=grant_id, **item))
        session.commit()
    return grant_id
