"""A town with two providers and a demander, its directory published, for stories at the desks."""

from typing import Any

import pytest
from sqlalchemy.orm import Session

from catalog import deadlines, departments, directory, elements
from catalog.service import services
from exchange_api.actors import Actor
from exchange_api.demand.demands import DemandForm, WantedItem
from schemas.resource import ResourceDocument
from schemas.tables.exchange import Application


def actor(name: str, department_id: str, *roles: str) -> Actor:
    return Actor(name, department_id, frozenset(roles))


HOUSING = actor("li", "housing", "demander")
POLICE = actor("wang", "public_security", "provider")
CIVIL = actor("zhao", "civil_affairs", "provider")
BUREAU = actor("chen", "data_bureau", "authority")


def resource(resource_id: str, sharing: dict[str, Any], items: list[dict[str, Any]], **more: Any) -> ResourceDocument:
    department = resource_id.split(".")[0]
    subject = {"id": "citizen_id", "name": "公民身份号码", "element": "citizen_id", "attribute": "subject"}
    code = f"101001/{resource_id.replace('.', '').replace('_', '')[:20]}"
    return ResourceDocument.model_validate(
        {"id": resource_id, "department": department, "code": code, "category": "人口", "abstract": "登记信息",
         "format": {"category": "3", "type": "PostgreSQL"}, "sharing": sharing, "update_cycle": 2, "library": "population",
         "assessment": {"secrecy": "none", "holds_personal_information": True, "conclusion": "可共享", "assessed_on": "2026-01-04", "assessed_by": "李"},
         "items": [subject, *items]} | more
    )  # fmt: skip


@pytest.fixture
def town(session: Session) -> Session:
    deadlines.seed_rules(session)
    for department_id in ("housing", "public_security", "civil_affairs", "data_bureau"):
        departments.save(
            session, departments.DepartmentDocument(id=department_id, name=department_id, short_name=department_id)
        )
    for element_id, name, synonyms in [
        ("citizen_id", "公民身份号码", ("身份证号", "证件号码")),
        ("person_name", "姓名", ("名字",)),
        ("marital_code", "婚姻状况", ("婚姻情况", "是否结婚")),
    ]:
        elements.save(session, elements.ElementDocument(id=element_id, name=name, synonyms=synonyms, type="C"))
    services.save(session, services.ServiceItemDocument(id="gzf", name="公共租赁住房申请", department="housing"))
    person_name = {"id": "name", "name": "姓名", "element": "person_name", "attribute": "name"}
    conditional = {"type": 2, "condition": "用于政务服务事项办理"}
    for document in (
        resource(
            "public_security.resident",
            conditional,
            [person_name, {"id": "address", "name": "户籍地址", "attribute": "address"}],
            name="常住人口登记信息",
        ),
        resource(
            "civil_affairs.marriage",
            {"type": 1},
            [
                person_name,
                {"id": "marital", "name": "婚姻状况", "element": "marital_code", "attribute": "marital_status"},
            ],
            name="婚姻登记信息",
        ),
    ):
        directory.save_draft(session, document)
        directory.publish(session, document.id)
    session.add(Application(id="zufang", name="公租房系统", department_id="housing"))
    session.flush()
    return session


def form(*wanted: str, **changes: Any) -> DemandForm:
    return DemandForm.model_validate(
        {"service_item_id": "gzf", "application_id": "zufang", "purpose": "核验申请人户籍与婚姻", "basis": "公共租赁住房管理办法",
         "items": tuple(WantedItem(name=name) for name in wanted)} | changes
    )  # fmt: skip
