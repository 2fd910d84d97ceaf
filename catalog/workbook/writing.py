"""Why: what departments fill in, they must be able to get out again, whole: a workbook that is read back says exactly what the directory said.
Called by `hutong catalog export --format xlsx`. Streams: memory does not grow with the directory.

One row per item; resource cells stand on the first of a resource's rows, what names it on each of them, so that filters and sorting do no harm.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from catalog.workbook.cells import write_cell
from catalog.workbook.columns import GUIDE_SHEET, KEYS, SHEET, Column, columns, words
from catalog.workbook.draft import CATEGORY
from catalog.workbook.xlsx import HEADER, ITEM_HEADER, LONGEST_TEXT, Choice, SheetForm, Value, XlsxWriter, rows_of
from schemas.codes import code_table
from schemas.errors import Invalid
from schemas.resource import ResourceDraft
from schemas.tables.departments import Department

_CHOOSABLE = 255  # characters Excel allows in a drop-down list


def write_workbook(
    path: Path,
    drafts: Iterable[ResourceDraft],
    departments: Mapping[str, Department],
    told: Callable[[int], None] | None = None,
) -> int:
    """Write drafts as a directory workbook and return how many; the file appears whole or not at all. Raises Invalid `workbook.cell_too_long`."""
    count = 0

    def counted() -> Iterator[ResourceDraft]:
        nonlocal count
        for draft in drafts:
            count += 1
            if told:
                told(count)
            yield draft

    part = path.with_name(f".{path.name}.part")
    try:
        with XlsxWriter(part) as book:
            book.sheet(_form(), _rows(counted(), departments))
            book.sheet(SheetForm(GUIDE_SHEET, (28, 14, 60, 60)), rows_of(_guide()))
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return count


def _form() -> SheetForm:
    choices = [
        Choice(at, options, 2) for at, column in enumerate(columns()) if (options := options_of(column)) and len(",".join(options)) <= _CHOOSABLE
    ]  # fmt: skip
    return SheetForm(SHEET, [column.width for column in columns()], choices=choices)


def options_of(column: Column) -> tuple[str, ...]:
    """Return what a column's cells may say, where that is a list."""
    kind, _, argument = column.kind.partition(":")
    if kind == "table":
        return tuple(code_table(argument).entries.values())
    if kind == "words":
        return tuple(known[0] for known in words()[argument].values())
    return ("是", "否") if kind == "yes_no" else ()


def _rows(drafts: Iterable[ResourceDraft], departments: Mapping[str, Department]) -> Iterator[list[tuple[Value, int]]]:
    yield [(column.header, ITEM_HEADER if column.is_of_item else HEADER) for column in columns()]
    item_columns = [
        (at, column, column.key.removeprefix("items.")) for at, column in enumerate(columns()) if column.is_of_item
    ]
    repeated = [at for at, column in enumerate(columns()) if column.key in KEYS]
    for number, draft in enumerate(drafts, 1):
        first: list[Value] = _resource_cells(draft, departments)
        first[0] = number
        again: list[Value] = [None] * len(first)
        for at in repeated:
            again[at] = first[at]
        yield from rows_of(_item_rows(draft, first, again, item_columns))


def _item_rows(
    draft: ResourceDraft, first: list[Value], again: list[Value], item_columns: Sequence[tuple[int, Column, str]]
) -> Iterator[list[Value]]:
    if not draft.items:
        yield first
    for place, item in enumerate(draft.items):
        row = first if place == 0 else again.copy()
        for at, column, name in item_columns:
            row[at] = _cell(column, getattr(item, name), draft.id)
        yield row


def _resource_cells(draft: ResourceDraft, departments: Mapping[str, Department]) -> list[Value]:
    said = _said(draft, departments)
    return [_cell(column, said.get(column.key), draft.id) for column in columns()]


def _said(draft: ResourceDraft, departments: Mapping[str, Department]) -> dict[str, Any]:
    """Return the document by the columns' keys; a part that says nothing but defaults may be left out."""
    department = departments.get(draft.department)
    said: dict[str, Any] = {
        "provider_name": department.name if department else None,
        "provider_uscc": department.uscc if department else None,
    } | dict(zip(CATEGORY, _levels(draft.category), strict=False))
    for name in type(draft).model_fields:
        value = getattr(draft, name)
        if name in ("format", "sharing", "assessment", "survey") and value is not None:
            said |= {f"{name}.{part}": getattr(value, part) for part in type(value).model_fields}
        elif name in ("source", "checks", "quality"):
            said[name] = _as_json(draft, name)
        elif name not in ("items", "category"):
            said[name] = value
    return said


def _as_json(draft: ResourceDraft, name: str) -> Any:
    if getattr(draft, name) == type(draft).model_fields[name].get_default():
        return None
    return draft.model_dump(mode="json", include={name}, by_alias=True, exclude_defaults=True)[name]


def _levels(category: str | None) -> list[str]:
    """Split a path into at most five levels; one that would not come back the same stays whole in the first cell."""
    if category is None:
        return []
    parts = category.split("/", len(CATEGORY) - 1)
    return parts if all(part.strip() for part in parts) else [category]


def _cell(column: Column, value: Any, resource: str) -> Value:
    written = write_cell(column, value)
    if isinstance(written, str) and len(written) > LONGEST_TEXT:
        raise Invalid("workbook.cell_too_long", column=column.header, resource=resource, length=len(written))
    return written


def _guide() -> Iterator[Sequence[Value]]:
    yield ("列 column", "层级 level", "可填内容 may say", "也识别的表头 also known as")
    for column in columns():
        options = "、".join(options_of(column)) or _KINDS.get(column.kind, "")
        level = "信息项 item" if column.is_of_item else "资源 resource"
        yield (column.header, level, options, "、".join(column.also))


_KINDS = {
    "text": "文字 text", "code": "文本格式的代码 code, as text", "list": "用“；”分隔 parted by ；", "whole": "整数 whole number",
    "number": "数值 number", "figure": "数值，不带单位，不清楚填 0 number without unit", "date": "2026-01-31", "json": "JSON，由导出生成 as exported",
}  # fmt: skip
