"""Why: what belongs to a demand beside its way, as programs see it: findings, what is there already, questions, offers, files, opening it again.
The work is the demand room's. Called by `routes` alone, after role, scope and sight were judged.
"""

import base64
import binascii
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from exchange_api.actors import Actor
from exchange_api.demand import attachments, demands, information, offers, reopening, reuse
from exchange_api.desk_api.asked import Ask
from exchange_api.desk_api.demand_steps import said as demand_said
from exchange_api.desk_api.supply_steps import answer_said
from schemas.errors import Invalid
from schemas.messages.desk_api import AnswerSaid, AnswersSaid, DemandSaid
from schemas.messages.desk_papers import (
    FileSaid,
    FilesSaid,
    FindingSaid,
    FindingsSaid,
    InformationList,
    InformationSaid,
    ReuseSaid,
    ReusesSaid,
)
from schemas.tables.case_papers import InformationRequest
from schemas.tables.exchange import Demand


def findings(session: Session, actor: Actor, ask: Ask) -> FindingsSaid:  # noqa: ARG001 - sight was judged before
    """Return what the conformity check says of a demand."""
    found = demands.check(session, _demand(session, ask))
    return FindingsSaid(
        findings=[
            FindingSaid(
                code=one.code, severity=one.severity, where=one.where, title=one.title("zh"), title_en=one.title("en"),
                remedy=one.remedy("zh"), remedy_en=one.remedy("en"),
            )
            for one in found
        ]
    )  # fmt: skip


def held(session: Session, actor: Actor, ask: Ask) -> ReusesSaid:  # noqa: ARG001
    """Return what is there already for a demand's items."""
    found = reuse.already(session, _demand(session, ask))
    return ReusesSaid(
        reuse=[ReuseSaid(position=one.row, key=one.key, facts=one.facts, is_enough=one.is_enough) for one in found]
    )


def reopen(session: Session, actor: Actor, ask: Ask) -> DemandSaid:
    """Open a demand again for some of its items."""
    return demand_said(session, reopening.object_to(session, actor, ask.ids["demand"], ask.form.items, ask.form.why))


def offered(session: Session, actor: Actor, ask: Ask) -> AnswersSaid:  # noqa: ARG001
    """Return the counter-offers that wait for the demander."""
    rows = offers.open_of(session, ask.ids["demand"])
    return AnswersSaid(answers=[answer_said(session, one.id) for one in rows])


def take(session: Session, actor: Actor, ask: Ask) -> AnswerSaid:
    """Take a counter-offer."""
    return answer_said(session, offers.take(session, actor, int(ask.ids["answer"]), ask.form.why).id)


def decline(session: Session, actor: Actor, ask: Ask) -> AnswerSaid:
    """Decline a counter-offer."""
    return answer_said(session, offers.decline(session, actor, int(ask.ids["answer"]), ask.form.why).id)


def asked_of_demand(session: Session, actor: Actor, ask: Ask) -> InformationList:  # noqa: ARG001
    """Return everything that was asked about a demand."""
    return InformationList(information=[_information(one) for one in information.of(session, ask.ids["demand"])])


def asked_in_task(session: Session, actor: Actor, ask: Ask) -> InformationList:  # noqa: ARG001
    """Return everything that was asked in a task."""
    query = select(InformationRequest).where(InformationRequest.task_id == ask.ids["task"])
    rows = session.scalars(query.order_by(InformationRequest.asked_at, InformationRequest.id))
    return InformationList(information=[_information(one) for one in rows])


def inquire(session: Session, actor: Actor, ask: Ask) -> InformationSaid:
    """Ask the demander something."""
    return _information(information.ask(session, actor, ask.ids["task"], ask.form.demand, ask.form.question))


def tell(session: Session, actor: Actor, ask: Ask) -> InformationSaid:
    """Answer a question."""
    return _information(information.tell(session, actor, ask.ids["information"], ask.form.answer))


def drop(session: Session, actor: Actor, ask: Ask) -> InformationSaid:
    """Take a question back."""
    return _information(information.drop(session, actor, ask.ids["information"], ask.form.why))


def files(session: Session, actor: Actor, ask: Ask) -> FilesSaid:  # noqa: ARG001
    """Return a demand's files, without their content."""
    return FilesSaid(attachments=[_file(one) for one in attachments.of(session, ask.ids["demand"])])


def file(session: Session, actor: Actor, ask: Ask) -> FileSaid:
    """Return one file with its content."""
    found = attachments.read(session, actor, ask.ids["demand"], int(ask.ids["attachment"]))
    return _file(found).model_copy(update={"content": base64.b64encode(found.content).decode()})


def attach(session: Session, actor: Actor, ask: Ask) -> FileSaid:
    """Keep a file with a demand."""
    try:
        content = base64.b64decode(ask.form.content, validate=True)
    except (binascii.Error, ValueError):
        raise Invalid("request.malformed", where="content", reason="it is not base64") from None
    added = attachments.attach(session, actor, ask.ids["demand"], ask.form.name, content)
    session.flush()
    return _file(added)


def detach(session: Session, actor: Actor, ask: Ask) -> FilesSaid:
    """Remove a file while the demand is still the demander's to write."""
    attachments.remove(session, actor, ask.ids["demand"], int(ask.ids["attachment"]))
    session.flush()
    return files(session, actor, ask)


def _demand(session: Session, ask: Ask) -> Demand:
    return session.get_one(Demand, ask.ids["demand"])


def _information(one: InformationRequest) -> InformationSaid:
    return InformationSaid(
        information=one.id, task=one.task_id, demand=one.demand_id, department=one.department_id, state=one.state, question=one.question,
        answer=one.answer, asked_at=one.asked_at, ended_at=one.ended_at,
    )  # fmt: skip


def _file(one: Any) -> FileSaid:
    return FileSaid(
        attachment=one.id,
        name=one.name,
        media_type=one.media_type,
        size=one.size,
        sha256=one.sha256,
        added_at=one.added_at,
    )
