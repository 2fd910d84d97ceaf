"""The credit register with entries put straight into it, as merges leave them."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import insert

from catalog import deadlines, departments
from schemas.database import transaction
from schemas.library import library
from schemas.tables.directory import Resource
from schemas.tables.library import golden_table, history_table

FIRM = "91350100M000100Y43"
SPEC = library("credit")
EPOCH = datetime(2026, 1, 5, tzinfo=UTC)


@pytest.fixture
def register(hub: Any) -> Callable[..., str]:  # noqa: ARG001
    """Put an entry into the register: `register("1号", state="01", …)` returns its key. `history`: past versions of the same columns."""
    with transaction() as session:
        deadlines.seed_rules(session)
        fire = departments.DepartmentDocument(
            id="fire", name="兴和市消防支队", short_name="消防", former_names=["兴和市消防局"]
        )
        departments.save(session, fire)
        session.add(Resource(id="credit_office.decision", number=1, department_id="credit_office"))

    def put(number: str, kind: str = "02", authority: str = "兴和市消防支队", **values: Any) -> str:
        width = len(SPEC.attribute_ids)
        entry = f"{kind}/{number}/{authority}"
        trace = {"sources": [1] * width, "batches": [1] * width, "version": 1, "subject": FIRM}
        row = {"entry": entry, "entry_kind": kind, "document_number": number, "authority": authority, **trace}
        table = golden_table("credit")
        with transaction("owner") as session:
            session.execute(table.delete().where(table.c.entry == entry))
            session.execute(insert(table), [{**row, "recorded_at": EPOCH, **values}])
        return entry

    return put


@pytest.fixture
def past(hub: Any) -> Callable[..., None]:  # noqa: ARG001
    """Put a past version of an entry into the history."""

    def put(entry: str, state: str, known_from: datetime, known_to: datetime) -> None:
        width = len(SPEC.attribute_ids)
        row = {
            "entry": entry, "subject": FIRM, "state": state, "sources": [1] * width, "batches": [1] * width,
            "known_from": known_from, "known_to": known_to,
        }  # fmt: skip
        with transaction("owner") as session:
            session.execute(insert(history_table("credit")), [row])

    return put
