"""Why: what is shared with everybody needs nobody's decision (政务数据共享条例 art. 14), if there is something to share: the hub confirms it at once and
tells the provider, who may object by suspending the grant. Called by `asking` alone.

Live is a published resource of which a batch stands merged and whose collection is not paused. A resource without a source binding is live as well: nothing is
collected from it by schedule, so there is nothing to wait for.
"""

from collections.abc import Collection, Iterable
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog import notices
from exchange_api.actors import system
from exchange_api.states import ANSWER
from exchange_api.supply import best, reading
from exchange_api.supply.best import Best
from schemas.tables.exchange import Demand, SupplyTask
from schemas.tables.landing import Batch, Pause


def live(session: Session, asked: Iterable[Best]) -> list[Best]:
    """Return what may be confirmed without a human: unconditional, of a live resource, feeding a library."""
    free = [one for one in asked if one.share_type == 1 and best.is_servable(one.document, one.item_id)]
    bound = {one.document.id for one in free if one.document.source}
    merged = set(
        session.scalars(select(Batch.resource_id).where(Batch.resource_id.in_(bound), Batch.state == "merged"))
    )
    paused = set(session.scalars(select(Pause.resource_id).where(Pause.resource_id.in_(bound))))
    dead = bound - (merged - paused)
    return [one for one in free if one.document.id not in dead]


def confirm(session: Session, task: SupplyTask, demand: Demand, live: Collection[Best]) -> bool:
    """Confirm these items of a demand as the hub and tell the provider; return whether nothing of the demand is left to decide."""
    hub, wanted = system(task.department_id), {one.wanted.id for one in live}
    rows = reading.answers_of(session, task.id, demand.id)
    for row in rows:
        if row.demand_item_id in wanted:
            row.state = ANSWER.after(reading.case_of(row.id), row.state, "confirm")
            row.decision, row.answered_by, row.answered_at = "confirm", hub.id, datetime.now(UTC)
    session.flush()
    if wanted:
        items = "、".join(one.wanted.name for one in live)
        facts = {"task": task.id, "purpose": demand.purpose, "items": items}
        notices.notify(session, task.department_id, "task.automatic", facts, demand.id)
    return all(row.decision for row in rows)
