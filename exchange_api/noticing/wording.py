"""Why: a notice is a key and facts; mail, webhooks, shells and pages say it in words, in two languages. Whatever the key and whatever the facts, words come
of it: a notice that nobody can word is still a notice. Called by the channels, commands and the portal.
"""

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from exchange_api.noticing import kinds
from exchange_api.portal import words
from exchange_api.portal.language import translations
from schemas.errors import Language

LONGEST = 300
MISSING = "…"
_PERSONAL = re.compile(r"(?<![0-9A-Za-z-])(?:\d{17}[\dXx]|\d{15}|1[3-9]\d{9})(?![0-9A-Za-z-])")
"""Citizen ids old and new, mobile numbers. Facts hold none; a purpose that an officer wrote might."""


class _Facts(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return "" if key == "purpose" else MISSING


def say(key: str, facts: Mapping[str, Any], language: Language = "zh") -> str:
    """Return a notice in words, as the portal shows it to the department's own officers. Never raises."""
    wording = words.NOTICE.get(key)
    if wording:
        try:
            return translations(language).gettext(wording) % _Facts(facts)
        except (TypeError, ValueError):  # a wording and facts that do not fit: the facts are still told
            pass
    told = " ".join(f"{name}={value}" for name, value in facts.items())
    return f"{kinds.kind_word(key, language)}: {key} {told}".rstrip()


def say_outside(key: str, facts: Mapping[str, Any], language: Language = "zh") -> str:
    """Return a notice in words for the outside: one line, no control or direction marks, numbers of persons struck out, at most 300 characters."""
    return plain(say(key, facts, language))


def plain_facts(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return facts for the outside: texts made plain, numbers and truths as they are."""
    return {
        name: value if isinstance(value, int | float | bool) or value is None else plain(str(value))
        for name, value in facts.items()
    }


def plain(text: str) -> str:
    """Return a text as one harmless line."""
    line = "".join(" " if unicodedata.category(one)[0] == "C" else one for one in text)
    line = _PERSONAL.sub("***", " ".join(line.split()))
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + MISSING
