"""A small town's directory, and workbooks made while tests run: by the hub itself, and as offices make them."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from sqlalchemy.orm import Session

from catalog import departments, elements
from catalog.departments import DepartmentDocument

SHORT = ["序号", "部门类信息资源分类", "信息资源名称", "信息资源代码", "信息资源摘要", "格式分类", "格式类型", "信息项名称", "数据类型",
         "数据长度", "共享类型", "共享条件/不予共享依据", "共享方式类型", "是否向社会开放", "更新周期", "发布日期", "信息资源提供方"]  # fmt: skip
LOWLAND = ["1", "部门信息资源", "低保对象信息", "306001/0001", "低保对象名册", "数据库", "oracle", "姓名", "字符型",
           50, "有条件共享", "用于救助审批", "数据库", "否", "每月", "2026-01-31", "兴和市民政局"]  # fmt: skip


@pytest.fixture
def town(session: Session) -> Session:
    """A session in which three departments and a data element are known."""
    for department in (
        DepartmentDocument(id="city", name="兴和市人民政府", short_name="市政府"),
        DepartmentDocument(
            id="civil_affairs", name="兴和市民政局", short_name="民政局", former_names=("兴和县民政局",)
        ),
        DepartmentDocument(id="public_security", name="兴和市公安局", short_name="公安局"),
    ):
        departments.save(session, department)
    elements.save(session, elements.ElementDocument(id="citizen_id", name="公民身份号码", type="C", length=18))
    return session


@pytest.fixture
def book(tmp_path: Path) -> Callable[..., Path]:
    """Make a workbook of rows, the header first; `after` may do to the sheet what offices do."""

    def make(
        rows: Sequence[Sequence[Any]], after: Callable[[Any], None] | None = None, name: str = "book.xlsx"
    ) -> Path:
        made = openpyxl.Workbook()
        sheet = made.worksheets[0]
        for row in rows:
            sheet.append(list(row))
        if after:
            after(sheet)
        made.save(tmp_path / name)
        made.close()
        return tmp_path / name

    return make


def row(**changes: Any) -> list[Any]:
    """A row of the short template; changes are named by header."""
    made = dict(zip(SHORT, LOWLAND, strict=True)) | changes
    return [made[header] for header in SHORT]


def continued(**cells: Any) -> list[Any]:
    """A row of which only these cells are filled."""
    return [cells.get(header) for header in SHORT]
