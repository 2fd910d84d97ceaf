"""Why: how the form of a resource's draft is laid out and called: groups of the workbook's columns in the order of the 2017 guide, each with its words and
what may be chosen. Read by the pages of the directory.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.datastructures import FormData

from catalog.workbook.columns import column_of, words
from catalog.workbook.writing import options_of
from exchange_api.directory.editing import CATEGORY, OF_ITEM, Row, Written
from exchange_api.portal.language import N_
from exchange_api.portal.visit import Visit, text_of, texts_of
from exchange_api.portal.words import word
from schemas.codes import code_table

LONG = ("abstract", "sharing.condition", "assessment.conclusion", "duty")
GROUPS: tuple[tuple[str, str, tuple[tuple[str, str], ...]], ...] = (
    ("about", N_("基本信息"), (
        ("name", N_("信息资源名称")), (CATEGORY, N_("信息资源分类（各级以 / 分隔）")), ("code", N_("信息资源代码（留空自动编码）")),
        ("inner_department", N_("下设机构")), ("keywords", N_("关键字")), ("abstract", N_("信息资源摘要")),
    )),
    ("format", N_("格式与更新"), (
        ("format.category", N_("格式分类")), ("format.type", N_("格式类型")), ("format.note", N_("其他类型格式描述")), ("update_cycle", N_("更新周期")),
        ("publish_date", N_("发布日期")), ("library", N_("基础库")),
    )),
    ("sharing", N_("共享与开放"), (
        ("sharing.type", N_("共享类型")), ("sharing.mode_category", N_("共享方式分类")), ("sharing.mode", N_("共享方式")),
        ("sharing.condition", N_("共享条件或不予共享依据")), ("sharing.uses", N_("共享用途")), ("is_open", N_("是否向社会开放")),
        ("open_condition", N_("开放条件")), ("open_theme", N_("开放主题分类")),
    )),
    ("assessment", N_("发布前评估"), (
        ("assessment.secrecy", N_("涉密评估")), ("assessment.holds_personal_information", N_("含个人信息")), ("assessment.assessed_by", N_("评估人")),
        ("assessment.assessed_on", N_("评估日期")), ("grade", N_("数据分级")), ("assessment.conclusion", N_("评估结论")),
    )),
    ("relations", N_("职责与关联"), (
        ("service_items", N_("关联业务事项")), ("system", N_("所属信息系统")), ("related_codes", N_("关联资源代码")), ("more_codes", N_("其他代码")),
        ("duty", N_("关联职责")),
    )),
)  # fmt: skip
ITEM = {
    "name": N_("信息项名称"), "type": N_("数据类型"), "length": N_("数据长度"), "required": N_("必填"), "sensitivity": N_("敏感级别"),
    "share_type": N_("共享属性"), "element": N_("数据元"), "id": N_("标识（留空自动生成）"), "code_table": N_("代码表"), "synonyms": N_("同义词"),
    "check": N_("校验码"), "pattern": N_("格式规则"), "minimum": N_("最小值"), "maximum": N_("最大值"), "attribute": N_("库属性"), "normalise": N_("规整方式"),
}  # fmt: skip
SHOWN = ("name", "type", "length", "required", "sensitivity", "share_type")
_WORDED = {
    "secrecy": "secrecy", "sensitivity": "sensitivity", "library": "library", "mode": "share_mode", "mode_category": "share_mode_category",
    "grade": "data_grade", "check": "check_kind",
}  # fmt: skip


@dataclass(frozen=True)
class FormField:
    """One field of the form: its name, its words, how it is filled in (`text`, `long`, `date`, `list`), or what may be chosen: written word → shown word."""

    name: str
    title: str
    kind: str
    options: Mapping[str, str]


def fields(visit: Visit) -> list[tuple[str, str, list[FormField]]]:
    """Return the form's groups: key, heading, fields."""
    return [(key, title, [_field(visit, name, said) for name, said in names]) for key, title, names in GROUPS]


def item_fields(visit: Visit) -> list[FormField]:
    """Return the fields of an item, those shown first."""
    return [_field(visit, f"items.{name}", said) for name, said in ITEM.items()]


def written(form: FormData) -> Written:
    """Return what the form says, with rows in their order; a row in which nothing is written is none."""
    cells = {name: text_of(form, name) for _, _, names in GROUPS for name, _ in names}
    columns = {name: texts_of(form, f"items.{name}") for name in OF_ITEM}
    rows: list[Row] = []
    for number in range(max(map(len, columns.values()), default=0)):
        rows.append({name: texts[number] if number < len(texts) else "" for name, texts in columns.items()})
    return Written(cells, rows, text_of(form, "seen"))


def changed(given: Written, do: str) -> Written:
    """Return the form after a button: an item more, one less, or one place up or down."""
    rows, (kind, _, at) = list(given.rows), do.partition(":")
    place = int(at) if at.isdecimal() and int(at) < len(rows) else None
    if kind == "add":
        rows.append(dict.fromkeys(OF_ITEM, ""))
    elif place is not None and kind == "remove":
        rows.pop(place)
    elif place is not None and kind in ("up", "down"):
        other = min(max(0, place + (1 if kind == "down" else -1)), len(rows) - 1)
        rows[place], rows[other] = rows[other], rows[place]
    return Written(given.cells, rows, given.seen)


def without_empty(given: Written) -> Written:
    """Return the form without rows in which nothing is written."""
    return Written(given.cells, [row for row in given.rows if any(row.values())], given.seen)


def _field(visit: Visit, name: str, title: str) -> FormField:
    known = column_of(name)
    kind, _, argument = known.kind.partition(":")
    shown = "long" if name in LONG else kind if kind in ("date", "list") else "text"
    return FormField(name, title, shown, _options(visit, name, (kind, argument)))


def _options(visit: Visit, name: str, form: tuple[str, str]) -> dict[str, str]:
    """Return what may be chosen, as it is written (the workbook's word) and as the reader sees it (still to be translated where it is our own word)."""
    kind, argument = form
    if kind == "table":
        table = code_table(argument)
        shown = table.english if visit.language == "en" else table.entries
        return {label: shown.get(code, label) for code, label in table.entries.items()}
    if kind == "words":
        return {known[0]: word(_WORDED[argument], value) for value, known in words()[argument].items()}
    return {one: one for one in options_of(column_of(name))}
