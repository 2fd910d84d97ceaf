"""Why: every failure has a code, a status and a decision. All storeys raise these; routers, tasks and commands translate them once, at their edge.

The type decides what happens next: Transient is retried, Terminal is not, Denied refuses a caller, Invalid names bad input.
The words live in `schemas/error_codes/*.yml`, one file per storey, so that they can be translated, listed at GET /v1/errors and documented.
"""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

Language = Literal["zh", "en"]


@dataclass(frozen=True)
class ErrorCode:
    """One catalogued failure: its code, HTTP status, and in both languages what failed (`title`) and how to mend it (`remedy`)."""

    code: str
    status: int
    title: dict[str, str]
    remedy: dict[str, str]


@cache
def error_codes() -> dict[str, ErrorCode]:
    """Return every catalogued error by code."""
    found: dict[str, ErrorCode] = {}
    for file in sorted(files(__package__).joinpath("error_codes").iterdir(), key=lambda f: f.name):
        if file.name.endswith((".yml", ".json")):
            for code, entry in _parse(file.name, file.read_text("utf-8")).items():
                found[code] = ErrorCode(code, entry["status"], entry["title"], entry["remedy"])
    return found


def _parse(name: str, text: str) -> dict[str, Any]:
    if name.endswith(".json"):  # as the wheel of the SDK carries the words: it needs no YAML parser
        return dict(json.loads(text))
    from schemas import yaml_data

    return yaml_data.parse(text) or {}


class HutongError(Exception):
    """A failure with a catalogued code; `facts` fill the placeholders of its words and never hold personal data."""

    def __init__(self, code: str, **facts: Any) -> None:
        self.entry = error_codes()[code]
        self.code, self.status, self.facts = code, self.entry.status, facts
        super().__init__(f"{code}: {self.title('en')} {self.remedy('en')}")

    def title(self, language: Language = "zh") -> str:
        """Return what failed, in words, with the facts filled in."""
        return self.entry.title[language].format_map(_Facts(self.facts))

    def remedy(self, language: Language = "zh") -> str:
        """Return how to mend it, in words, with the facts filled in."""
        return self.entry.remedy[language].format_map(_Facts(self.facts))

    def __reduce__(self) -> tuple[Any, ...]:
        """Survive pickling between worker processes."""
        return _rebuild, (type(self), self.code, self.facts)


class Terminal(HutongError):
    """Trying again will not help."""


class Transient(HutongError):
    """Trying again may help."""


class Denied(HutongError):
    """The caller may not have it."""


class Invalid(HutongError):
    """The input is wrong; the error says where."""


class _Facts(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return f"<{key}>"


def _rebuild(kind: type[HutongError], code: str, facts: dict[str, Any]) -> HutongError:
    return kind(code, **facts)
