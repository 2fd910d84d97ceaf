"""Why: what departments are scored by is a table with words, formula, weight and basis, so that a page can show it beside each figure and a week can
keep the table it was counted by. Called by this room, pages and `hutong supervision`.
"""

import hashlib
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, TypeAdapter

from exchange_api.evidence.canonical import canonical_json
from schemas import yaml_data
from schemas.errors import Language

LEAST = 5
"""Below this denominator a share says nothing: it is shown as n/a and counts in no score."""


class Indicator(BaseModel):
    """One indicator of indicators.yml. A weight of 0 counts in no score."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: str
    zh: str
    en: str
    formula: dict[Language, str]
    window: dict[Language, str]
    basis: str
    direction: Literal["up", "veto"]
    weight: int
    no_source: dict[Language, str] | None = None

    def name(self, language: Language) -> str:
        """Return its name."""
        return self.zh if language == "zh" else self.en


@cache
def indicators() -> tuple[Indicator, ...]:
    """Return the indicators in the table's order."""
    return read(yaml_data.parse(files("exchange_api.supervision").joinpath("indicators.yml").read_text("utf-8")))


def read(rows: list[dict[str, Any]]) -> tuple[Indicator, ...]:
    """Return indicators as a week kept them."""
    return TypeAdapter(tuple[Indicator, ...]).validate_python(rows)


@cache
def version() -> str:
    """Return what names this state of the table: the first twelve digits of its digest."""
    return hashlib.sha256(canonical_json([one.model_dump() for one in indicators()])).hexdigest()[:12]
