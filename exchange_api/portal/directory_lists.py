"""Why: service items, data elements and departments as questions to the database: what is shown, searched, sorted and filtered.
Called by pages of the directory.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, func, select

from exchange_api.portal.case_lists import departments as department_names
from exchange_api.portal.case_lists import said
from exchange_api.portal.language import N_, translations
from exchange_api.portal.queried import Choice, Field, Table
from exchange_api.portal.visit import Visit
from schemas.tables.departments import Department
from schemas.tables.elements import DataElement
from schemas.tables.services import ServiceItem


def services(visit: Visit) -> Table:
    """Return the list of service items with how many materials each asks for."""
    say, states = translations(visit.language).gettext, said(visit, "service_state")
    asked = func.jsonb_array_length(ServiceItem.materials)
    query = select(
        ServiceItem.id, ServiceItem.name, ServiceItem.task_code, ServiceItem.state, Department.short_name.label("department"), asked.label("asked"),
    ).join(Department, Department.id == ServiceItem.department_id)  # fmt: skip
    fields = (
        Field("name", say(N_("事项名称")), ServiceItem.name, ServiceItem.name),
        Field("department", say(N_("部门")), Department.short_name, Department.short_name),
        Field("code", say(N_("实施编码")), ServiceItem.task_code, ServiceItem.task_code),
        Field("materials", say(N_("材料份数")), asked),
        Field("standing", say(N_("状态")), ServiceItem.state, ServiceItem.state, states),
        Field("id", say(N_("标识")), ServiceItem.id, ServiceItem.id),
    )

    def shown(rows: Sequence[Row[Any]]) -> list[dict[str, Any]]:
        return [
            {"name": one.name, "department": one.department, "code": one.task_code or "—", "materials": one.asked, "standing": states[one.state],
             "id": one.id, "_address": f"/portal/services/{one.id}"}
            for one in rows
        ]  # fmt: skip

    choice = Choice(
        "department", say(N_("部门")), department_names(visit), lambda key: ServiceItem.department_id == key
    )
    return Table(query, fields, (ServiceItem.id,), shown, (choice,))


def elements(visit: Visit) -> Table:
    """Return the dictionary of data elements."""
    say = translations(visit.language).gettext
    types, kept = said(visit, "data_type"), said(visit, "sensitivity")
    synonyms = func.array_to_string(DataElement.synonyms, "、")
    query = select(
        DataElement.id, DataElement.name, DataElement.type, DataElement.length, DataElement.code_table, DataElement.sensitivity, DataElement.version,
        synonyms.label("synonyms"), Department.short_name.label("lead"),
    ).outerjoin(Department, Department.id == DataElement.lead_department_id)  # fmt: skip
    fields = (
        Field("name", say(N_("名称")), DataElement.name, DataElement.name), Field("synonyms", say(N_("同义词")), None, synonyms),
        Field("type", say(N_("类型")), DataElement.type, DataElement.type, types),
        Field("code_table", say(N_("代码表")), DataElement.code_table, DataElement.code_table),
        Field("sensitivity", say(N_("敏感级别")), DataElement.sensitivity, DataElement.sensitivity, kept),
        Field("lead", say(N_("牵头部门")), Department.short_name, Department.short_name), Field("version", say(N_("版本")), DataElement.version),
        Field("id", say(N_("标识")), DataElement.id, DataElement.id),
    )  # fmt: skip

    def shown(rows: Sequence[Row[Any]]) -> list[dict[str, Any]]:
        return [
            {"name": one.name, "synonyms": one.synonyms or "—", "type": types[one.type] + (f"({one.length})" if one.length else ""),
             "code_table": one.code_table or "—", "sensitivity": kept[one.sensitivity], "lead": one.lead or "—", "version": one.version, "id": one.id,
             "_address": f"/portal/elements/{one.id}"}
            for one in rows
        ]  # fmt: skip

    choice = Choice(
        "lead", say(N_("牵头部门")), department_names(visit), lambda key: DataElement.lead_department_id == key
    )
    return Table(query, fields, (DataElement.id,), shown, (choice,))


def departments(visit: Visit) -> Table:
    """Return the list of departments with their sharing offices; each leads to its resources."""
    say, states = translations(visit.language).gettext, said(visit, "department_state")
    person, phone = Department.contact["name"].astext, Department.contact["phone"].astext
    query = select(
        Department.id, Department.name, Department.short_name, Department.uscc, Department.sharing_office, Department.state,
        person.label("person"), phone.label("phone"),
    )  # fmt: skip
    fields = (
        Field("name", say(N_("名称")), Department.name, Department.name), Field("short", say(N_("简称")), Department.short_name, Department.short_name),
        Field("uscc", say(N_("统一社会信用代码")), Department.uscc, Department.uscc),
        Field("office", say(N_("数据共享工作机构")), Department.sharing_office, Department.sharing_office),
        Field("person", say(N_("联系人")), person, person), Field("phone", say(N_("联系电话")), None, phone),
        Field("standing", say(N_("状态")), Department.state, Department.state, states), Field("id", say(N_("标识")), Department.id, Department.id),
    )  # fmt: skip

    def shown(rows: Sequence[Row[Any]]) -> list[dict[str, Any]]:
        return [
            {"name": one.name, "short": one.short_name, "uscc": one.uscc or "—", "office": one.sharing_office or "—", "person": one.person or "—",
             "phone": one.phone or "—", "standing": states[one.state], "id": one.id, "_address": f"/portal/resources?department={one.id}"}
            for one in rows
        ]  # fmt: skip

    choice = Choice("state", say(N_("状态")), states, lambda key: Department.state == key)
    return Table(query, fields, (Department.id,), shown, (choice,))
