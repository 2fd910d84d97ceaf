"""Why: a resource is read by people: every element of the guide with its name, codes in words, items with what their elements say otherwise, gaps, versions.
Called by `hutong catalog show`.
"""

from collections.abc import Callable, Iterator
from typing import Any

import typer
from rich.console import Console
from sqlalchemy.orm import Session

from catalog import directory, elements
from catalog.dictionary import binding
from catalog.gaps import gaps, known
from hutong.commands.tables import plain_table, show
from schemas.calendar import CHINA
from schemas.codes import code_table
from schemas.resource import Item, ResourceDraft
from schemas.tables.departments import Department
from schemas.tables.directory import ResourceVersion

LABELS = {
    "id": "标识", "code": "信息资源代码", "more_codes": "其他代码", "category": "信息资源分类", "name": "信息资源名称", "department": "提供方",
    "inner_department": "下设机构", "abstract": "摘要", "keywords": "关键字", "format": "格式", "sharing": "共享属性", "is_open": "是否开放",
    "open_condition": "开放条件", "open_theme": "开放主题分类", "update_cycle": "更新周期", "publish_date": "发布日期", "related_codes": "关联资源代码",
    "duty": "关联职责", "service_items": "关联业务事项", "system": "所属信息系统", "grade": "数据分级", "assessment": "发布前评估", "survey": "资源普查",
    "library": "归集到", "source": "数据来源", "quality": "质量门限", "checks": "检查规则",
}  # fmt: skip


def describe(session: Session, row: ResourceVersion) -> None:
    """Print one version: metadata, items, gaps of one not yet published, all versions."""
    document = ResourceDraft.model_validate(row.document)
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"[bold]{document.name}[/bold]  {row.id}  {row.state}", markup=True)
    for name, label in LABELS.items():
        if said := _owner(session, row) if name == "department" else _said(document, name):
            typer.echo(f"{label}: {said}")
    _items(session, document)
    if row.state in ("draft", "office_review", "authority_review"):
        for gap in gaps(document, known(session, [document])):
            typer.echo(f"{'!' if gap.is_blocking else '-'} {gap.field}: {gap.words('zh')} / {gap.words('en')}")
    for one in directory.versions(session, row.resource_id):
        day = one.published_at or one.effective_at or one.created_at
        typer.echo(f"版本 {one.version}  {one.state}  {day.astimezone(CHINA):%Y-%m-%d}  {one.change or ''}".rstrip())


def _owner(session: Session, row: ResourceVersion) -> str:
    """Whose it is today: reforms move resources."""
    department = session.get_one(Department, row.department_id)
    return f"{department.name} ({department.id})"


def _said(document: ResourceDraft, name: str) -> str:
    """A field in words; empty when nothing is said, which for a draft is a gap and told as one."""
    value = getattr(document, name)
    if value in (None, "", (), False):
        return ""
    if name in _IN_WORDS:
        return _IN_WORDS[name](value)
    if isinstance(value, tuple):
        return ", ".join(one.id if hasattr(one, "id") else str(one) for one in value)
    return "是" if value is True else _flat(value)


def _flat(value: Any) -> str:
    if not hasattr(value, "model_dump"):
        return str(value)
    parts = value.model_dump(mode="json", exclude_none=True).items()
    return "; ".join(f"{key}={part}" for key, part in parts if part not in ((), [], {}, ""))


def _coded(table: str, code: Any) -> str:
    return f"{code} {code_table(table).entries.get(str(code), '')}".strip()


def _format(value: Any) -> str:
    return f"{_coded('format_category', value.category)} / {value.type}" + (f" ({value.note})" if value.note else "")


def _sharing(value: Any) -> str:
    parts = [
        _coded("sharing_type", value.type),
        value.condition,
        "、".join(value.uses),
        f"{value.mode_category}-{value.mode}",
    ]
    return "; ".join(part for part in parts if part)


_IN_WORDS: dict[str, Callable[[Any], str]] = {
    "format": _format,
    "sharing": _sharing,
    "update_cycle": lambda value: _coded("update_cycle", value),
}


def _items(session: Session, document: ResourceDraft) -> None:
    if not document.items:
        return
    dictionary = {one.id: one for one in elements.find(session)}
    table = plain_table("信息项", "名称", "类型", "必填", "代码表", "共享", "敏感级别", "数据元", "与数据元不同之处")
    for item in document.items:
        element = dictionary.get(item.element or "")
        differing = ", ".join(_deviation(one) for one in binding.deviations(item, element)) if element else ""
        table.add_row(*_row(item, document), element.name if element else item.element or "-", differing or "-")
    show(table)


def _row(item: Item, document: ResourceDraft) -> Iterator[str]:
    share = item.share_type or (document.sharing.type if document.sharing else None)
    yield from (item.id, item.name, f"{item.type}({item.length})" if item.length else item.type)
    yield from ("是" if item.required else "-", item.code_table or "-", str(share or "-"), item.sensitivity)


def _deviation(one: binding.Deviation) -> str:
    return f"{one.field} {one.meant} → {one.said}{' !' if one.is_weaker else ''}"
