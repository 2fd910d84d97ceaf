"""Why: what a desk gets to know of an application's question, and what it may say, so that desks know neither HTTP nor evidence.
Called by `counter` and the desks behind it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Asked:
    """A question whose signature was good. `case`: named in the path; `after`: where a list goes on; `read`: the body as a model, refused when unfit."""

    application_id: str
    receipt: str
    request_id: str
    secret: bytes
    case: str
    after: str
    read: Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Told:
    """What is answered, and what its evidence says: plain ids and states, no personal data."""

    document: dict[str, Any]
    facts: dict[str, Any] = field(default_factory=dict)
    library: str | None = None
