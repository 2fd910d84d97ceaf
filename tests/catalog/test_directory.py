"""Departments describe what they hold; what is published stays as it was."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from catalog import departments, directory
from catalog.folder import import_folder
from catalog.rules import rules_of
from catalog.snapshot import read_snapshot, write_snapshot
from schemas.errors import HutongError, Invalid
from schemas.resource import ResourceDocument

RESIDENT = "public_security.resident"


def _changed(town: Path, **changes: Any) -> None:
    file = town / "resources" / f"{RESIDENT}.yml"
    file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text("utf-8")) | changes, allow_unicode=True), "utf-8")


def test_an_imported_resource_is_a_draft_until_it_is_published(directory_session: Session) -> None:
    with pytest.raises(Invalid, match=r"directory\.not_published"):
        directory.get(directory_session, RESIDENT)
    directory.publish(directory_session, RESIDENT)
    assert directory.document(directory_session, RESIDENT).name == "常住人口登记信息"


def test_importing_twice_changes_nothing(directory_session: Session, town: Path) -> None:
    assert import_folder(directory_session, town).drafts == []
    directory.publish(directory_session, RESIDENT)
    assert import_folder(directory_session, town).drafts == []
    assert len(directory.versions(directory_session, RESIDENT)) == 1


def test_a_change_becomes_a_new_version_and_supersedes_the_former(directory_session: Session, town: Path) -> None:
    directory.publish(directory_session, RESIDENT)
    _changed(town, abstract="全部户籍人口")
    assert import_folder(directory_session, town).drafts == [RESIDENT]
    assert directory.publish(directory_session, RESIDENT).version == 2
    assert [v.state for v in directory.versions(directory_session, RESIDENT)] == ["published", "superseded"]
    assert directory.document(directory_session, RESIDENT, 1).abstract == "户籍登记的常住人口"


def test_a_published_document_cannot_be_changed_behind_the_desk(directory_session: Session) -> None:
    version = directory.publish(directory_session, RESIDENT)
    version.document = version.document | {"abstract": "别的"}
    with pytest.raises(DBAPIError, match="never changes"):
        directory_session.flush()


def test_publishing_without_a_draft_says_what_to_do(directory_session: Session) -> None:
    directory.publish(directory_session, RESIDENT)
    with pytest.raises(Invalid) as refused:
        directory.publish(directory_session, RESIDENT)
    assert "hutong catalog import" in refused.value.remedy("en")


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"department": "nobody"}, "directory.unknown_department", "nobody"),
        ({"sharing": {"type": 3}}, "directory.bad_document", "legal basis"),
        ({"colour": "blue"}, "directory.bad_document", "colour"),
        ({"code": "9/1"}, "directory.bad_document", "code"),
    ],
)
def test_a_wrong_document_is_refused_by_place(
    directory_session: Session, town: Path, changes: Any, code: str, words: str
) -> None:
    _changed(town, **changes)
    with pytest.raises(HutongError) as refused:
        import_folder(directory_session, town)
    assert refused.value.code == code
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("item", "code"),
    [
        ({"element": "no_such"}, "directory.unknown_element"),
        ({"code_table": "no_such"}, "directory.unknown_code_table"),
        ({"attribute": "no_such"}, "directory.unknown_attribute"),
        ({"attribute": "subject"}, "directory.no_subject"),
    ],
)
def test_an_item_is_held_against_the_directory(
    directory_session: Session, town: Path, item: dict[str, str], code: str
) -> None:
    file = town / "resources" / f"{RESIDENT}.yml"
    body = yaml.safe_load(file.read_text("utf-8"))
    body["items"][1] |= item
    file.write_text(yaml.safe_dump(body, allow_unicode=True), "utf-8")
    with pytest.raises(Invalid) as refused:
        import_folder(directory_session, town)
    assert refused.value.code == code


def test_broken_yaml_names_its_file(directory_session: Session, town: Path) -> None:
    (town / "elements.yml").write_text("- {id: [", "utf-8")
    with pytest.raises(Invalid, match=r"elements\.yml"):
        import_folder(directory_session, town)


def test_a_department_is_found_by_its_former_name(directory_session: Session) -> None:
    assert [d.id for d in departments.find(directory_session, "兴和县公安局")] == ["public_security"]


def test_a_wrong_credit_code_of_a_department_is_refused(directory_session: Session) -> None:
    wrong = departments.DepartmentDocument(id="x", name="x", short_name="x", uscc="113301999990000130")
    with pytest.raises(Invalid, match="uscc"):
        departments.save(directory_session, wrong)


def test_rules_follow_from_the_document(directory_session: Session) -> None:
    directory.publish(directory_session, RESIDENT)
    rules = {rule.id: rule for rule in rules_of(directory.document(directory_session, RESIDENT))}
    assert list(rules) == [
        "citizen_id.required", "citizen_id.length", "citizen_id.check_digit", "name.required", "name.length",
        "sex.length", "sex.code_table", "birth_date.type", "citizen_id.unique", "birth_date.matches_id",
    ]  # fmt: skip
    assert rules["citizen_id.unique"].scope == "batch"
    assert rules["citizen_id.check_digit"].indicator == "accuracy"


def test_the_snapshot_holds_what_dag_parsing_needs(
    directory_session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUTONG_SNAPSHOT", str(tmp_path / "snapshot.json"))
    assert read_snapshot() == {"resources": []}
    directory.publish(directory_session, RESIDENT)
    write_snapshot(directory_session)
    (line,) = read_snapshot()["resources"]
    assert (line["id"], line["version"], line["schedule"]) == (RESIDENT, f"{RESIDENT}@1", "30 1 * * *")
    assert line["tags"] == ["公安局", "population"]


def test_a_withdrawn_resource_leaves_the_snapshot(
    directory_session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUTONG_SNAPSHOT", str(tmp_path / "snapshot.json"))
    directory.publish(directory_session, RESIDENT)
    directory.withdraw(directory_session, RESIDENT)
    write_snapshot(directory_session)
    assert read_snapshot()["resources"] == []


def test_two_items_may_not_share_an_id() -> None:
    item = {"id": "a", "name": "甲"}
    with pytest.raises(ValueError, match="repeat"):
        ResourceDocument.model_validate(
            {"id": "d.r", "name": "n", "department": "d", "code": "101001/1", "category": "c", "abstract": "a",
             "format": {"category": "数据库", "type": "x"}, "sharing": {"type": 1}, "update_cycle": 2, "items": [item, item]}
        )  # fmt: skip
