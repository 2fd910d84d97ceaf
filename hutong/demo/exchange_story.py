"""Why: the second half of the main job: a need in plain words becomes a grant, a question becomes a signed answer, and both can be proven later.

Called by hutong/demo/story.py. Uses the desks as the portal does and the SDK as an application system does: nothing here is a short cut.
"""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import select

from exchange_api import applications
from exchange_api.client import Answer, Hub
from exchange_api.demand import demands
from exchange_api.evidence.keyring import ensure_active_key
from exchange_api.evidence.receipt import read_jwks, verify_receipt
from exchange_api.grant import grants
from exchange_api.signing import SoftwareSigner
from exchange_api.supply import supplies
from hutong.demo import accounts
from schemas.database import transaction
from schemas.errors import Terminal
from schemas.tables.exchange import Demand
from schemas.tables.library import Conflict, golden_table

APPLICATION = "housing.desk"
SERVICE_ITEM = "public_rental_housing"
WANTED = ("申请人姓名", "性别", "出生年月", "户口所在地", "婚姻状况", "社保状态", "工作单位")
NOT_GRANTED = "ethnic_group"


@dataclass(frozen=True)
class Proven:
    """One answer with its proof: what the report tells of it."""

    status: int
    code: str | None
    receipt: str
    verified: bool


@dataclass
class Told:
    """How the exchange went."""

    demand: str
    grant: str
    subject: str
    query: Proven
    refusal: Proven
    matches: list[dict[str, Any]] = field(default_factory=list)


def tell(folder: Path) -> Told:
    """Take a demand from its first word to a proven answer and a proven refusal. Raises what desks and SDK raise."""
    with transaction() as session:
        ensure_active_key(session)
    signer = _register_application(folder)
    demand_id, matches = _demand()
    grant_id = _grant(demand_id)
    subject = find_subject()
    shelf = folder / "receipts"
    client = Hub(os.environ["HUTONG_API_URL"], signer, read_jwks()[0], shelf)
    purpose = {"service_item": SERVICE_ITEM, "case": f"{demand_id}-01"}
    answered = client.query("population", grant_id, purpose, [subject]).answer
    asked = {"grant": grant_id, "purpose": purpose, "subjects": [subject], "items": [NOT_GRANTED]}
    refused = client.ask("POST", "/v1/libraries/population/query", asked)
    client.collect_receipts(30)
    query = _prove(answered, shelf, folder / "receipt.json")
    refusal = _prove(refused, shelf, folder / "refusal.json")
    return Told(demand_id, grant_id, subject, query, refusal, matches)


def find_subject() -> str:
    """Return the citizen to ask about: one on whose name two departments disagree, known to all that were asked."""
    person = golden_table("population").c
    with transaction("reader") as session:
        disputed = select(Conflict.record_key).where(Conflict.library == "population", Conflict.closed_at.is_(None))
        known = (
            select(person.subject)
            .where(person.sex.is_not(None))
            .order_by(
                person.subject.in_(disputed).desc(),
                person.employer.is_(None),
                person.marital_status.is_(None),
                person.subject,
            )
        )
        found: str | None = session.scalar(known.limit(1))
    if found is None:
        raise Terminal("demo.nobody")
    return found


def _register_application(folder: Path) -> SoftwareSigner:
    """Register the housing desk's application with the public half of a key that never leaves its folder."""
    path = folder / "housing.pem"
    if not path.exists():
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(SoftwareSigner.generate("ed25519").pem())
    signer = SoftwareSigner.from_pem(path.read_bytes())
    with transaction("exchange") as session:
        applications.register(session, APPLICATION, "住房保障受理系统", "housing")
        applications.register_key(session, APPLICATION, signer.public.jwk)
    return signer


def _demand() -> tuple[str, list[dict[str, Any]]]:
    """Register, submit and dispatch the demand; return its number and what was matched to each wanted item."""
    form = demands.DemandForm(
        service_item_id=SERVICE_ITEM,
        application_id=APPLICATION,
        purpose="核验公共租赁住房申请人的身份、户籍、婚姻和参保情况",
        basis="《公共租赁住房管理办法》第七条、第八条",
        scenario="受理窗口逐件核验，不再要求申请人提交纸质证明",
        scope="本市公共租赁住房申请人",
        items=tuple(demands.WantedItem(name=name) for name in WANTED),
    )
    with transaction("exchange") as session:
        demand = demands.register(session, accounts.actor("housing"), form)
        demands.submit(session, accounts.actor("housing"), demand.id)
        demand_id = demand.id
    with transaction("exchange") as session:
        demands.dispatch(session, accounts.actor("data"), demand_id)
        return demand_id, [_best(session, item) for item in demands.items(session, demand_id)]


def _best(session: Any, item: Any) -> dict[str, Any]:
    ranked = demands.matches(session, item.id)
    best = ranked[0] if ranked else None
    found = {"resource": best.resource_version_id, "item": best.item_id, "score": round(best.score, 3)} if best else {}
    return {"wanted": item.name, "candidates": len(ranked), **found}


def _grant(demand_id: str) -> str:
    """Let every provider confirm item by item, accept, and return the grant on the population library."""
    officers = accounts.providers()
    with transaction("exchange") as session:
        for task in supplies.tasks_of(session, demand_id=demand_id):
            waiting = [row for row in supplies.answers_of(session, task.id) if row.state == "waiting"]
            if task.state == "open":
                words = [supplies.ItemAnswer(demand_item_id=row.demand_item_id, decision="confirm") for row in waiting]
                supplies.answer(session, officers[task.department_id], task.id, words)
    with transaction("exchange") as session:
        if session.get_one(Demand, demand_id).state == "provided":
            demands.accept(session, accounts.actor("housing"), demand_id)
        found = [grant.id for grant in grants.find(session, demand_id=demand_id) if grant.library == "population"]
    if not found:
        raise Terminal("demo.no_grant", demand=demand_id)
    return found[0]


def _prove(answer: Answer, shelf: Path, path: Path) -> Proven:
    """Copy an answer's receipt to where the summary says it lies and check it there, offline, with the hub's public keys only."""
    made = shelf / f"{answer.receipt_id}.json"
    if not made.exists():
        raise Terminal("demo.no_receipt", receipt=answer.receipt_id)
    path.write_bytes(made.read_bytes())
    path.chmod(0o600)
    code = None if answer.ok else str(answer.document.get("code"))
    report = verify_receipt(path.read_bytes(), read_jwks()[0])
    return Proven(answer.response.status, code, str(answer.receipt_id), report.verified)
