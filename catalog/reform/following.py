"""Why: when a department's work goes to another, everything it owns goes along: its resources and drafts, lead elements, service items, application
systems, officers and cases. In sets, one statement a table. Called by `catalog.reform.reforms` and `catalog.reform.department_names` alone.

What was published is immutable and goes on saying who published it; `Resource.department_id` says whose it is now. Timelines (who did what when) stay.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, bindparam, func, select, text, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from catalog.saving import digest_of
from schemas.tables.clocks import CaseClock
from schemas.tables.departments import Department
from schemas.tables.directory import Acknowledgement, Resource, ResourceVersion
from schemas.tables.disputes import Dispute
from schemas.tables.elements import DataElement
from schemas.tables.exchange import Application, Demand, SupplyTask
from schemas.tables.operations import Notice, Officer
from schemas.tables.services import ServiceItem

OWNED: Mapping[str, tuple[InstrumentedAttribute[Any], InstrumentedAttribute[Any]]] = {
    "resources": (Resource.id, Resource.department_id),
    "service_items": (ServiceItem.id, ServiceItem.department_id),
    "elements": (DataElement.id, DataElement.lead_department_id),
    "applications": (Application.id, Application.department_id),
    "officers": (Officer.id, Officer.department_id),
}
"""What a department owns and a split shares out by name: kind → its identity and its owner."""

_LEFT: tuple[tuple[InstrumentedAttribute[Any], ColumnElement[bool]], ...] = (
    (Demand.department_id, Demand.state.not_in(("withdrawn", "refused"))),
    (Acknowledgement.department_id, Acknowledgement.acknowledged_at.is_(None)),
    (Notice.department_id, Notice.read_at.is_(None)),
    (CaseClock.department_id, CaseClock.state.in_(("running", "paused"))),
    (Dispute.department_id, Dispute.state.in_(("negotiating", "adjudicating", "escalated", "upheld"))),
    (Dispute.against_id, Dispute.state.in_(("negotiating", "adjudicating", "escalated", "upheld"))),
    (Department.parent_id, Department.state != "dissolved"),
)
"""What follows the department as a whole: cases that go on, what it was told and has not read, what it owes by a clock, disputes, the
departments below it.
"""

# demands are locked before tasks, as desks do; in one order for everybody
_LOCK_DEMANDS = """
SELECT id FROM exchange.demands WHERE id IN (SELECT demand_id FROM exchange.task_demands WHERE task_id = ANY(:tasks)) ORDER BY id FOR UPDATE
"""
_LOCK_TASKS = """
SELECT id FROM exchange.supply_tasks WHERE id = ANY(:tasks) OR (department_id = :into AND state = 'open') ORDER BY id FOR UPDATE
"""
# where the successor is asked the same already (an open task of the same need), the demands join its task with all they have there;
# a demand that has its share in both keeps both tasks, and the one that moves gets a need of its own
_MEETING = """
SELECT ours.id AS ours, theirs.id AS theirs, EXISTS (
    SELECT FROM exchange.task_demands a JOIN exchange.task_demands b USING (demand_id) WHERE a.task_id = ours.id AND b.task_id = theirs.id) AS is_twice
FROM exchange.supply_tasks ours
JOIN exchange.supply_tasks theirs ON theirs.department_id = :into AND theirs.need = ours.need AND theirs.state = 'open'
WHERE ours.department_id = :former AND ours.state = 'open' AND ours.id = ANY(:tasks) ORDER BY ours.id
"""
_JOIN = (
    """INSERT INTO exchange.task_demands (task_id, demand_id, state, terms, joined_at)
    SELECT :theirs, demand_id, state, terms, joined_at FROM exchange.task_demands WHERE task_id = :ours""",
    "UPDATE exchange.supply_answers SET task_id = :theirs WHERE task_id = :ours",
    'UPDATE exchange.case_clocks SET "case" = :theirs WHERE "case" = :ours',
    "UPDATE exchange.information_requests SET task_id = :theirs WHERE task_id = :ours",
    "UPDATE exchange.task_demands SET state = 'withdrawn' WHERE task_id = :ours",
    "UPDATE exchange.supply_tasks SET state = 'cancelled' WHERE id = :ours",
    """UPDATE exchange.supply_tasks task SET due_date = least(task.due_date, ours.due_date) FROM exchange.supply_tasks ours
    WHERE task.id = :theirs AND ours.id = :ours""",
)
_STAND_ALONE = "UPDATE exchange.supply_tasks SET need = md5(need || id) WHERE id = :ours"
_MOVE_WHAT_HANGS_ON = (
    """UPDATE exchange.case_clocks SET department_id = :into WHERE state IN ('running', 'paused') AND department_id = :former AND ("case" = ANY(:tasks)
    OR "case" IN (SELECT 'answer:' || id FROM exchange.supply_answers WHERE task_id = ANY(:tasks)))""",
    "UPDATE exchange.information_requests SET department_id = :into WHERE state = 'asked' AND department_id = :former AND task_id = ANY(:tasks)",
    """UPDATE exchange.disputes SET against_id = :into WHERE against_id = :former AND id IN (SELECT dispute_id FROM exchange.disputed_items item
    JOIN exchange.supply_answers answer ON answer.id = item.supply_answer_id WHERE answer.task_id = ANY(:tasks))""",
)
_MOVE_TASKS = (
    "UPDATE exchange.supply_tasks SET department_id = :into WHERE department_id = :former AND id = ANY(:tasks)"
)
_FOLLOW_DEMAND = (
    """UPDATE exchange.case_clocks SET department_id = :into
    WHERE state IN ('running', 'paused') AND department_id = :former AND demand_id = :demand""",
    "UPDATE exchange.disputes SET department_id = :into WHERE department_id = :former AND demand_id = :demand",
)
_TASK_OWNERS = """
SELECT task.id, task.state, array_remove(array_agg(DISTINCT resource.department_id), NULL) AS owners FROM exchange.supply_tasks task
LEFT JOIN exchange.supply_answers answer ON answer.task_id = task.id
LEFT JOIN directory.resource_versions version ON version.id = answer.resource_version_id
LEFT JOIN directory.resources resource ON resource.id = version.resource_id
WHERE task.department_id = :former GROUP BY task.id ORDER BY task.id
"""


def owned(session: Session, department_id: str, *, is_public: bool = False) -> dict[str, list[str]]:
    """Return what a department owns, by kind, ids in order; kinds it owns nothing of are left out. `is_public`: without its officers."""
    found = {
        kind: list(session.scalars(select(identity).where(owner == department_id).order_by(identity)))
        for kind, (identity, owner) in OWNED.items()
        if not (is_public and kind == "officers")
    }
    return {kind: ids for kind, ids in found.items() if ids}


def hand_over(session: Session, kind: str, ids: Sequence[str], into: str) -> int:
    """Give these of one kind to a department; drafts of resources say so. Return how many."""
    identity, owner = OWNED[kind]
    wanted = list(ids)
    moving = update(identity.class_).where(identity.in_(wanted)).values({owner.key: into})
    session.execute(moving.execution_options(synchronize_session=False))
    if kind == "resources":
        _rewrite_drafts(session, wanted, into)
    return len(wanted)


def hand_over_rest(session: Session, former: str, into: str) -> None:
    """Give what follows the department as a whole: demands, notices, acknowledgements, clocks, disputes, the departments below it."""
    for column, condition in _LEFT:
        moving = update(column.class_).where(and_(column == former, condition)).values({column.key: into})
        session.execute(moving.execution_options(synchronize_session=False))


def hand_over_tasks(session: Session, former: str, into: str, tasks: Sequence[str]) -> None:
    """Give these supply tasks with their shares, answers and clocks; where the successor is asked the same already, the demands join its task."""
    which = {"former": former, "into": into, "tasks": list(tasks)}
    for statement in (_LOCK_DEMANDS, _LOCK_TASKS, *_MOVE_WHAT_HANGS_ON):
        session.execute(text(statement), which)
    for meeting in session.execute(text(_MEETING), which).all():
        for statement in (_STAND_ALONE,) if meeting.is_twice else _JOIN:
            session.execute(text(statement), {"ours": meeting.ours, "theirs": meeting.theirs})
    session.execute(text(_MOVE_TASKS), which)


def task_owners(session: Session, former: str) -> list[tuple[str, str, list[str]]]:
    """Return a department's supply tasks as (id, state, departments that own the resources asked for)."""
    return [(row.id, row.state, list(row.owners)) for row in session.execute(text(_TASK_OWNERS), {"former": former})]


def hand_over_demands(session: Session, former: str, into: Sequence[str]) -> None:
    """In a split, let each demand follow its application system, else its service item, where one of the parts has it."""
    application = select(Application.department_id).where(Application.id == Demand.application_id).scalar_subquery()
    item = select(ServiceItem.department_id).where(ServiceItem.id == Demand.service_item_id).scalar_subquery()
    follows = func.coalesce(application, item)
    moving = update(Demand).where(Demand.department_id == former, follows.in_(into)).values(department_id=follows)
    moved = moving.returning(Demand.id, Demand.department_id).execution_options(synchronize_session=False)
    for demand_id, to in session.execute(moved).all():
        for statement in _FOLLOW_DEMAND:
            session.execute(text(statement), {"former": former, "into": to, "demand": demand_id})


def held(session: Session, department_id: str) -> dict[str, list[str]]:
    """Return what keeps a department from ending: what it owns (resources with a version that is not over), cases that go on, departments below it."""
    found = owned(session, department_id)
    alive = select(ResourceVersion.resource_id).where(ResourceVersion.state.not_in(("superseded", "withdrawn")))
    going_on: Mapping[str, Select[str]] = {
        "resources": select(Resource.id).where(Resource.department_id == department_id, Resource.id.in_(alive)),
        "demands": select(Demand.id).where(
            Demand.department_id == department_id, Demand.state.not_in(("closed", "withdrawn", "refused"))
        ),
        "supply_tasks": select(SupplyTask.id).where(
            SupplyTask.department_id == department_id, SupplyTask.state == "open"
        ),
        "departments": select(Department.id).where(
            Department.parent_id == department_id, Department.state != "dissolved"
        ),
    }
    found |= {kind: sorted(session.scalars(query)) for kind, query in going_on.items()}
    return {kind: ids for kind, ids in found.items() if ids}


def _rewrite_drafts(session: Session, resource_ids: Sequence[str], into: str) -> None:
    """What is not published yet names its owner; published and scheduled versions stay as they are (a trigger holds that)."""
    query = select(ResourceVersion.id, ResourceVersion.document).where(
        ResourceVersion.resource_id.in_(resource_ids),
        ResourceVersion.state.in_(("draft", "office_review", "authority_review")),
    )
    edits = []
    for row in session.execute(query):
        body = {**row.document, "department": into}
        edits.append({"row": row.id, "document": body, "digest": digest_of(body)})
    if edits:
        statement = update(ResourceVersion).where(ResourceVersion.id == bindparam("row"))
        statement = statement.values(document=bindparam("document"), digest=bindparam("digest"))
        session.connection().execute(statement, edits)
