"""Why: the desks ask the hub's own directory, and with it all that is on record: past agreements, quality and freshness, duties, a plugged-in model.
Called by demands, pages and the API; `engine.match` alone serves who has a catalogue file and no hub.
"""

import logging
import threading
from dataclasses import replace

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from exchange_api.matching import embedding, keeping, missing, recorded
from exchange_api.matching.engine import answer
from exchange_api.matching.evidence import Evidence
from exchange_api.matching.found import Answer, Ask
from schemas.database import transaction
from schemas.errors import HutongError

log = logging.getLogger("hutong.matching")
_warming = threading.Lock()


def search(session: Session, demand: Ask) -> Answer:
    """Return who has what a demand wants: matches per wanted item, the resources that serve it, the fewest suppliers, and what nobody has."""
    if not any(one.name.strip() for one in demand.wanted):  # an empty form waits for nothing
        return Answer((), tuple(() for _ in demand.wanted), (), tuple(map(missing.nothing, range(len(demand.wanted)))))
    directory = keeping.ready(session)
    return answer(directory.corpus, demand, replace(evidence_of(session), there=directory.there))


def evidence_of(session: Session) -> Evidence:
    """Return the evidence beside names and purpose that the hub has on record."""
    return Evidence(
        past=recorded.past(session),
        standing=lambda resources: recorded.standing(session, resources),
        duties=lambda texts: recorded.duties(session, texts),
        alike=embedding.plugged(),
    )


def prepare(session: Session) -> None:
    """Have the directory ready for matching, so that nobody waits for it later."""
    keeping.ready(session)


def warm_soon() -> None:
    """Have the directory made ready in the background while somebody opens a form, so that his first search need not wait for it."""
    if _warming.acquire(blocking=False):
        threading.Thread(target=_warm, name="hutong-matching", daemon=True).start()


def _warm() -> None:
    try:
        with transaction("exchange") as session:
            prepare(session)
    except (HutongError, SQLAlchemyError) as failure:
        log.info("the matching is not ready yet: %s", type(failure).__name__)
    finally:
        _warming.release()
