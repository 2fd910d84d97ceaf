"""A small town's directory as a folder of YAML, and the same imported."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy.orm import Session

from catalog.folder import import_folder


def resource(**changes: Any) -> dict[str, Any]:
    """A resource document of public security's residents."""
    return {
        "id": "public_security.resident",
        "name": "常住人口登记信息",
        "department": "public_security",
        "code": "101001/0001",
        "category": "基础信息资源/人口",
        "abstract": "户籍登记的常住人口",
        "format": {"category": "3", "type": "PostgreSQL"},
        "assessment": {"secrecy": "none", "holds_personal_information": True, "conclusion": "可共享", "assessed_on": "2026-01-04", "assessed_by": "李"},
        "sharing": {"type": 2, "condition": "用于政务服务事项办理"},
        "update_cycle": 2,
        "library": "population",
        "items": [
            {"id": "citizen_id", "name": "公民身份号码", "element": "citizen_id", "length": 18, "required": True,
             "check": "citizen_id", "attribute": "subject", "normalise": ["trim", "citizen_id_18"]},
            {"id": "name", "name": "姓名", "element": "person_name", "length": 50, "required": True, "attribute": "name"},
            {"id": "sex", "name": "性别", "length": 1, "code_table": "sex", "attribute": "sex"},
            {"id": "birth_date", "name": "出生日期", "type": "D", "attribute": "birth_date"},
        ],
        "source": {
            "connector": "database", "connection": "public_security", "options": {"table": "police.resident"},
            "mapping": {"sfzh": "citizen_id", "xm": "name", "xb": "sex", "csrq": "birth_date"}, "key": ["citizen_id"],
        },
        "checks": [{"id": "birth_date.matches_id", "kind": "birth_date_matches_id", "items": ["citizen_id", "birth_date"]}],
    } | changes  # fmt: skip


@pytest.fixture
def town(tmp_path: Path) -> Path:
    """The folder."""
    write(tmp_path / "departments.yml", [
        {"id": "public_security", "name": "兴和市公安局", "short_name": "公安局", "former_names": ["兴和县公安局"], "parent_id": "city"},
        {"id": "city", "name": "兴和市人民政府", "short_name": "市政府"},
    ])  # fmt: skip
    write(tmp_path / "elements.yml", [
        {"id": "citizen_id", "name": "公民身份号码", "type": "C", "length": 18, "lead_department_id": "public_security"},
        {"id": "person_name", "name": "姓名", "type": "C", "length": 50},
    ])  # fmt: skip
    write(tmp_path / "service_items.yml", [{"id": "gz", "name": "公租房申请", "department": "city"}])
    write(tmp_path / "resources" / "public_security.resident.yml", resource())
    return tmp_path


@pytest.fixture
def directory_session(session: Session, town: Path) -> Session:
    """A session in which the town is imported."""
    import_folder(session, town)
    return session


def write(file: Path, content: Any) -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_text(yaml.safe_dump(content, allow_unicode=True), "utf-8")
