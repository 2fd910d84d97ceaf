"""Why: what a person decides in place of the sources must say who decided and why. Anyone who takes such decisions down may use it."""

from dataclasses import dataclass

from schemas.errors import Invalid


@dataclass(frozen=True)
class Grounds:
    """Who decides, and why, in words. Raises Invalid `decision.no_grounds` when one of them is missing."""

    reason: str
    by: str

    def __post_init__(self) -> None:
        for name in ("reason", "by"):
            if not getattr(self, name).strip():
                raise Invalid("decision.no_grounds", missing=name)
