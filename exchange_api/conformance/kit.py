"""Why: one run of the whole kit against one deployment, and what is said of it. Called by `hutong conformance` and tests."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from exchange_api.conformance import answers, asking, bulk, proof, seals
from exchange_api.conformance.probe import Failed, Given, Probe, Unchecked
from exchange_api.conformance.rules import RULES, Rule
from schemas.errors import HutongError

State = Literal["held", "broken", "unchecked"]
ORDER = (asking, answers, bulk, proof, seals)
"""The modules with checks; `seals` looks at what the others asked, so it comes last."""
_HAS: dict[str, Callable[[Given], bool]] = {
    "nothing": lambda _: True,
    "key": lambda given: given.signer is not None,
    "grant": lambda given: given.signer is not None and bool(given.grant and given.subjects and given.purpose),
}


@dataclass(frozen=True)
class Finding:
    """What became of one rule."""

    number: int
    rule: Rule
    state: State
    fact: str


@dataclass(frozen=True)
class Report:
    """What became of all rules."""

    url: str
    findings: tuple[Finding, ...]

    @property
    def broken(self) -> tuple[Finding, ...]:
        """Return the rules that do not hold."""
        return tuple(finding for finding in self.findings if finding.state == "broken")

    def document(self) -> dict[str, Any]:
        """Return the report as plain values."""
        counts = {state: sum(one.state == state for one in self.findings) for state in ("held", "broken", "unchecked")}
        rules = [
            {
                "number": one.number, "rule": one.rule.id, "title": {"zh": one.rule.zh, "en": one.rule.en},
                "state": one.state, "fact": one.fact,
            }
            for one in self.findings
        ]  # fmt: skip
        return {"url": self.url, "protocol": "hutong-9421/1", "conforms": not self.broken, **counts, "rules": rules}


def rules() -> list[Rule]:
    """Return every rule in the order of its number."""
    return sorted(RULES, key=lambda rule: [module.__name__ for module in ORDER].index(rule.check.__module__))


def examine(given: Given, note: Callable[[Finding], None] = lambda _: None) -> Report:
    """Look at every rule that can be looked at with what is given; `note` hears of each at once. Raises Transient client.unreachable."""
    probe = Probe(given)
    findings: list[Finding] = []
    for number, rule in enumerate(rules(), 1):
        findings.append(Finding(number, rule, *_look(probe, rule)))
        note(findings[-1])
    return Report(given.url, tuple(findings))


def _look(probe: Probe, rule: Rule) -> tuple[State, str]:
    if not _HAS[rule.needs](probe.given):
        return "unchecked", "needs --key" if rule.needs == "key" else "needs --key, --grant, a purpose and subjects"
    try:
        return "held", rule.check(probe)
    except Unchecked as why:
        return "unchecked", str(why)
    except Failed as fact:
        return "broken", str(fact)
    except HutongError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as odd:
        return "broken", f"the answer has another shape than the protocol's ({type(odd).__name__}: {odd})"[:300]
