"""Why: what a check found of one invariant, in one shape for queries and streams. Used within `libraries.auditing` and by whoever shows it."""

from dataclasses import dataclass, field

EXAMPLES = 5


@dataclass(frozen=True)
class Finding:
    """One invariant of one library: rows looked at, breakers, the first of their keys in clear (whoever shows them masks them), seconds it took."""

    library: str
    invariant: str
    zh: str
    en: str
    looked: int
    violations: int
    keys: tuple[str, ...] = field(repr=False)
    seconds: float
