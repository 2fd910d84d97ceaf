"""The national template of 双公示 comes in by a declaration alone; and what a source says later of an entry is held against what it became."""

from typing import Any

import pytest
import yaml
from sqlalchemy import text
from typer.testing import CliRunner

from catalog import elements
from hutong.commands.credit import app
from libraries import ingest
from libraries.credit.templates import KINDS, declaration
from schemas.database import transaction
from schemas.errors import Invalid
from schemas.library import library
from schemas.resource import ResourceDraft
from tests.libraries.conftest import citizen_ids
from tests.libraries.credit.conftest import FIRM

OFFICE = "11330199999900070X"
MORE: dict[str, Any] = {
    "code": "104001/330199000099",
    "assessment": {"secrecy": "none", "holds_personal_information": True, "conclusion": "可", "assessed_on": "2026-01-04", "assessed_by": "李"},
}  # fmt: skip
PERMIT = {
    "XK_XDR_MC": "兴和机械有限公司", "XK_XDR_LB": "法人及非法人组织", "XK_XDR_SHXYM": FIRM, "XK_FRDB": "张三", "XK_XKWS": "食品经营许可",
    "XK_WSH": "兴食许〔2026〕1号", "XK_XKLB": "普通", "XK_XKZS": "食品经营许可证", "XK_XKBH": "JY1", "XK_NR": "热食类", "XK_JDRQ": "2026/3/4",
    "XK_YXQZ": "2026-03-04", "XK_YXQZI": "2031-03-03", "XK_XKJG": "兴和市市场监督管理局", "XK_XKJGDM": OFFICE, "XK_ZT": "1",
    "XK_LYDW": "兴和市市场监督管理局", "XK_LYDWDM": OFFICE,
}  # fmt: skip
PENALTY = {
    "CF_XDR_MC": "王五", "CF_XDR_LB": "自然人", "CF_WSH": "兴罚〔2026〕1号", "CF_WFXW": "无照经营", "CF_WFSS": "无照经营", "CF_CFYJ": "条例第一条",
    "CF_CFLB": "罚款;没收违法所得", "CF_NR": "罚款", "CF_NR_FK": "0.5", "CF_NR_WFFF": "0.12", "CF_JDRQ": "2026-03-04", "CF_YXQ": "2029-03-03",
    "CF_GSJZQ": "2027-03-03", "CF_CFJG": "兴和市市场监督管理局", "CF_CFJGDM": OFFICE, "CF_SJLY": "兴和市市场监督管理局", "CF_SJLYDM": OFFICE,
}  # fmt: skip


def _declared(kind: str) -> dict[str, Any]:
    found = CliRunner().invoke(app, ["template", kind, "--department", "market_regulation", "--connection", "drops"])
    assert found.exit_code == 0, found.output
    document = yaml.safe_load(found.output)
    ResourceDraft.model_validate(document)
    return {**document, **MORE, "quality": {"reject_above": 1}}


def _drop(hub: Any, document: dict[str, Any], run: str, *rows: dict[str, str]) -> str:
    """Deliver the template with all its columns, as departments do, in place of what was delivered before, and take it over."""
    columns = [*document["source"]["mapping"], *document["source"]["ignore"]]
    lines = [",".join(columns), *(",".join(row.get(column, "") for column in columns) for row in rows)]
    hub.drop(document["source"]["options"]["pattern"].replace("*", "all.csv"), "\n".join(lines) + "\n")
    return ingest.ingest(document["id"], run)


def _entries(hub: Any) -> dict[str, dict[str, Any]]:
    return {row["entry"]: row for row in hub.rows("SELECT * FROM library.credit")}


@pytest.fixture
def firm(hub: Any) -> Any:
    with transaction() as session:
        elements.seed_libraries(session)  # hutong catalog elements seed
        session.execute(
            text("INSERT INTO library.legal_entity (subject, sources, batches) VALUES (:code, '{1}', '{1}')"),
            {"code": FIRM},
        )
    return hub


def test_a_permit_comes_in_as_the_national_template_has_it(firm: Any) -> None:
    document = _declared("permit")
    firm.publish(document)
    batch = _drop(firm, document, "run 1", PERMIT)
    assert firm.reasons(batch) == {}
    ((key, entry),) = _entries(firm).items()
    assert key == "01/兴食许〔2026〕1号/兴和市市场监督管理局"
    assert (entry["subject"], entry["subject_type"], entry["state"], entry["category"]) == (FIRM, "1", "01", "普通")
    assert str(entry["decision_date"]) == "2026-03-04"


def test_a_penalty_of_a_natural_person_comes_in_by_the_citizen_id(firm: Any) -> None:
    (person,) = citizen_ids(1)
    firm.rows(
        "INSERT INTO library.population (subject, sources, batches) VALUES (:id, '{1}', '{1}') RETURNING 1", id=person
    )
    document = _declared("penalty")
    firm.publish(document)
    batch = _drop(firm, document, "run 1", {**PENALTY, "CF_XDR_ZJLX": "身份证", "CF_XDR_ZJHM": person.lower()})
    assert firm.reasons(batch) == {}
    (entry,) = _entries(firm).values()
    assert (entry["subject"], entry["subject_type"], entry["state"]) == (person, "2", None)
    assert (float(entry["fine_amount"]), float(entry["confiscated_amount"])) == (0.5, 0.12)
    assert str(entry["publication_until"]) == "2027-03-03"


def test_two_authorities_may_number_alike(firm: Any) -> None:
    document = _declared("permit")
    firm.publish(document)
    _drop(firm, document, "run 1", PERMIT, {**PERMIT, "XK_XKJG": "兴和市卫生健康委员会", "XK_NR": "公共场所"})
    assert sorted(entry["content"] for entry in _entries(firm).values()) == ["公共场所", "热食类"]


def test_what_was_revoked_does_not_come_back_by_a_slip_but_may_be_withdrawn(firm: Any) -> None:
    document = _declared("permit")
    document["source"]["codes"]["state"]["5"] = "05"
    firm.publish(document)
    _drop(firm, document, "run 1", PERMIT)
    _drop(firm, document, "run 2", {**PERMIT, "XK_ZT": "0"})
    held = _drop(firm, document, "run 3", PERMIT)
    assert firm.reasons(held) == {1: ["state.moves"]}
    assert [entry["state"] for entry in _entries(firm).values()] == ["03"]
    unknown = _drop(firm, document, "run 3b", {**PERMIT, "XK_ZT": "77"})
    assert firm.reasons(unknown) == {1: ["state.code_table"]}
    missing = _drop(firm, document, "run 3c", {**PERMIT, "XK_ZT": ""})
    assert firm.reasons(missing) == {1: ["state.required", "state.moves"]}
    withdrawn = _drop(firm, document, "run 4", {**PERMIT, "XK_ZT": "5"})
    assert firm.reasons(withdrawn) == {}
    assert [entry["state"] for entry in _entries(firm).values()] == ["05"]


def test_a_state_that_a_steward_ruled_holds_no_row(firm: Any) -> None:
    document = _declared("permit")
    firm.publish(document)
    _drop(firm, document, "run 1", PERMIT)
    place = library("credit").attribute_ids.index("state") + 1
    firm.rows(f"UPDATE library.credit SET state = '06', sources[{place}] = 0 RETURNING 1")
    assert firm.reasons(_drop(firm, document, "run 2", {**PERMIT, "XK_NR": "冷食类"})) == {}


@pytest.mark.parametrize("kind", KINDS)
def test_every_column_feeds_the_element_its_attribute_has(kind: str) -> None:
    spec = library("credit")
    for item in ResourceDraft.model_validate(_declared(kind)).items:
        if item.attribute not in (None, "subject"):
            assert item.element == spec.attribute(str(item.attribute)).element, item.id


@pytest.mark.parametrize(
    ("words", "code"),
    [(("blacklist", "fire", "drops"), "credit.unknown_template"), (("permit", "Fire!", "drops"), "credit.bad_name")],
)
def test_a_template_for_nobody_is_refused(words: tuple[str, str, str], code: str) -> None:
    with pytest.raises(Invalid) as refused:
        declaration(*words)
    assert refused.value.code == code
