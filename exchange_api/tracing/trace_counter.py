"""Why: what application systems see of the chain: that of their own receipts, grants and demands; everything else is as unknown as nothing. Called by
`counter` in one transaction per question; officers' edge turns a trace into the same message with `told`.
"""

from typing import Any

from sqlalchemy.orm import Session

from exchange_api.asked import Asked, Told
from exchange_api.tracing import trace
from exchange_api.tracing.nodes import Node
from exchange_api.tracing.trace import More, Trace, Wish
from exchange_api.tracing.viewers import Viewer


def told_chain(session: Session, asked: Asked) -> Told:
    """Answer GET /v1/trace/{id}. Raises what `trace.of` raises."""
    found = trace.of(session, asked.case, Viewer(applications=(asked.application_id,)), Wish(after=asked.after))
    return Told(told(found), {"trace": found.start, "nodes": str(len(found.nodes))})


def told(found: Trace) -> dict[str, Any]:
    """Return a trace as `schemas.messages.tracing.TraceAnswer` has it, but for the receipt."""
    return {
        "start": found.start,
        "nodes": [_node(one) for one in found.nodes.values()],
        "edges": [{"from": above, "to": below} for above, below in found.edges],
        "more": [_more(one) for one in found.more],
        "is_cut": found.is_cut,
        "behind": found.behind,
    }


def _node(one: Node) -> dict[str, Any]:
    at = one.at.isoformat(timespec="seconds") if one.at else None
    return {
        "ref": one.ref, "kind": one.kind, "id": one.id, "title": one.title, "state": one.state, "at": at, "facts": dict(one.facts),
    }  # fmt: skip


def _more(one: More) -> dict[str, Any]:
    return {"node": one.node, "kind": one.kind, "direction": one.direction, "count": one.count, "after": one.after}
