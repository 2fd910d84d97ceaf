"""Why: a rule's id says what failed, not what to do. Beside each reason stands its remedy, in words that follow from the rule's kind and options.
Called by correction files and pages of quarantine.
"""

from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import yaml
from sqlalchemy.orm import Session

from catalog.rules import Rule, rules_of
from libraries.batches import Task
from libraries.judging import steward_rules
from libraries.quarantine import MALFORMED
from schemas.errors import Language

_OTHER = "other"


def rules_by_id(session: Session, task: Task) -> dict[str, Rule]:
    """Return the rules that a batch is checked by now, those of stewards too, by id."""
    return {rule.id: rule for rule in (*rules_of(task.document), *steward_rules.active(session, task.batch))}


def remedies(rules: Mapping[str, Rule], language: Language) -> Mapping[str, str]:
    """Return reason → what to do about it; a reason that no rule explains any more has a remedy too."""
    found: defaultdict[str, str] = defaultdict(lambda: words()[_OTHER][language])
    found[MALFORMED] = words()[MALFORMED][language]
    for rule in rules.values():
        said = words().get(rule.kind, words()[_OTHER])[language]
        found[rule.id] = said.format_map(_Options(rule.options))
    return found


@cache
def words() -> dict[str, dict[str, Any]]:
    """Return the words by kind of rule and language."""
    found: dict[str, dict[str, Any]] = yaml.safe_load(files(__package__).joinpath("remedies.yml").read_text("utf-8"))
    return found


class _Options(dict[str, Any]):
    """A rule's options; what it leaves open is shown as open."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        super().__init__({name: "—" if value is None else value for name, value in options.items()})

    def __missing__(self, key: str) -> str:
        return "—"
