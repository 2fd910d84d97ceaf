"""Why: see end_walks. Walks to the ends of deliveries, objections, recalls and proposals. Importing it enters them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from sqlalchemy import insert, update
from sqlalchemy.orm import Session

from catalog import elements, notices
from exchange_api.actors import system
from exchange_api.asked import Asked
from exchange_api.matching import proposals
from exchange_api.noticing import outbox, sending, ways
from exchange_api.objections import objections
from exchange_api.objections.objections import Doubt
from exchange_api.recalls import recall, recall_counter
from schemas.calendar import today
from schemas.errors import Terminal
from schemas.library import library
from schemas.messages.exchange import Acknowledgement
from schemas.tables.directory import Resource
from schemas.tables.landing import Batch
from schemas.tables.library import golden_table
from schemas.tables.notice_ways import NoticeDelivery
from schemas.tables.objections import Objection
from schemas.tables.recall import Recall, RecallRecipient
from schemas.tables.retractions import Retraction
from schemas.tables.rulings import Ruling as StewardsRuling
from schemas.tables.synonym_proposals import SynonymProposal
from tests.desks.conftest import BUREAU, HOUSING, POLICE
from tests.desks.demand_story import confirm, dispatched
from tests.desks.end_walks import Around, H, P, Reached, leads_to
from tests.desks.mail_server import mail_server
from tests.desks.outgoing import set_mail

HUB = system("data_bureau")


def later(days: int) -> datetime:
    return datetime.now(UTC) + timedelta(days=days)


def _delivery(town: Session) -> NoticeDelivery:
    ways.add(town, HOUSING, "housing", ways.WayForm("email", "desk@housing.test"))
    notices.notify(town, "housing", "demand.provided", {"purpose": "核验"})
    town.flush()
    outbox.spread(town, datetime.now(UTC))
    return town.query(NoticeDelivery).one()


def _send(town: Session) -> outbox.Taken:
    taken = outbox.claim(town, datetime.now(UTC), (), ("email",))
    assert taken is not None
    assert taken.bundle is not None
    sending.deliver(town, taken.bundle)
    return taken


@leads_to("notice_delivery", "sent")
def _sent(at: Around) -> Iterator[Reached | None]:
    delivery = _delivery(at.town)
    yield None
    with mail_server() as post:
        set_mail(at.patch, post.port)
        outbox.end(at.town, _send(at.town), "send", datetime.now(UTC))
    assert len(post.mails) == 1, "the message itself tells"
    yield Reached(delivery.state, HUB, ())


@leads_to("notice_delivery", "failed")
def _failed(at: Around) -> Iterator[Reached | None]:
    delivery = _delivery(at.town)
    taken = outbox.claim(at.town, datetime.now(UTC), (), ("email",))
    yield None
    with mail_server(says={"RCPT": "550 5.1.1 no"}) as post:
        set_mail(at.patch, post.port)
        try:
            _send(at.town)
        except Terminal as refused:
            assert taken is not None
            outbox.end(at.town, taken, "fail", datetime.now(UTC), refused.code)
    yield Reached(delivery.state, HUB, ((H, "notices.failed"),))


@leads_to("notice_delivery", "dropped")
def _too_old(at: Around) -> Iterator[Reached | None]:
    delivery = _delivery(at.town)
    yield None
    outbox.drop_stale(at.town, later(15))
    yield Reached(delivery.state, HUB, ((H, "notices.dropped"),))


PERSON = "330106199003070012"
GOLDEN = golden_table("population")


def _batch(town: Session, number: int) -> str:
    batch = Batch(
        id=f"public_security.resident/run-{number}", number=number, resource_id="public_security.resident",
        resource_version_id="public_security.resident@1", run_id=f"run-{number}", state="merged", checked_at=datetime.now(UTC),
    )  # fmt: skip
    town.add(batch)
    town.flush()
    return batch.id


def _objection(town: Session) -> Objection:
    _batch(town, 1)
    width = len(library("population").attribute_ids)
    source = town.get_one(Resource, "public_security.resident").number
    trace = {"sources": [source] * width, "batches": [1] * width, "version": 1}
    town.execute(insert(GOLDEN).values(subject=PERSON, name="欧阳", **trace))
    place = ("population", PERSON, None)
    return objections.raise_by_officer(town, HOUSING, place, "name", Doubt("证件上不是这个名字"))


@leads_to("objection", "corrected")
def _corrected(at: Around) -> Iterator[Reached | None]:
    raised = _objection(at.town)
    batch = _batch(at.town, 2)
    width = len(library("population").attribute_ids)
    at.town.execute(update(GOLDEN).where(GOLDEN.c.subject == PERSON).values(name="欧阳明", batches=[2] * width))
    yield None
    objections.correct(at.town, POLICE, raised.id, batch)
    yield Reached(raised.state, POLICE, ((H, "objection.corrected"),))


@leads_to("objection", "refused")
def _stands(at: Around) -> Iterator[Reached | None]:
    raised = _objection(at.town)
    yield None
    objections.refuse(at.town, POLICE, raised.id, "value_confirmed")
    yield Reached(raised.state, POLICE, ((H, "objection.refused"),))


@leads_to("objection", "ruled")
def _ruled(at: Around) -> Iterator[Reached | None]:
    raised = _objection(at.town)
    at.town.add(
        StewardsRuling(
            library="population", record_key=PERSON, attribute="name", value="欧阳明", reason="-", ruled_by="chen"
        )
    )
    yield None
    assert objections.settle(at.town, raised)
    yield Reached(raised.state, HUB, ((H, "objection.ruled"), (P, "objection.ruled")))


@leads_to("objection", "withdrawn")
def _taken_back(at: Around) -> Iterator[Reached | None]:
    raised = _objection(at.town)
    yield None
    objections.withdraw(at.town, HOUSING, raised.id)
    yield Reached(raised.state, HOUSING, ((P, "objection.withdrawn"),))


def _recipient(town: Session) -> RecallRecipient:
    batch = _batch(town, 1)
    retraction = Retraction(batch_id=batch, library="population", reason="错列", retracted_by="chen", counts={})
    town.add(retraction)
    town.flush()
    found = Recall(
        id="ZH-2026-000001", retraction_id=retraction.id, library="population", batch_id=batch, resource_id="public_security.resident",
        department_id="public_security", reason="错列", due_date=today(), scanned_until=datetime.now(UTC),
    )  # fmt: skip
    now = datetime.now(UTC)
    recipient = RecallRecipient(
        recall_id=found.id, application_id="zufang", state="notified", receipts=1, subjects=1, attributes=["name"],
        first_received_at=now, last_received_at=now, notified_at=now,
    )  # fmt: skip
    town.add(found)
    town.flush()
    town.add(recipient)
    town.flush()
    return recipient


@leads_to("recall_recipient", "done")
def _nothing_kept(at: Around) -> Iterator[Reached | None]:
    mine = _recipient(at.town)
    yield None
    said = Acknowledgement(outcome="not_kept")
    recall_counter.acknowledge(at.town, Asked("zufang", str(uuid4()), "r", b"", mine.recall_id, "", lambda _: said))
    yield Reached(mine.state, HUB, ((P, "recall.done"), (H, "recall.done")))


@leads_to("recall_recipient", "done")
def _asked_again(at: Around) -> Iterator[Reached | None]:
    mine = _recipient(at.town)
    recall.move(at.town, mine, "acknowledge", "zufang")
    yield None
    recall.move(at.town, mine, "finish", "system")
    yield Reached(mine.state, HUB, ((P, "recall.done"), (H, "recall.done")))


def _proposal(town: Session) -> SynonymProposal:
    person_name = elements.documents(town)["person_name"]
    elements.save(town, person_name.model_copy(update={"lead_department_id": "public_security"}))
    for _ in range(2):
        confirm(town, dispatched(town, "申请人名字"))
    assert proposals.collect(town) == 1
    (row,) = proposals.find(town)
    return row


@leads_to("synonym_proposal", "accepted")
def _a_synonym(at: Around) -> Iterator[Reached | None]:
    row = _proposal(at.town)
    yield None
    proposals.accept(at.town, BUREAU, row.id)
    yield Reached(row.state, BUREAU, ((P, "synonyms.accepted"),))


@leads_to("synonym_proposal", "declined")
def _no_synonym(at: Around) -> Iterator[Reached | None]:
    row = _proposal(at.town)
    yield None
    proposals.decline(at.town, BUREAU, row.id)
    yield Reached(row.state, BUREAU, ((P, "synonyms.declined"),))
