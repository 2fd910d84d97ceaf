"""Why: files that were taken over are not asked for again, so a batch of files that stopped half-way must be finished, or its files would lie there for
ever. Each run of a resource first finishes what earlier runs left; the tasks of `dags` call it, because only they know that no earlier run is alive.
"""

import logging

from libraries import batches, ingest
from schemas.database import transaction
from schemas.errors import Terminal
from schemas.tables.landing import Batch

log = logging.getLogger(__name__)


def finish_earlier(batch_id: str) -> list[str]:
    """Take the landed and checked batches of files that came before this one the rest of their way, oldest first; return their ids.

    What ends one for good is noted on it and does not hold up the others. Raises the Transient errors of the steps: the run tries again.
    """
    found = _unfinished(batch_id)
    for earlier in found:
        try:
            for step in (ingest.check, ingest.merge, ingest.publish):
                step(earlier)
        except Terminal as failure:
            log.warning("batch %s stays unfinished: %s", earlier, failure.code)
    return found


def _unfinished(batch_id: str) -> list[str]:
    with transaction("ingest") as session:
        task = batches.get(session, batch_id)
        if task.source.connector != "files" or task.source.mode == "snapshot":
            return []
        query = batches.ids_of(task.batch.resource_id).where(
            Batch.state.in_(("landed", "checked")),
            Batch.number < task.batch.number,
            Batch.run_id.not_like(f"{batches.REPLAY}%"),
            Batch.error_code.is_distinct_from("landing.damaged"),  # their files are taken again
        )
        return list(session.scalars(query.order_by(Batch.number)))
