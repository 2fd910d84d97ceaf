"""Why: what is asked for, what is catalogued, and what was found with its reasons: the words in which the matching room speaks with the desks."""

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
class Answer:
    """A demand as matched: resources that serve its purpose, best first, with their scores; per wanted item what supplies it."""

    resources: tuple[tuple[str, float], ...]
    items: tuple[tuple[Found, ...], ...]
