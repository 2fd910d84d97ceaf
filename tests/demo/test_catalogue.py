"""The city's directory is sound by itself: every document valid, every reference known, numbers as promised."""

from typing import Any

import pyarrow as pa
import yaml

from catalog.departments import DepartmentDocument
from catalog.elements import ElementDocument
from catalog.rules import rules_of
from catalog.service.services import ServiceItemDocument
from hutong.demo.city_data import CITY, documents
from schemas.codes import code_tables
from schemas.identifiers import valid_uscc
from schemas.library import LIBRARIES, library


def _read(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.safe_load((CITY / name).read_text("utf-8"))
    return found


def test_departments_are_sound() -> None:
    departments = [DepartmentDocument.model_validate(entry) for entry in _read("departments.yml")]
    assert len(departments) >= 10
    assert len({d.uscc for d in departments}) == len(departments)
    assert pa.compute.all(valid_uscc(pa.array([d.uscc for d in departments]))).as_py()
    ids = {d.id for d in departments}
    assert {d.parent_id for d in departments if d.parent_id} <= ids


def test_elements_cover_every_library_and_item() -> None:
    elements = {e.id: e for e in (ElementDocument.model_validate(entry) for entry in _read("elements.yml"))}
    departments = {entry["id"] for entry in _read("departments.yml")}
    assert {e.lead_department_id for e in elements.values()} <= departments
    assert {e.code_table for e in elements.values() if e.code_table} <= set(code_tables())
    wanted = {library(name).subject.element for name in LIBRARIES}
    wanted |= {attribute.element for name in LIBRARIES for attribute in library(name).attributes}
    wanted |= {item.element for document in documents().values() for item in document.items if item.element}
    assert wanted <= set(elements)


def test_service_items_ask_in_words() -> None:
    items = [ServiceItemDocument.model_validate(entry) for entry in _read("service_items.yml")]
    departments = {entry["id"] for entry in _read("departments.yml")}
    assert len(items) >= 6
    assert {item.department for item in items} <= departments
    assert all(any(material.items for material in item.materials) for item in items)


def test_resources_feed_their_libraries() -> None:
    departments = {entry["id"] for entry in _read("departments.yml")}
    assert len(documents()) == 8
    for document in documents().values():
        assert document.library
        assert document.department in departments
        spec = library(document.library)
        attributes = {item.attribute for item in document.items if item.attribute}
        assert "subject" in attributes
        assert attributes - {"subject"} <= set(spec.attribute_ids)
        assert {item.code_table for item in document.items if item.code_table} <= set(code_tables())
        assert len({rule.id for rule in rules_of(document)}) == len(rules_of(document))


def test_every_source_is_of_another_kind() -> None:
    kinds = {d.department: d.source.connector for d in documents().values() if d.source}
    assert sorted(kinds.values()) == ["database"] * 3 + ["files"] * 3 + ["rest"] * 2
