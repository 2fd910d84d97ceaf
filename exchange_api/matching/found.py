"""Why: what is asked for, what is catalogued, and what was found with its reasons: the words in which the matching room speaks with the desks."""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Wanted:
    """One wanted item in the demander's own words."""

    name: str
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """One catalogued item with all that speaks for it: its names, its element's names, its resource's words."""

    version_id: str
    resource_id: str
    resource_name: str
    department_id: str
    department_name: str
    item_id: str
    item_name: str
    sharing_type: int
    library: str | None = None
    attribute: str | None = None
    element_name: str | None = None
    synonyms: tuple[str, ...] = ()
    context: str = ""
    rank_in_authority: int = 99


@dataclass(frozen=True)
class Reason:
    """Why a candidate ranks: `key` names the words, `facts` fill them, `points` is what it gave."""

    key: str
    points: float
    facts: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Found:
    """One ranked candidate, best first, with its reasons."""

    candidate: Candidate
    score: float
    reasons: tuple[Reason, ...]


@dataclass(frozen=True)
class Ask:
    """A demand as it is asked: wanted items, purpose and service item in words; limit: matches per wanted item."""

    wanted: Sequence[Wanted]
    purpose: str = ""
    service_item: str = ""
    limit: int = 8


@dataclass(frozen=True)
class Supplier:
    """One resource of the smallest set that supplies a demand. wanted: places of the wanted items it is asked for."""

    department_id: str
    department_name: str
    resource_id: str
    resource_name: str
    wanted: tuple[int, ...]


@dataclass(frozen=True)
class Missing:
    """A wanted item that nobody has: its place, the nearest catalogued item if there is any, and why that one does not do."""

    wanted: int
    nearest: Candidate | None
    why: Reason


@dataclass(frozen=True)
class Answer:
    """A demand as matched: resources that serve its purpose, best first, with their scores; per wanted item what supplies it; the fewest departments and
    resources that together supply all that can be; and what nobody has.
    """

    resources: tuple[tuple[str, float], ...]
    items: tuple[tuple[Found, ...], ...]
    suppliers: tuple[Supplier, ...] = ()
    missing: tuple[Missing, ...] = ()
