"""Why: officers walk the chain from any number to any other, and see of it what concerns their department. Called by `routes` alone."""

from sqlalchemy.orm import Session

from exchange_api.actors import Actor
from exchange_api.desk_api.asked import Ask
from exchange_api.tracing import trace, trace_counter
from exchange_api.tracing.trace import Wish
from exchange_api.tracing.viewers import of_officer
from schemas.messages.desk_api import ChainSaid


def walk(session: Session, actor: Actor, ask: Ask) -> ChainSaid:
    """Return the chain around any id, both ways. Raises what `trace.of` raises."""
    found = trace.of(session, ask.ids["node"], of_officer(session, actor), Wish(after=ask.page.after))
    return ChainSaid.model_validate(trace_counter.told(found))
