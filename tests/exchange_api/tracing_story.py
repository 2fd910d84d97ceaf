"""A chain from a demand to its receipts, made by the desks and the running exchange, for stories of tracing."""

import json
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, func, insert, select, update
from sqlalchemy.orm import Session

from catalog import deadlines, departments, directory, elements
from catalog.service import services
from exchange_api import applications
from exchange_api.demand import demands
from exchange_api.evidence.paths import note_paths
from exchange_api.evidence.sequencer import sequence_once
from exchange_api.keys import active_signer
from exchange_api.signing import SoftwareSigner
from exchange_api.supply import supplies
from exchange_api.supply.supplies import ItemAnswer
from schemas.library import library
from schemas.tables.evidence import Entry
from schemas.tables.exchange import Grant, Match
from schemas.tables.landing import Batch, RuleResult
from schemas.tables.library import golden_table
from tests.desks.conftest import BUREAU, HOUSING, POLICE, form, resource
from tests.exchange_api.conftest import PEOPLE, Exchange

SITE = Callable[[dict[str, str], Path], AbstractContextManager[str]]
APPLICATION, OTHER = "zufang", "shichang"
RESOURCE = "public_security.resident"


@dataclass
class Story:
    """The chain, by what its parts are called."""

    site: Exchange
    keys: Path
    demand: str
    task: str
    grant: str
    version: str
    batch: str
    match: str

    def ask(self, **more: Any) -> str:
        """Ask under the grant and return the receipt."""
        purpose = {"service_item": "gzf", "case": "BJ-2026-0007"}
        document = {"grant": self.grant, "purpose": purpose, "subjects": PEOPLE[:2], **more}
        return str(json.loads(self.site.ask(document)[1].body)["receipt"])

    def trace(self, path: str, **changes: Any) -> tuple[int, dict[str, Any]]:
        """Ask for a chain as an application system does."""
        _, response = self.site.ask(None, f"/v1/trace/{path}", method="GET", **changes)
        return response.status, json.loads(response.body)

    def into_the_log(self) -> None:
        """What the sequencer does every half second."""
        with Session(self.site.engine) as session:
            while sequence_once(session, active_signer(session, self.keys), "hub.example/log"):
                session.commit()
            while note_paths(session):
                session.commit()

    def many_answers(self, count: int) -> None:
        """As many entries as the asking above would leave, without asking."""
        with Session(self.site.engine) as session:
            known = session.scalars(
                select(Entry).where(Entry.grant_id == self.grant, Entry.code.is_(None)).limit(1)
            ).one()
            rows = [
                {"id": uuid.uuid4(), "at": datetime.now(UTC), "document": known.document}
                | {name: getattr(known, name) for name in ("kind", "application_id", "grant_id", "library", "status")}
                for _ in range(count)
            ]
            session.execute(insert(Entry), rows)
            session.commit()


def tell(engine: Engine, signers: tuple[SoftwareSigner, SoftwareSigner]) -> dict[str, str]:
    """A demand in plain words, matched, dispatched, confirmed, granted; and a batch that the library's values came from."""
    with Session(engine) as session:
        _town(session, signers)
        demand = demands.register(session, HOUSING, form("户籍地址"))
        demands.submit(session, HOUSING, demand.id)
        demands.dispatch(session, BUREAU, demand.id)
        (task,) = supplies.tasks_of(session, demand_id=demand.id)
        answers = [
            ItemAnswer.model_validate({"demand_item_id": one.demand_item_id, "decision": "confirm"})
            for one in supplies.answers_of(session, task.id)
        ]
        supplies.answer(session, POLICE, task.id, answers)
        grant = session.scalars(select(Grant).where(Grant.demand_id == demand.id)).one()
        session.execute(update(Grant).values(quota_per_day=1_000_000))
        match = session.scalars(select(Match).order_by(Match.rank, Match.id).limit(1)).one()
        batch = _batch(session)
        told = {
            "demand": demand.id, "task": task.id, "grant": grant.id, "version": f"{RESOURCE}@1", "batch": batch, "match": str(match.id),
        }  # fmt: skip
        session.commit()
    return told


def _town(session: Session, signers: tuple[SoftwareSigner, SoftwareSigner]) -> None:
    deadlines.seed_rules(session)
    for one in ("housing", "public_security", "market_regulation", "data_bureau"):
        departments.save(session, departments.DepartmentDocument(id=one, name=one, short_name=one))
    elements.save(session, elements.ElementDocument(id="citizen_id", name="公民身份号码", synonyms=(), type="C"))
    services.save(session, services.ServiceItemDocument(id="gzf", name="公共租赁住房申请", department="housing"))
    items = [{"id": "address", "name": "户籍地址", "attribute": "address"}]
    document = resource(RESOURCE, {"type": 2, "condition": "用于政务服务事项办理"}, items, name="常住人口登记信息")
    directory.save_draft(session, document)
    directory.publish(session, document.id)
    for one, department, signer in zip((APPLICATION, OTHER), ("housing", "market_regulation"), signers, strict=True):
        applications.register(session, one, one, department)
        applications.register_key(session, one, signer.public.jwk)
    session.flush()


def _batch(session: Session) -> str:
    session.add(
        Batch(
            id=f"{RESOURCE}.0123456789ab", number=7, resource_id=RESOURCE, resource_version_id=f"{RESOURCE}@1", run_id="run-1",
            state="merged", checked_at=func.now(), score=0.98,
        )
    )  # fmt: skip
    session.flush()
    session.add(
        RuleResult(
            batch_id=f"{RESOURCE}.0123456789ab",
            rule="address.filled",
            indicator="completeness",
            scope="item",
            evaluated=9,
            failed=1,
        )
    )
    width = len(library("population").attribute_ids)
    trace = {"sources": [1] * width, "batches": [7] * width, "version": 1}
    rows = [{"subject": one, "address": f"幸福路{n}号", **trace} for n, one in enumerate(PEOPLE)]
    session.execute(insert(golden_table("population")), rows)
    return f"{RESOURCE}.0123456789ab"


def site_of(url: URL, folder: Path) -> dict[str, str]:
    """Return what a server over this database is started with."""
    return {
        "HUTONG_DATABASE_URL": url.render_as_string(hide_password=False),
        "HUTONG_KEYS_FOLDER": str(folder / "keys"),
    }
