"""The running exchange with the officers' side, for stories of recalls and objections: batches that turn out wrong, and the desks in this process."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from exchange_api.recalls import recall
from exchange_api.recalls.recall_upkeep import Followed, keep_recalls
from schemas.database import transaction
from schemas.library import library
from schemas.tables.evidence import Entry
from schemas.tables.landing import Batch
from schemas.tables.library import golden_table
from schemas.tables.operations import Notice
from schemas.tables.recall import Recall, RecallRecipient
from schemas.tables.retractions import RetractedRecord, Retraction

HOUSING, MARKET = "SQ-2026-000001", "SQ-2026-000007"
GOLDEN = golden_table("population")
ATTRIBUTES = library("population").attribute_ids


class Hub:
    """The running exchange with the officers' side: batches that turn out wrong, and the desk in this process."""

    def __init__(self, site: Any) -> None:
        self.site, self.keys = site, Path(site.environment["HUTONG_KEYS_FOLDER"])

    def wrong_batch(self, people: list[str]) -> str:
        """A batch whose word won everything that is known of these people."""
        with Session(self.site.engine) as session:
            known = session.scalars(select(Batch).order_by(Batch.number).limit(1)).one()
            number = 1 + (session.scalar(select(func.max(Batch.number))) or 0)
            batch_id = f"{known.resource_id}/wrong-{number}"
            session.add(
                Batch(
                    id=batch_id, number=number, resource_id=known.resource_id, resource_version_id=known.resource_version_id,
                    run_id=f"wrong-{number}", state="merged", checked_at=datetime.now(UTC),
                )
            )  # fmt: skip
            self._won_by(session, people, number)
            session.commit()
        return batch_id

    def retract(self, batch_id: str, people: list[str], *attributes: str) -> int:
        """What `libraries.retracting` leaves: the retraction, its records, and golden records without the batch."""
        with Session(self.site.engine) as session:
            row = Retraction(
                batch_id=batch_id, library="population", reason="来源系统错列", retracted_by="chen", counts={}
            )
            session.add(row)
            session.flush()
            for one in people:
                session.add(
                    RetractedRecord(retraction_id=row.id, record_key=one, subject=one, attributes=list(attributes))
                )
            self._won_by(session, people, 7)
            session.commit()
            return row.id

    def open(self, retraction_id: int) -> Recall:
        """Open the recall as the command does: in one transaction of the exchange role."""
        with transaction("exchange") as session:
            return recall.open_recall(session, retraction_id, self.keys)

    def follow(self, later: timedelta = timedelta()) -> Followed:
        """What the hourly task does, `later` from now."""
        return keep_recalls(self.keys, datetime.now(UTC) + later)

    def ask(self, document: Any, path: str, **changes: Any) -> tuple[int, Any, Entry]:
        """A signed question; its status, its answer, and the evidence it left."""
        request, response = self.site.ask(document, path, **changes)
        return response.status, json.loads(response.body), self.site.check(request, response)

    def query(self, people: list[str], grant: str = HOUSING, **changes: Any) -> str:
        """Ask for people and return the receipt."""
        _, answer, _ = self.ask(self.site.asking(grant, people), "/v1/libraries/population/query", **changes)
        assert answer.get("code") is None, answer
        return str(answer["receipt"])

    def get(self, path: str, **changes: Any) -> tuple[int, Any, Entry]:
        """A signed question without a body."""
        return self.ask(None, path, method="GET", **changes)

    def recipients(self, recall_id: str) -> dict[str, RecallRecipient]:
        """Whom a recall concerns, by application."""
        with Session(self.site.engine) as session:
            found = session.scalars(select(RecallRecipient).where(RecallRecipient.recall_id == recall_id))
            return {one.application_id: one for one in found}

    def told(self, key: str, recall_id: str) -> list[str]:
        """The departments that have this notice of a recall."""
        with Session(self.site.engine) as session:
            found = session.scalars(
                select(Notice).where(Notice.key == key, Notice.facts["recall"].as_string() == recall_id)
            )
            return sorted(one.department_id for one in found)

    @staticmethod
    def _won_by(session: Session, people: list[str], number: int) -> None:
        won = {"batches": [number] * len(ATTRIBUTES), "recorded_at": func.clock_timestamp()}
        session.execute(update(GOLDEN).where(GOLDEN.c.subject.in_(people)).values(**won))
