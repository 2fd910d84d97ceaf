"""A directory as a folder of YAML: every wrong place told at once, with file, line and path; what goes out comes in unchanged."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog import departments, directory, elements, folder
from catalog.findings import Finding
from catalog.service import services
from catalog.yaml_text import read_documents, read_yaml
from schemas.errors import Invalid
from schemas.resource import ResourceDocument, ResourceDraft
from schemas.tables.departments import Department
from tests.catalog.conftest import resource, write
from tests.catalog.documents import drafts

RESIDENT = "public_security.resident"


def told(found: list[Finding]) -> set[tuple[str, int | None]]:
    return {(one.file, one.row) for one in found if one.is_error}


def test_a_folder_goes_out_and_comes_in_unchanged(directory_session: Session, tmp_path: Path) -> None:
    out = tmp_path / "out"
    files = folder.write_folder(directory_session, out, [ResourceDocument.model_validate(resource())])
    assert sorted(str(file.relative_to(out)) for file in files) == [
        "departments.yml", "elements.yml", f"resources/{RESIDENT}.yml", "service_items.yml",
    ]  # fmt: skip
    before = [row.digest for row in directory.versions(directory_session, RESIDENT)]
    outcome = folder.take_in(directory_session, out)
    assert outcome.summary().startswith("0 created, 0 changed, 1 unchanged, 0 refused")
    assert [row.digest for row in directory.versions(directory_session, RESIDENT)] == before


def test_another_hub_gets_all_of_it(session: Session, town: Path, tmp_path: Path) -> None:
    with session.begin_nested() as first:
        folder.import_folder(session, town)
        row = directory.get(session, RESIDENT, 1)
        folder.write_folder(session, tmp_path / "out", [ResourceDraft.model_validate(row.document)])
        first.rollback()
    assert departments.find(session) == []
    done = folder.import_folder(session, tmp_path / "out")
    assert (done.departments, done.elements, done.service_items, done.drafts) == (2, 2, 1, [RESIDENT])
    assert departments.get(session, "public_security").former_names == ["兴和县公安局"]
    assert set(elements.known(session)) >= {"citizen_id", "person_name"}
    assert services.get(session, "gz").department_id == "city"


def test_all_wrong_places_of_all_files_are_told_at_once(session: Session, town: Path) -> None:
    write(town / "departments.yml", [
        {"id": "city", "name": "市", "short_name": "市"},
        {"id": "a", "name": "甲", "short_name": "甲", "uscc": "123"},
        {"id": "b", "name": "乙", "short_name": "乙", "parent_id": "nobody"},
        {"id": "public_security", "name": "公安局", "short_name": "公安局"},
    ])  # fmt: skip
    write(
        town / "elements.yml",
        [{"id": "x", "name": "甲", "type": "Q"}, {"id": "y", "name": "乙", "type": "C", "code_table": "no_such"}],
    )
    (town / "service_items.yml").write_text("- {id: [", "utf-8")
    write(town / "resources" / "city.one.yml", resource(id="city.one", name="一", colour="blue", items=[{"id": "Bad"}]))
    write(town / "resources" / "city.two.yml", resource(id="city.two", name="二", department="c", code="101001/0002"))
    outcome = folder.take_in(session, town)
    errors = [one for one in outcome.findings if one.is_error]
    lines = (town / "departments.yml").read_text("utf-8").splitlines()
    assert told(errors) >= {
        ("departments.yml", next(n for n, line in enumerate(lines, 1) if "id: a" in line)),
        ("departments.yml", next(n for n, line in enumerate(lines, 1) if "id: b" in line)),
        ("elements.yml", 1 + (town / "elements.yml").read_text("utf-8").splitlines().index("  type: Q")),
        ("service_items.yml", None),
    }
    assert {one.file for one in errors} == {
        "departments.yml", "elements.yml", "service_items.yml", "resources/city.one.yml", "resources/city.two.yml", f"resources/{RESIDENT}.yml",
    }  # fmt: skip
    assert {"$.colour", "$.items[0].id", "$.items[0].name"} <= {one.column for one in errors}
    assert session.scalars(select(Department)).all() == []  # nothing was kept


def test_partial_keeps_what_is_right(session: Session, town: Path) -> None:
    write(town / "resources" / "city.one.yml", resource(id="city.one", name="一", colour="blue"))
    outcome = folder.take_in(session, town, partial=True, by="lin")
    assert (outcome.created, outcome.refused) == ([RESIDENT], 1)


def test_several_wrong_places_are_one_refusal_that_names_them_all(session: Session, town: Path) -> None:
    write(town / "resources" / "a.yml", resource(id="a", colour="blue"))
    write(town / "resources" / "b.yml", resource(id="b", sound="loud"))
    with pytest.raises(Invalid, match=r"resources/a\.yml.*colour.*resources/b\.yml.*sound") as refused:
        folder.import_folder(session, town)
    assert refused.value.code == "directory.bad_document"


def test_a_document_with_gaps_is_a_draft(directory_session: Session, town: Path) -> None:
    write(town / "resources" / "city.plan.yml", {"id": "city.plan", "name": "规划", "department": "city"})
    outcome = folder.take_in(directory_session, town)
    assert (outcome.created, outcome.unchanged) == (["city.plan"], 1)
    assert outcome.findings.errors == 0


def test_a_stream_of_resources_is_taken_too(directory_session: Session, tmp_path: Path) -> None:
    texts = [folder.text(ResourceDraft(id=f"city.r{n}", name=f"资源{n}", department="city")) for n in range(3)]
    (tmp_path / "all.yml").write_text("---\n".join(texts), "utf-8")
    assert folder.take_in(directory_session, tmp_path / "all.yml").created == ["city.r0", "city.r1", "city.r2"]
    assert folder.take_in(directory_session, tmp_path / "all.yml").summary().startswith("0 created, 0 changed, 3")


def test_a_circle_of_parents_is_told(session: Session, tmp_path: Path) -> None:
    circle = [
        {"id": one, "name": one, "short_name": one, "parent_id": other} for one, other in (("a", "b"), ("b", "a"))
    ]
    write(tmp_path / "departments.yml", circle)
    with pytest.raises(Invalid, match="circle"):
        folder.import_folder(session, tmp_path)


@pytest.mark.parametrize("content", [{"a": 1}, "words", [1, "two"]])
def test_a_list_that_is_none_is_told(session: Session, tmp_path: Path, content: Any) -> None:
    write(tmp_path / "departments.yml", content)
    with pytest.raises(Invalid, match=r"departments\.yml"):
        folder.import_folder(session, tmp_path)


def test_a_folder_that_is_not_there_is_told(session: Session, tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="no such folder"):
        folder.import_folder(session, tmp_path / "nowhere")


def test_several_documents_where_one_is_wanted_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text("a: 1\n---\nb: 2\n", "utf-8")
    with pytest.raises(Invalid, match="2 documents"):
        read_yaml(tmp_path / "a.yml")
    assert [one.value for one in read_documents(tmp_path / "a.yml")] == [{"a": 1}, {"b": 2}]


def test_a_file_beyond_all_measure_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "a.yml").open("wb") as file:
        file.truncate(40 << 20)
    with pytest.raises(Invalid, match="32 MiB"):
        read_documents(tmp_path / "a.yml")


@settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(drafts())
def test_any_draft_goes_out_as_yaml_and_comes_back_the_same(tmp_path: Path, draft: ResourceDraft) -> None:
    (tmp_path / "r.yml").write_text(folder.text(draft), "utf-8", newline="")
    assert ResourceDraft.model_validate(read_yaml(tmp_path / "r.yml").value) == draft
    assert yaml.safe_load(folder.text(draft))["id"] == draft.id
