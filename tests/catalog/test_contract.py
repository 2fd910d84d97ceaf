"""Contracts of the Open Data Contract Standard: what goes out keeps to the official schema and comes back the same; what comes in is held against it."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from sqlalchemy.orm import Session

from catalog import contract, departments, directory
from catalog.contract.standard import problems
from catalog.findings import Findings
from schemas.resource import ResourceDocument, ResourceDraft
from schemas.tables.departments import Department
from tests.catalog.conftest import resource
from tests.catalog.documents import drafts

FOREIGN: dict[str, Any] = {
    "apiVersion": "v3.1.0",
    "kind": "DataContract",
    "id": "53581432-6c55-4ba2-a65f-72344a91553a",
    "name": "Payments",
    "version": "1.1.0",
    "status": "active",
    "domain": "public_security",
    "price": {"priceAmount": 9.95},
    "slaProperties": [{"property": "frequency", "value": 1, "unit": "days"}, {"property": "retention", "value": 3, "unit": "y"}],
    "schema": [
        {
            "name": "PaymentEvents",
            "physicalType": "table",
            "properties": [
                {"name": "TxnID", "logicalType": "string", "primaryKey": True, "required": True, "logicalTypeOptions": {"maxLength": 20, "minLength": 1}},
                {"name": "金额", "logicalType": "number", "classification": "restricted", "logicalTypeOptions": {"minimum": 0}},
                {"name": "txn_id", "logicalType": "timestamp", "description": "again"},
            ],
        }
    ],
}  # fmt: skip


def saved(folder: Path, body: Any, name: str = "c.odcs.yaml") -> Path:
    file = folder / name
    file.write_text(yaml.safe_dump(body, allow_unicode=True, sort_keys=False), "utf-8")
    return file


def errors(findings: Findings) -> list[tuple[str | None, int | None, str]]:
    return [(one.column, one.row, one.words("en")) for one in findings if one.is_error]


@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(drafts())
def test_any_draft_goes_out_as_a_valid_contract_and_comes_back_the_same(tmp_path: Path, draft: ResourceDraft) -> None:
    text = contract.write(draft, version=3, department_name="某局")
    assert problems(yaml.safe_load(text)) == []
    (tmp_path / "c.yaml").write_text(text, "utf-8", newline="")
    back, findings = contract.read(tmp_path / "c.yaml")
    assert back == [draft]
    assert len(findings) == 0


def test_a_resource_reads_like_a_contract() -> None:
    body = yaml.safe_load(
        contract.write(ResourceDocument.model_validate(resource()), version=2, department_name="兴和市公安局")
    )
    assert (body["version"], body["status"], body["domain"]) == ("2.0.0", "active", "public_security")
    assert body["team"] == {"name": "兴和市公安局"}
    assert body["description"] == {"purpose": "户籍登记的常住人口", "limitations": "用于政务服务事项办理"}
    assert body["slaProperties"] == [{"property": "frequency", "value": 1, "unit": "d"}]
    first = body["schema"][0]["properties"][0]
    assert (first["physicalName"], first["primaryKey"], first["logicalTypeOptions"]) == (
        "sfzh",
        True,
        {"maxLength": 18},
    )
    assert body["schema"][0]["quality"][0]["dimension"] == "consistency"
    assert body["servers"][0]["server"] == "public_security"


def test_who_edits_the_standard_part_edits_the_resource(tmp_path: Path) -> None:
    body = yaml.safe_load(contract.write(ResourceDocument.model_validate(resource())))
    body["slaProperties"][0] |= {"value": 1, "unit": "m"}
    body["description"]["limitations"] = "仅限核验"
    body["schema"][0]["properties"][1] |= {"logicalType": "integer", "logicalTypeOptions": {"maximum": 9}}
    (draft,), findings = contract.read(saved(tmp_path, body))
    assert (draft.update_cycle, draft.sharing and draft.sharing.condition) == (4, "仅限核验")
    assert (draft.item("name").type, draft.item("name").maximum, draft.item("name").length) == ("I", 9, None)
    assert errors(findings) == []


def test_a_foreign_contract_becomes_a_draft_and_what_has_no_place_is_told(tmp_path: Path) -> None:
    (draft,), findings = contract.read(saved(tmp_path, FOREIGN))
    assert (draft.id, draft.name, draft.update_cycle) == ("public_security.payment_events", "Payments", 2)
    assert [(item.id, item.name, item.type) for item in draft.items] == [
        ("txn_id", "TxnID", "C"), ("jin_e", "金额", "N"), ("txn_id_2", "txn_id", "T"),
    ]  # fmt: skip
    assert draft.items[0].synonyms == ("TxnID",)
    assert (draft.items[1].sensitivity, draft.items[1].minimum) == ("sensitive", 0)
    left = [one.column for one in findings if one.code == "contract.left_out"]
    assert left == [
        "$.slaProperties[1]",
        "$.price",
        "$.schema[0].properties[0].logicalTypeOptions.minLength",
        "$.schema[0].properties[0].primaryKey",
        "$.schema[0].properties[2].description",
        "$.schema[0].physicalType",
    ]
    assert errors(findings) == []


def test_every_table_of_a_contract_becomes_a_resource(tmp_path: Path) -> None:
    tables = [{"name": name, "properties": [{"name": "a", "logicalType": "string"}]} for name in ("one", "two")]
    found, _ = contract.read(saved(tmp_path, FOREIGN | {"schema": tables}))
    assert [draft.id for draft in found] == ["public_security.one", "public_security.two"]


@pytest.mark.parametrize(
    ("changes", "path", "words"),
    [
        ({"version": 1.0}, "$.version", "not of type 'string'"),
        ({"kind": "Contract"}, "$.kind", "DataContract"),
        ({"colour": "blue"}, "$", "'colour' was unexpected"),
        ({"schema": [{"name": "t", "properties": [{"name": "a", "logicalType": "text"}]}]}, "$.schema[0].properties[0].logicalType", "'text'"),
        ({"schema": [{"name": "t", "properties": [{"name": "a", "secret": "b"}]}]}, "$.schema[0].properties[0]", "'secret' was unexpected"),
        ({"schema": [{"properties": []}]}, "$.schema[0]", "'name' is a required"),
        ({"team": {"members": [{"role": "owner"}]}}, "$.team.members[0]", "'username'"),
    ],
)  # fmt: skip
def test_a_contract_that_breaks_the_standard_is_refused_by_path(
    tmp_path: Path, changes: dict[str, Any], path: str, words: str
) -> None:
    found, findings = contract.read(saved(tmp_path, FOREIGN | changes))
    assert found == []
    assert findings.refused == 1
    assert [(column, True) for column, _, text in errors(findings)] == [(path, True)], errors(findings)
    assert words in errors(findings)[0][2]
    assert "ODCS 3.1.0" in next(iter(findings)).remedy("en")


def test_a_finding_names_the_line(tmp_path: Path) -> None:
    file = saved(tmp_path, FOREIGN | {"kind": "Contract"})
    _, findings = contract.read(file)
    lines = file.read_text("utf-8").splitlines()
    assert [lines[one.row - 1] for one in findings if one.row] == ["kind: Contract"]


def test_what_keeps_to_the_standard_but_not_to_the_directory_is_told_by_path(tmp_path: Path) -> None:
    wrong = [{"property": "assessment", "value": {"secrecy": "perhaps"}}, {"property": "code", "value": "9/1"}]
    found, findings = contract.read(saved(tmp_path, FOREIGN | {"customProperties": wrong}))
    assert found == []
    assert {column for column, _, _ in errors(findings)} == {"$.customProperties[0]", "$.customProperties[1]"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [", "expected"),
        ("a: 1\na: 2\n", "twice"),
        ("a: &a [1]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\n" + "".join(
            f"{x}: &{x} [" + ",".join([f"*{y}"] * 9) + "]\n" for x, y in zip("cdefgh", "bcdefg", strict=True)), "values"),
        ("a: &a [*a]", "values"),
        ("[" * 5000, ""),
        ("", "$"),
        ("just words", "$"),
        ("a: !!python/object:os.system x", "tag"),
        ("\x00", ""),
    ],
)  # fmt: skip
def test_a_file_that_is_no_contract_is_refused_without_harm(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "bad.yaml").write_text(text, "utf-8")
    found, findings = contract.read(tmp_path / "bad.yaml")
    assert (found, findings.refused) == ([], 1)
    assert words in errors(findings)[0][2]


def test_json_is_a_contract_too(tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text(json.dumps(FOREIGN, ensure_ascii=False), "utf-8")
    found, _ = contract.read(tmp_path)
    assert [draft.id for draft in found] == ["public_security.payment_events"]


def test_the_directory_goes_out_and_comes_back_unchanged(directory_session: Session, tmp_path: Path) -> None:
    directory.publish(directory_session, "public_security.resident")
    files = contract.write_all(directory_session, tmp_path / "out")
    assert [file.name for file in files] == ["public_security.resident.odcs.yaml"]
    outcome = contract.take_in(directory_session, tmp_path / "out")
    assert outcome.summary().startswith("0 created, 0 changed, 1 unchanged, 0 refused; ")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "contracts").mkdir()
    return tmp_path / "contracts"


def test_all_or_nothing_unless_partial(directory_session: Session, folder: Path) -> None:
    saved(folder, FOREIGN, "a.yaml")
    saved(folder, FOREIGN | {"kind": "x"}, "b.yaml")
    saved(folder, FOREIGN | {"domain": "兴和县公安局", "name": "旧名", "id": "a.b"}, "c.yaml")
    whole = contract.take_in(directory_session, folder)
    assert (whole.created, whole.refused) == ([], 3)
    part = contract.take_in(directory_session, folder, partial=True, by="lin")
    assert (sorted(part.created), part.refused) == (["a.b", "public_security.payment_events"], 1)
    assert (
        directory.versions(directory_session, "a.b")[0].document["department"] == "public_security"
    )  # by its former name
    again = contract.take_in(directory_session, folder, partial=True, by="lin")
    assert (again.created, again.changed, again.unchanged) == ([], [], 2)


def test_an_unknown_department_is_proposed_and_told(directory_session: Session, tmp_path: Path) -> None:
    outcome = contract.take_in(directory_session, saved(tmp_path, FOREIGN | {"domain": "市渔业局"}))
    assert outcome.findings.counts["contract.department_proposed"] == 1
    proposed = [d for d in departments.find(directory_session) if d.state == "proposed"]
    assert [d.name for d in proposed] == ["市渔业局"]


def test_a_refused_contract_proposes_no_department(directory_session: Session, folder: Path) -> None:
    saved(folder, FOREIGN | {"domain": "市渔业局"}, "a.yaml")
    saved(folder, {k: v for k, v in FOREIGN.items() if k != "domain"}, "b.yaml")
    outcome = contract.take_in(directory_session, folder)
    assert outcome.findings.counts["contract.no_department"] == 1
    assert directory_session.query(Department).filter_by(state="proposed").count() == 0


def test_a_stream_of_contracts_is_read_whole(tmp_path: Path) -> None:
    second = FOREIGN | {"id": "b.c", "kind": "x"}
    (tmp_path / "all.yaml").write_text(
        "---\n".join(yaml.safe_dump(one, sort_keys=False) for one in (FOREIGN, FOREIGN | {"id": "a.b"}, second)),
        "utf-8",
    )
    found, findings = contract.read(tmp_path / "all.yaml")
    assert [draft.id for draft in found] == ["public_security.payment_events", "a.b"]
    lines = (tmp_path / "all.yaml").read_text("utf-8").splitlines()
    assert [lines[one.row - 1] for one in findings if one.is_error and one.row] == ["kind: x"]
