"""Why: service items are known by codes of three lengths (GB/T 39554.1-2020), and every province still lives with older forms of its own.
Reads a code, says which form it has, and flags what does not conform; nothing is thrown away.

Called by `services` and `catalog.lists.service_list`. The lengths and the parts of 实施编码 were read from real codes; the split of 基本编码 is inferred
from them, so its kind and department are told but never judged.
"""

import re
from dataclasses import dataclass, field
from typing import Any, Literal

from schemas.errors import Invalid
from schemas.identifiers import parse_uscc

Form = Literal["catalog", "task", "handle", "local", "unknown"]
CATALOG_LENGTH, TASK_LENGTH, HANDLE_LENGTH = 12, 31, 33
USCC_LENGTH = 18
LEVELS = "123456"  # 行使层级: nation, province, city, county, town, village
# two forms of a province before the national codes: 511A0138000000-511602000000-000-<body>-1-00 and E-000004-001-<body>
_LOCAL = (
    re.compile(r"(?P<head>[0-9A-Za-z-]+?)-(?P<division>\d{12})-\d{3}-(?P<body>.+)-\d-\d{2}"),
    re.compile(r"(?P<head>[A-Z]-\d{6}-\d{3})-(?P<body>.+)"),
)


@dataclass(frozen=True)
class Flag:
    """What does not conform in a code: a key of findings.yml with its facts."""

    code: str
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class CatalogCode:
    """The parts of 基本编码: area (00 national, else a province), kind, department, main item, sub-item."""

    area: str
    kind: str
    department: str
    main: str
    sub: str

    @property
    def text(self) -> str:
        """Return the twelve digits."""
        return self.area + self.kind + self.department + self.main + self.sub


@dataclass(frozen=True)
class TaskCode:
    """The parts of 实施编码: the implementing body's USCC, the level that exercises it, and 基本编码."""

    uscc: str
    level: str
    catalog: CatalogCode

    @property
    def text(self) -> str:
        """Return the 31 characters."""
        return self.uscc + self.level + self.catalog.text


@dataclass(frozen=True)
class ServiceCode:
    """A code as it was given, which form it has, what could be read of it, and what does not conform."""

    text: str
    form: Form
    uscc: str | None = None
    level: str | None = None
    catalog_code: str | None = None
    division: str | None = None
    flags: tuple[Flag, ...] = ()


def parse_catalog_code(text: str) -> CatalogCode:
    """Parse 基本编码, twelve digits. Raises Invalid `service_code.length`, `service_code.characters`."""
    _require_length(text, CATALOG_LENGTH, "基本编码")
    if not (text.isascii() and text.isdigit()):
        raise Invalid("service_code.characters", kind="基本编码", value=text)
    return CatalogCode(text[:2], text[2:4], text[4:6], text[6:9], text[9:])


def parse_task_code(text: str) -> TaskCode:
    """Parse 实施编码: USCC (18), level (1), 基本编码 (12). Raises Invalid `service_code.*` and, for the USCC inside, `identifier.*`."""
    _require_length(text, TASK_LENGTH, "实施编码")
    uscc, level = text[:USCC_LENGTH], text[USCC_LENGTH]
    parse_uscc(uscc)
    if level not in LEVELS:
        raise Invalid("service_code.level", level=level, value=text)
    return TaskCode(uscc, level, parse_catalog_code(text[USCC_LENGTH + 1 :]))


def parse_handle_code(text: str) -> tuple[TaskCode, str]:
    """Parse 业务办理项编码: 实施编码 (31) and two digits; return both. Raises as `parse_task_code`."""
    _require_length(text, HANDLE_LENGTH, "业务办理项编码")
    if not (text.isascii() and text[TASK_LENGTH:].isdigit()):
        raise Invalid("service_code.characters", kind="业务办理项编码", value=text)
    return parse_task_code(text[:TASK_LENGTH]), text[TASK_LENGTH:]


def read_code(text: str) -> ServiceCode:
    """Return what a code of any form says. Never raises: an old or wrong code is flagged and kept."""
    if len(text) in (CATALOG_LENGTH, TASK_LENGTH, HANDLE_LENGTH) and "-" not in text:
        return _read_national(text)
    for pattern in _LOCAL:
        if found := pattern.fullmatch(text):
            return _read_local(text, found.groupdict())
    return ServiceCode(text, "unknown", flags=(Flag("service.unknown_code", {"given": text}),))


def uscc_flags(text: str, where: str) -> tuple[Flag, ...]:
    """Return the flag of a credit code that is none; `where` says whose it is. An empty one has no flag."""
    try:
        parse_uscc(text)
    except Invalid as error:
        return (Flag("service.invalid_uscc", {"uscc": text, "where": where, "why": error.code}),) if text else ()
    return ()


def _read_national(text: str) -> ServiceCode:
    if len(text) == CATALOG_LENGTH:
        flags = _flags_of(lambda: parse_catalog_code(text), text)
        return ServiceCode(text, "catalog", catalog_code=None if flags else text, flags=flags)
    form: Form = "task" if len(text) == TASK_LENGTH else "handle"
    flags = _flags_of(lambda: parse_task_code(text) if form == "task" else parse_handle_code(text), text)
    inner = text[USCC_LENGTH + 1 : TASK_LENGTH]
    return ServiceCode(
        text, form, uscc=text[:USCC_LENGTH], level=text[USCC_LENGTH] if text[USCC_LENGTH] in LEVELS else None,
        catalog_code=inner if inner.isascii() and inner.isdigit() else None, flags=flags,
    )  # fmt: skip


def _read_local(text: str, parts: dict[str, Any]) -> ServiceCode:
    head, body = parts["head"], parts["body"]
    national = head if len(head) == CATALOG_LENGTH and head.isascii() and head.isdigit() else None
    flags = (Flag("service.old_code", {"given": text}), *uscc_flags(body, "code"))
    return ServiceCode(text, "local", uscc=body, catalog_code=national, division=parts.get("division"), flags=flags)


def _flags_of(parse: Any, text: str) -> tuple[Flag, ...]:
    try:
        parse()
    except Invalid as error:
        if error.code.startswith("identifier."):
            return (Flag("service.invalid_uscc", {"uscc": text[:USCC_LENGTH], "where": "code", "why": error.code}),)
        return (Flag(error.code, dict(error.facts)),)
    return ()


def _require_length(text: str, length: int, kind: str) -> None:
    if len(text) != length:
        raise Invalid("service_code.length", kind=kind, expected=length, found=len(text), value=text)
