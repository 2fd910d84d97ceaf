"""Why: a score that was given stands, with everything it was counted from. One transaction counts a week: all departments' scores with their cases, what
its report shows beside them, and an evidence entry that holds the digest. Called by `weekly`, `objecting`, pages (to read) and `hutong supervision`.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session, undefer

from exchange_api.actors import Actor
from exchange_api.evidence.ledger import Entry, new_receipt_id, record
from exchange_api.supervision import definitions, inputs, report_facts, scores
from exchange_api.supervision.definitions import Indicator
from exchange_api.supervision.inputs import Case
from exchange_api.supervision.scores import Score
from exchange_api.supervision.weeks import Week
from schemas.errors import Invalid
from schemas.tables.departments import Department
from schemas.tables.supervision import SupervisionFigure, SupervisionScore, SupervisionWeek

_LOCK = 0x48_54_53_56  # any number of our own: who counts a week


def count(session: Session, actor: Actor, week: Week) -> bool:
    """Count a week once: False when it stands already, or another counts it. The week must be over. Raises Invalid `supervision.week_open`."""
    if week.beyond > datetime.now(UTC):
        raise Invalid("supervision.week_open", week=week.name, last=week.last_day)
    session.execute(select(func.pg_advisory_xact_lock(_LOCK)))
    if session.get(SupervisionWeek, week.name):
        return False
    table, version = definitions.indicators(), definitions.version()
    found = inputs.read(session, week)
    made = {one: scores.score(table, found.get(one, {})) for one in _departments(session)}
    digests = {one: scores.digest(week.name, one, version, score) for one, score in made.items()}
    digest = hashlib.sha256("\n".join(f"{one} {digests[one]}" for one in sorted(digests)).encode()).hexdigest()
    receipt = _note(session, {"supervision": week.name, "definitions": version, "digest": digest, "by": actor.id})
    session.add(
        SupervisionWeek(
            week=week.name, first_day=week.first_day, last_day=week.last_day, definitions=[one.model_dump() for one in table], definition_version=version,
            report=report_facts.find(session, week, found), digest=digest, receipt=receipt, made_by=actor.id,
        )
    )  # fmt: skip
    session.flush()
    for department_id, score in made.items():
        _keep(
            session,
            SupervisionScore(
                week=week.name, department_id=department_id, revision=1, digest=digests[department_id], made_by=actor.id
            ),
            score,
        )
    return True


def revise(
    session: Session, actor: Actor, former: SupervisionScore, cases: Mapping[str, Sequence[Case]], objection_id: str
) -> SupervisionScore:
    """Keep a corrected score beside the former one, by the definitions of its week."""
    table, version = defined(session, former.week)
    made = scores.score(table, cases)
    digest = scores.digest(former.week, former.department_id, version, made)
    _note(
        session,
        {
            "supervision": former.week,
            "department": former.department_id,
            "objection": objection_id,
            "digest": digest,
            "by": actor.id,
        },
    )
    kept = SupervisionScore(
        week=former.week, department_id=former.department_id, revision=former.revision + 1, digest=digest, made_by=actor.id, objection_id=objection_id
    )  # fmt: skip
    _keep(session, kept, made)
    return kept


def defined(session: Session, week: str) -> tuple[tuple[Indicator, ...], str]:
    """Return the definitions a week was counted by, and their version."""
    kept = session.get_one(SupervisionWeek, week)
    return definitions.read(kept.definitions), kept.definition_version


def get(session: Session, week: str, department_id: str) -> SupervisionScore:
    """Return the score that stands: the last revision. Raises Invalid `supervision.not_counted`."""
    query = select(SupervisionScore).where(
        SupervisionScore.week == week, SupervisionScore.department_id == department_id
    )
    if found := session.scalar(query.order_by(SupervisionScore.revision.desc()).limit(1)):
        return found
    raise Invalid("supervision.not_counted", week=week, department=department_id)


def cases_of(session: Session, score_id: int) -> dict[str, list[Case]]:
    """Return the cases of every figure of a score."""
    query = (
        select(SupervisionFigure)
        .where(SupervisionFigure.score_id == score_id)
        .options(undefer(SupervisionFigure.cases))
    )
    return {one.key: [inputs.case_of(case) for case in one.cases] for one in session.scalars(query)}


def _keep(session: Session, row: SupervisionScore, made: Score) -> None:
    row.score, row.weight, row.is_vetoed = made.score, made.weight, made.is_vetoed
    session.add(row)
    session.flush()
    figures = [
        {
            "score_id": row.id, "key": one.key, "numerator": one.numerator, "denominator": one.denominator, "value": one.value, "state": one.state,
            "cases": [case.as_json() for case in one.cases],
        }
        for one in made.figures
    ]  # fmt: skip
    if figures:
        session.execute(insert(SupervisionFigure), figures)


def _note(session: Session, facts: dict[str, str]) -> UUID:
    receipt = new_receipt_id()
    record(session, [Entry(id=receipt, at=datetime.now(UTC), kind="action", facts=facts)])
    return UUID(receipt)


def _departments(session: Session) -> list[str]:
    return list(session.scalars(select(Department.id).where(Department.state == "active").order_by(Department.id)))
