"""Why: departments' descriptions have gaps, and nobody should have to find them by eye. Says what a draft lacks or says that cannot be.

A blocking gap keeps a draft from review and publication; the others are advice. `known(session)` is asked once for many drafts; the judging itself asks
no database. Called by the directory's desk, reviews, importers and pages. The words are in `gaps.yml`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from catalog import codes
from catalog.findings import finding_words
from catalog.known import Known, folded
from catalog.known import known as known
from schemas.bound import BESIDE_ATTRIBUTES
from schemas.codes import code_table, code_tables
from schemas.errors import Language
from schemas.library import library
from schemas.resource import STRUCTURED, ResourceDraft

LABELS = {  # 2017 guide, core metadata elements; art. 13 of the regulation asks for the grade too
    "category": ("信息资源分类", "the category (element 1)"),
    "code": ("信息资源代码", "the resource code (element 3)"),
    "abstract": ("信息资源摘要", "the abstract (element 6)"),
    "format": ("信息资源格式", "the format (element 7)"),
    "sharing": ("共享属性", "the sharing attribute (element 9)"),
    "update_cycle": ("更新周期", "the update cycle (element 11)"),
    "keywords": ("关键字", "keywords"),
    "duty": ("关联职责", "the duty the data comes from"),
    "grade": ("数据分级", "the data grade"),
}
REQUIRED = ("category", "code", "abstract", "format", "sharing", "update_cycle")
ADVISED = ("keywords", "duty", "grade")
FILES, DATABASE, SELF_DESCRIBED = ("1", "2", "4", "5"), "3", "6"  # format categories
MODES = {"共享平台方式": ("数据库", "文件", "接口"), "其他方式": ("邮件", "拷盘", "介质交换")}  # element 9.3
_SECRETS = {"work_secret": ("工作秘密", "a work secret"), "state_secret": ("国家秘密", "a state secret")}
_SYSTEM = re.compile(r"(?:系统|平台|软件|APP|小程序|网站|数据库)(?:[Vv]?\d[\d.]*|[(（].*[)）])?$", re.IGNORECASE)
_LAW = re.compile(r"《.+?》|国务院.*决定")


@dataclass(frozen=True)
class Gap:
    """One thing lacking or impossible: the field it is about (`items.<id>` for one item), its code in gaps.yml, the facts of its words."""

    field: str
    code: str
    facts: Mapping[str, Any]
    is_blocking: bool = True

    def words(self, language: Language = "zh") -> str:
        """Return what is wrong."""
        return finding_words(self.code)["title"][language].format_map(self.facts)

    def remedy(self, language: Language = "zh") -> str:
        """Return how to mend it."""
        return finding_words(self.code)["remedy"][language].format_map(self.facts)


def gaps(draft: ResourceDraft, known: Known) -> list[Gap]:
    """Return every gap of a draft, blocking ones first, each in the order of the guide's elements."""
    found = [gap for judge in _JUDGES for gap in judge(draft, known)]
    return sorted(found, key=lambda gap: not gap.is_blocking)


def blocking(draft: ResourceDraft, known: Known) -> list[Gap]:
    """Return the gaps that keep a draft from review and publication."""
    return [gap for gap in gaps(draft, known) if gap.is_blocking]


def _required(draft: ResourceDraft, _: Known) -> Iterator[Gap]:
    for name in (*REQUIRED, *ADVISED):
        if getattr(draft, name) in (None, "", ()):
            if name == "code" and draft.category:
                yield Gap(name, "gap.no_code_given", {"category": draft.category})
            else:
                zh, en = LABELS[name]
                yield Gap(name, "gap.missing", {"label_zh": zh, "label_en": en}, name in REQUIRED)


def _department(draft: ResourceDraft, known: Known) -> Iterator[Gap]:
    state = known.departments.get(draft.department, "unknown")
    if state != "active":
        yield Gap("department", f"gap.department_{state}", {"department": draft.department})


def _name(draft: ResourceDraft, known: Known) -> Iterator[Gap]:
    name = draft.name.strip()
    if _SYSTEM.search(name) or (draft.system and folded(name) == folded(draft.system)):
        yield Gap("name", "gap.name_is_system", {"name": name})
    if others := known.names.get((draft.department, folded(name)), frozenset()) - {draft.id}:
        yield Gap("name", "gap.name_repeats", {"name": name, "other": ", ".join(sorted(others))})


def _codes(draft: ResourceDraft, known: Known) -> Iterator[Gap]:
    for code in codes.codes_of(draft):
        if others := known.codes.get(code, frozenset()) - {draft.id}:
            yield Gap("code", "gap.code_repeats", {"code": code, "other": ", ".join(sorted(others))})
    if not draft.category:
        return
    kind, group = codes.class_of(draft.category), codes.group_of(draft.category)
    facts = {"code": draft.code, "category": draft.category}
    if kind is None:
        if draft.code:
            yield Gap("category", "gap.category_unknown", facts, is_blocking=False)
    elif draft.code and draft.code[0] != kind:
        yield Gap("code", "gap.code_of_other_class", {**facts, "is_class": draft.code[0], "category_class": kind})
    elif draft.code and group and draft.code[:3] != group:  # the guide's numbers of 项 are not confirmed: advice only
        facts |= {"is_group": draft.code[:3], "category_group": group}
        yield Gap("code", "gap.code_of_other_group", facts, is_blocking=False)


def _format(draft: ResourceDraft, _: Known) -> Iterator[Gap]:
    if not (given := draft.format):
        return
    categories = code_table("format_category").entries
    if given.category not in categories:
        known = "，".join(f"{code} {name}" for code, name in categories.items())
        yield Gap("format", "gap.format_category_unknown", {"category": given.category, "known": known})
        return
    types = _types().get(given.category)
    if types and given.type.casefold() not in types:
        facts = {"type": given.type, "category": categories[given.category], "known": ", ".join(types.values())}
        yield Gap("format", "gap.format_type_foreign", facts)
    if given.category == SELF_DESCRIBED and not (given.note or "").strip():
        yield Gap("format", "gap.format_note_missing", {})
    if not draft.items and given.category in STRUCTURED:
        yield Gap("items", "gap.items_missing", {"format": categories[given.category]})


def _sharing(draft: ResourceDraft, _: Known) -> Iterator[Gap]:
    if not (given := draft.sharing):
        return
    facts = {"mode": given.mode, "mode_category": given.mode_category, "known": "、".join(MODES[given.mode_category])}
    if given.mode not in MODES[given.mode_category]:
        yield Gap("sharing", "gap.mode_foreign", facts)
    category = draft.format.category if draft.format else ""
    # other ways (mail, disc, media) carry files too: the check of the operator is about the platform's three modes
    if category in FILES and given.mode in ("数据库", "接口"):
        shown = code_table("format_category").entries[category]
        yield Gap("sharing", "gap.file_mode", {**facts, "format": shown})
    if category == DATABASE and given.mode not in ("数据库", "接口"):
        yield Gap("sharing", "gap.database_mode", facts)
    if given.type == 3:
        if not _LAW.search(given.condition or ""):
            yield Gap("sharing", "gap.law_not_named", {}, is_blocking=False)
        if draft.is_open:
            yield Gap("is_open", "gap.open_but_refused", {}, is_blocking=False)


def _assessment(draft: ResourceDraft, _: Known) -> Iterator[Gap]:
    if not (given := draft.assessment):
        yield Gap("assessment", "gap.assessment_missing", {})
        return
    if given.secrecy != "none":
        zh, en = _SECRETS[given.secrecy]
        yield Gap("assessment", "gap.holds_secret", {"secrecy_zh": zh, "secrecy_en": en})
    personal = [item.name for item in draft.items if item.sensitivity in ("personal", "sensitive")]
    if personal and not given.holds_personal_information:
        yield Gap("assessment", "gap.personal_undeclared", {"items": "、".join(personal[:5])})
    if given.holds_personal_information and not given.conclusion.strip():
        yield Gap("assessment", "gap.conclusion_missing", {})


def _items(draft: ResourceDraft, known: Known) -> Iterator[Gap]:
    names: set[str] = set()
    for item in draft.items:
        if item.element and item.element not in known.elements:
            yield Gap(f"items.{item.id}", "gap.element_unknown", {"item": item.name, "element": item.element})
        if item.code_table and item.code_table not in _tables():
            facts = {"item": item.name, "table": item.code_table, "known": ", ".join(_tables())}
            yield Gap(f"items.{item.id}", "gap.code_table_unknown", facts)
        if (name := folded(item.name)) in names:
            yield Gap(f"items.{item.id}", "gap.item_repeats", {"name": item.name}, is_blocking=False)
        names.add(name)
    if unbound := sum(not item.element for item in draft.items):
        yield Gap("items", "gap.item_unbound", {"count": unbound, "total": len(draft.items)}, is_blocking=False)
    if endless := sum(item.type == "C" and not item.length for item in draft.items):
        yield Gap("items", "gap.length_missing", {"count": endless}, is_blocking=False)


def _library(draft: ResourceDraft, _: Known) -> Iterator[Gap]:
    if not draft.library:
        return
    attributes = (*BESIDE_ATTRIBUTES, *library(draft.library).attribute_ids)
    for item in draft.items:
        if item.attribute and item.attribute not in attributes:
            facts = {
                "item": item.name,
                "attribute": item.attribute,
                "library": draft.library,
                "known": ", ".join(attributes),
            }
            yield Gap(f"items.{item.id}", "gap.attribute_unknown", facts)
    if sum(item.attribute == "subject" for item in draft.items) != 1:
        yield Gap("library", "gap.no_subject", {"library": draft.library})


def _services(draft: ResourceDraft, known: Known) -> Iterator[Gap]:
    for service_item in draft.service_items:
        if service_item not in known.service_items:
            yield Gap("service_items", "gap.service_item_unknown", {"service_item": service_item}, is_blocking=False)


_JUDGES: Sequence[Any] = (
    _department, _name, _codes, _required, _format, _sharing, _assessment, _items, _library, _services,
)  # fmt: skip


@cache
def _types() -> dict[str, dict[str, str]]:
    """Return per format category its types by their folded spelling."""
    found: dict[str, dict[str, str]] = {}
    for row in code_table("format_type").rows:
        found.setdefault(row["category"], {})[row["code"].casefold()] = row["code"]
    return found


@cache
def _tables() -> tuple[str, ...]:
    return code_tables()
