"""Why: a rule of docs/protocol.md has a number, words in both languages and one function that looks whether it holds. The checks of this room are entered
here by `rule`; `kit` goes through them in their order.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from exchange_api.conformance.probe import Probe

Needs = Literal["nothing", "key", "grant"]
Check = Callable[[Probe], str]


@dataclass(frozen=True)
class Rule:
    """One rule. clause: where in docs/protocol.md it stands; needs: what must be given to look at it."""

    id: str
    clause: str
    zh: str
    en: str
    needs: Needs
    check: Check


RULES: list[Rule] = []


def rule(id: str, words: tuple[str, str], needs: Needs = "nothing") -> Callable[[Check], Check]:
    """Enter a check; the part of `id` before the dot names the clause. The check returns what it saw, or raises Failed or Unchecked."""

    def enter(check: Check) -> Check:
        RULES.append(Rule(id, id.partition(".")[0], *words, needs, check))
        return check

    return enter
