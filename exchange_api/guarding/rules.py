"""Why: what counts as abuse is a matter of numbers that an authority must be able to read and change without a programmer. Called by `guard` and `findings`."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from schemas import yaml_data
from schemas.errors import Invalid

Measure = Literal["run", "day_run", "unknown", "repeats", "refusals", "protected"]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of rules.yml; its words there."""

    key: str
    measure: Measure
    above: int
    seconds: int
    share: float
    suspends: bool
    pause: int
    zh: str
    en: str

    @property
    def code(self) -> str:
        """Return the code under which a suspension by this rule stands."""
        return f"guard.{self.key}"


@cache
def rules(path: Path | None = None) -> tuple[Rule, ...]:
    """Return the rules of a file, or the hub's own, in the file's order. Raises Invalid `guard.rules_malformed`."""
    try:
        own = files("exchange_api.guarding").joinpath("rules.yml")
        words = own.read_text("utf-8") if path is None else path.read_text("utf-8")
        return TypeAdapter(tuple[Rule, ...]).validate_python(yaml_data.parse(words))
    except (OSError, ValidationError) as wrong:
        raise Invalid("guard.rules_malformed", file=str(path), reason=type(wrong).__name__) from wrong


def rule(key: str, path: Path | None = None) -> Rule | None:
    """Return one rule, None when the file has none of this name."""
    return next((one for one in rules(path) if one.key == key), None)
