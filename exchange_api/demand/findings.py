"""Why: what speaks against a demand, or for a better one, is said in words at the place where it is meant. Kept with the demand; pages, the officers' API and
`hutong demand` show it. Made by `conformity` alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any, Literal, Self

from schemas import yaml_data

Severity = Literal["error", "warning", "suggestion"]


@dataclass(frozen=True)
class Finding:
    """One finding. where: a field of the form, or `items.<position>`; facts fill the words and hold nothing personal."""

    code: str
    where: str
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def severity(self) -> Severity:
        """Return how grave it is: an error keeps a demand from being submitted."""
        found: Severity = _words()[self.code]["severity"]
        return found

    def title(self, language: str = "zh") -> str:
        """Return what was found, in words."""
        return str(_words()[self.code]["title"][language]).format_map(dict(self.facts))

    def remedy(self, language: str = "zh") -> str:
        """Return what can be done about it, in words."""
        return str(_words()[self.code]["remedy"][language]).format_map(dict(self.facts))

    def kept(self) -> dict[str, Any]:
        """Return it as it is kept with the demand."""
        return {"code": self.code, "severity": self.severity, "where": self.where, "facts": dict(self.facts)}

    @classmethod
    def read(cls, kept: Mapping[str, Any]) -> Self:
        """Return one that was kept."""
        return cls(kept["code"], kept["where"], kept["facts"])


def of(kept: list[dict[str, Any]]) -> list[Finding]:
    """Return the findings kept with a demand, those with a code that is no longer known left out."""
    return [Finding.read(one) for one in kept if one["code"] in _words()]


@cache
def _words() -> dict[str, Any]:
    found: dict[str, Any] = yaml_data.parse(files("exchange_api.demand").joinpath("findings.yml").read_text("utf-8"))
    return found
