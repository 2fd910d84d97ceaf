"""Why: what a citizen comes for. Service items and the materials they ask for. Written by the catalog storey alone."""

from typing import Any

from sqlalchemy import ForeignKey, text
from sqlalchemy.orm import Mapped, mapped_column

from schemas.tables.base import Base, tell_changes

_SCHEMA = {"schema": "directory"}


class ServiceItem(Base):
    """政务服务事项, with the materials it asks citizens for."""

    __tablename__ = "service_items"
    __table_args__ = _SCHEMA

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    department_id: Mapped[str] = mapped_column(ForeignKey("directory.departments.id"), index=True)
    catalog_code: Mapped[str | None]  # 基本编码, 12
    task_code: Mapped[str | None] = mapped_column(index=True)  # 实施编码, 31
    handle_codes: Mapped[list[str]] = mapped_column(server_default=text("'{}'"))  # 业务办理项编码, 33
    main_item: Mapped[str | None]  # 主项名称
    kind: Mapped[str | None]  # 事项类型
    level: Mapped[str | None]  # 行使层级
    state: Mapped[str] = mapped_column(server_default="1")  # 事项状态: 1 in use, 2 suspended, 3 cancelled
    findings: Mapped[list[dict[str, Any]]] = mapped_column(server_default=text("'[]'"))
    basis: Mapped[str | None]
    materials: Mapped[list[dict[str, Any]]] = mapped_column(server_default=text("'[]'"))


tell_changes(ServiceItem)  # a grant loses its base when its purpose is cancelled
