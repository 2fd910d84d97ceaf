"""Why: who is new at a desk asks first what it is for. Guides, areas and terms stand in help/*.yml, in both languages; here they are read, searched and
found by address. Called by `pages.help`, and by `rendering` for the link 帮助 on every page.
"""

import re
from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy.orm import Session

from catalog import deadlines
from exchange_api.portal import assets
from schemas import calendar, yaml_data
from schemas.errors import ErrorCode, HutongError, Language, error_codes

HELP = "/portal/help"
_LINKED = re.compile(r"(.*?)\[(.+?)\](.*)", re.DOTALL)
_RULE = re.compile(r"\{(\w+)\}")
_FACT = re.compile(r"\{\{|\}\}|\{[^{}]*\}")


@dataclass(frozen=True)
class Direction:
    """One step of a guide: the words before the link, those of the link, those after it, and the page it leads to."""

    before: str
    linked: str
    after: str
    address: str


@dataclass(frozen=True)
class Guide:
    """What one role reads: what it comes for, its first steps, what happens next and by when, whom to ask."""

    role: str
    purpose: str
    steps: tuple[Direction, ...]
    then: str
    ask: str


@dataclass(frozen=True)
class Area:
    """What one area of the portal is for; address: where it begins."""

    key: str
    title: str
    words: str
    address: str


@dataclass(frozen=True)
class Term:
    """One term of the glossary, in the reader's language first; key: its anchor."""

    key: str
    name: str
    other: str
    meaning: str


@dataclass(frozen=True)
class Code:
    """One error in words; what stands for a fact is shown as an ellipsis."""

    code: str
    status: int
    title: str
    remedy: str


def guides(session: Session, language: Language, first: frozenset[str]) -> list[Guide]:
    """Return every role's guide, those of the roles named first before the others, with the working days of the rules in force."""
    days = _days(session)
    found = [_guide(role, kept, language, days) for role, kept in read("guides").items()]
    return sorted(found, key=lambda one: one.role not in first)


def rules_named() -> set[str]:
    """Return the keys of the deadline rules that guides name."""
    return {key for kept in read("guides").values() for words in kept["next"].values() for key in _RULE.findall(words)}


def areas(language: Language) -> list[Area]:
    """Return every area of the portal."""
    return [Area(key, kept[language][0], kept[language][1], kept["at"][0]) for key, kept in read("areas").items()]


def address_for(path: str) -> str:
    """Return where the help for a page begins: the area whose prefix fits longest, else the guides."""
    fitting = [(at, key) for at, key in _prefixes() if path == at or (at != "/portal/" and path.startswith(f"{at}/"))]
    return f"{HELP}#area-{max(fitting, key=lambda one: len(one[0]))[1]}" if fitting else HELP


def terms(language: Language, sought: str = "") -> list[Term]:
    """Return the terms of the glossary that hold what is sought, in either language, in its order."""
    other: Language = "en" if language == "zh" else "zh"
    found = []
    for key, kept in read("glossary").items():
        if _holds(sought, kept["zh"], kept["en"], *kept["meaning"].values()):
            found.append(Term(key, kept[language], kept[other], kept["meaning"][language]))
    return found


def codes(language: Language, sought: str = "") -> list[Code]:
    """Return the errors whose code or words hold what is sought, in either language, by code."""
    every = sorted(error_codes().values(), key=lambda one: one.code)
    return [
        _code(one, language) for one in every if _holds(sought, one.code, *one.title.values(), *one.remedy.values())
    ]


@cache
def read(name: str) -> dict[str, Any]:
    """Return one of the files of help/ by name: guides, areas, glossary."""
    return dict(yaml_data.parse((assets.PORTAL / "help" / f"{name}.yml").read_text("utf-8")))


def _guide(role: str, kept: dict[str, Any], language: Language, days: dict[str, str]) -> Guide:
    steps = tuple(_direction(step[language], step["at"]) for step in kept["steps"])
    then = kept["next"][language].format_map(days)
    return Guide(role, kept["for"][language], steps, then, kept["ask"][language])


def _direction(words: str, address: str) -> Direction:
    found = _LINKED.fullmatch(words)
    return Direction(found[1], found[2], found[3], address) if found else Direction(words, "", "", address)


def _days(session: Session) -> dict[str, str]:
    """Return the days of every rule that guides name; a hub without the rule shows an ellipsis, not an error."""
    today, days = calendar.today(), defaultdict(lambda: "…")
    for key in sorted(rules_named()):
        try:
            days[key] = str(deadlines.rule(session, key, today).days)
        except HutongError:
            continue
    return days


@cache
def _prefixes() -> tuple[tuple[str, str], ...]:
    return tuple((at, key) for key, kept in read("areas").items() for at in kept["at"])


def _holds(sought: str, *texts: str) -> bool:
    """Return whether every word sought stands in one of the texts."""
    whole = "\n".join(texts).casefold()
    return all(word in whole for word in sought.casefold().split())


def _code(one: ErrorCode, language: Language) -> Code:
    return Code(one.code, one.status, _without_facts(one.title[language]), _without_facts(one.remedy[language]))


def _without_facts(words: str) -> str:
    return _FACT.sub(lambda found: found[0][0] if found[0] in ("{{", "}}") else "…", words)
