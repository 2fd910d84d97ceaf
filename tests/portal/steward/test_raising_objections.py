"""An officer whose system was handed a wrong value says so in the portal, over the receipt: what the application could say, in words, and nobody else."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import expect
from sqlalchemy import select, text

from exchange_api.accounts import trail
from exchange_api.accounts.trail import Sought
from exchange_api.evidence.ledger import Entry, new_receipt_id, record, subject_hash, subject_secret
from exchange_api.keys import keys_folder
from schemas.calendar import today
from schemas.database import transaction
from schemas.tables.directory import ResourceVersion
from schemas.tables.exchange import Application, Demand, Grant, GrantItem
from schemas.tables.objections import Objection
from schemas.tables.operations import Notice
from schemas.tables.services import ServiceItem
from tests.portal.conftest import receipt_in
from tests.portal.steward.conftest import IDS, POLICE

ITEM, DEMAND, GRANT, SYSTEM = "marriage_registration", "XQ-2026-000777", "SQ-2026-000777", "civil.desk"
REASON, CLAIMED = "当事人出示的户口簿与登记姓名不符", "王更名"
NEW, RECEIPT = "/portal/objections/new", "/portal/objections/receipt"


@pytest.fixture(scope="module")
def system(surrounded: None) -> str:  # noqa: ARG001 - in this hub
    """A system of civil affairs with a grant on names."""
    with transaction() as session:
        version = session.scalars(select(ResourceVersion.id).where(ResourceVersion.resource_id == POLICE)).first()
        session.add(Application(id=SYSTEM, name="婚姻登记系统", department_id="civil_affairs"))
        session.add(ServiceItem(id=ITEM, name="婚姻登记", department_id="civil_affairs"))
        session.flush()
        session.add(Demand(id=DEMAND, department_id="civil_affairs", service_item_id=ITEM, purpose="核验", basis="法", created_by="sunhui"))  # fmt: skip
        session.flush()
        ends = datetime.now(UTC).date() + timedelta(days=365)
        session.add(Grant(
            id=GRANT, demand_id=DEMAND, service_item_id=ITEM, application_id=SYSTEM, library="population", valid_from=date(2026, 1, 1),
            valid_until=ends, quota_per_day=1000,
        ))  # fmt: skip
        session.flush()
        session.add(GrantItem(grant_id=GRANT, attribute="name", form="full", resource_version_id=version, item_id="xm"))
    return SYSTEM


def handed_out(site: Any, subject: str, **changes: Any) -> str:
    """The receipt of an answer about this person, as delivery leaves it in evidence."""
    receipt, secret = new_receipt_id(), subject_secret(Path(keys_folder()))
    facts: dict[str, Any] = {
        "kind": "answer", "application_id": SYSTEM, "grant_id": GRANT, "library": "population", "request_id": str(uuid4()),
        "subjects": [subject_hash(secret, "population", subject)], "batches": [site.batches["second"]],
    }  # fmt: skip
    with transaction() as session:
        record(session, [Entry(id=receipt, at=datetime.now(UTC), **facts | changes)])
    return receipt


def said(number: str, person: str, **changes: str) -> dict[str, str]:
    """What the form says."""
    return {"receipt": number, "subject": person, "attribute": "name", "why": REASON, "claimed": CLAIMED, **changes}


def over(receipt: str) -> list[Objection]:
    """The objections over a receipt."""
    with transaction("exchange") as session:
        found = session.scalars(select(Objection).where(Objection.receipt == receipt)).all()
        session.expunge_all()
        return list(found)


def fall_due(objection: str, day: date) -> None:
    """Let an objection be due on a day: what is urgent stands first."""
    with transaction("exchange") as session:
        session.get_one(Objection, objection).due_date = day


def waiting(site: Any, officer: str, path: str) -> tuple[str, str]:
    """What waits for an officer, and what he waits for, as his workbench says."""
    mine, _, others = site.page(officer, path).partition('id="waiting"')
    return mine, others.partition('id="told"')[0]


def evidence_of(needle: str) -> list[str]:
    """The evidence entries that name something."""
    query = "SELECT convert_from(document, 'UTF8') FROM evidence.entries WHERE position(:it IN convert_from(document, 'UTF8')) > 0"
    with transaction() as session:
        return [str(one) for one in session.scalars(text(query), {"it": needle})]


def test_an_officer_objects_over_a_receipt_of_his_departments_system(site: Any, system: str) -> None:  # noqa: ARG001
    receipt, officer = handed_out(site, IDS[20]), site.signed_in("sunhui")
    found = site.post(officer, RECEIPT, {"receipt": receipt})
    assert found.url.endswith(f"{NEW}?receipt={receipt}")
    assert "婚姻登记系统" in found.text
    assert '<option value="name">' in found.text
    assert '<option value="phone">' not in found.text, "the grant does not show it"
    asked = site.ask(officer, NEW, said(receipt, IDS[20]))
    assert "还没有办理" in asked.text
    assert "核实数据异议</strong> 开始计时" in asked.text
    assert "公安局</strong>" in asked.text.partition("将通知")[2]
    assert over(receipt) == []
    done = site.confirm(officer, asked)
    (one,) = over(receipt)
    assert done.url.endswith(f"/portal/objections/{one.id}")
    assert (one.department_id, one.application_id, one.raised_by) == ("civil_affairs", SYSTEM, "sunhui")
    assert (one.subject, one.value, one.claimed, one.reason) == (IDS[20], "张20", CLAIMED, REASON)
    assert one.source_department_id == "public_security"
    assert one.due_date.isoformat() in asked.text


def test_nothing_of_the_person_stands_in_addresses_notices_evidence_or_trail(site: Any, system: str) -> None:  # noqa: ARG001
    receipt, officer = handed_out(site, IDS[21]), site.signed_in("sunhui")
    done = site.post(officer, NEW, said(receipt, IDS[21], evidence="户口簿第三页"))
    (one,) = over(receipt)
    assert [answer.headers["location"] for answer in done.history] == [f"/portal/objections/{one.id}"]
    left = evidence_of(one.id)
    assert any('"objection_raise"' in entry and receipt in entry for entry in left)
    with transaction("exchange") as session:
        told = session.scalars(select(Notice).where(Notice.facts["objection"].as_string() == one.id)).all()
        assert {notice.department_id for notice in told} == {"public_security"}
        written = "".join(str(notice.facts) for notice in told)
        lines = trail.page(session, Sought(officer="sunhui", action="POST /objections/new"))
        written += "".join(str((line.cases, line.outcome)) for line in lines)
    for secret in (IDS[21], CLAIMED, REASON, "户口簿第三页"):
        assert secret not in "".join(left) + written
        assert secret not in done.text, "the page of the objection is masked"


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"why": ""}, "reason", "请填写“理由”"),
        ({"subject": " "}, "subject", "请填写“被查询的主体”"),
        ({"attribute": ""}, "attribute", "请填写“存疑的信息项”"),
        ({"subject": IDS[39]}, "subject", "未提供该主体的 姓名"),
        ({"attribute": "phone"}, "subject", "未提供该主体的"),
        ({"claimed": "x" * 501}, "claimed", "填写内容有误：主张应为"),
    ],
)
def test_what_does_not_fit_is_said_at_its_field_and_nothing_is_lost(
    site: Any,
    system: str,  # noqa: ARG001
    changes: dict[str, str],
    field: str,
    words: str,
) -> None:
    receipt = handed_out(site, IDS[22])
    answer = site.ask(site.signed_in("sunhui"), NEW, said(receipt, IDS[22], **changes))
    assert answer.status_code in (403, 422)
    assert words in answer.text.partition(f'id="wrong-{field}"')[2].partition("</p>")[0]
    assert 'aria-invalid="true"' in answer.text
    assert "还没有办理" not in answer.text
    kept = said(receipt, IDS[22], **changes)
    assert all(kept[name].strip() in answer.text for name in ("subject", "why", "claimed"))
    assert over(receipt) == []


def test_anothers_receipt_is_as_unknown_as_none(site: Any, system: str) -> None:  # noqa: ARG001
    receipt = handed_out(site, IDS[23])
    other = site.signed_in("xiaolan")
    unknown = site.ask(other, RECEIPT, {"receipt": new_receipt_id()})
    assert unknown.status_code == 404
    assert 'id="wrong-receipt"' in unknown.text
    for answer in (
        site.ask(other, RECEIPT, {"receipt": receipt}),
        other.get(f"{site.address}{NEW}?receipt={receipt}"),
        site.ask(other, NEW, said(receipt, IDS[23])),
    ):
        assert answer.status_code == 404
        assert 'id="wrong-receipt"' in answer.text
        assert "婚姻登记系统" not in answer.text
    refused = handed_out(site, IDS[23], kind="refusal", code="grant.quota")
    assert site.ask(site.signed_in("sunhui"), RECEIPT, {"receipt": refused}).status_code == 404
    for officer in ("weidong", "guanjia", "qiming"):
        visitor = site.signed_in(officer)
        assert visitor.get(f"{site.address}{NEW}").status_code == 403
        assert site.ask(visitor, NEW, said(receipt, IDS[23])).status_code == 403
        assert "提出异议</a>" not in site.page(officer, "/objections")
    assert over(receipt) == []


def test_a_verified_receipt_leads_its_own_department_to_the_form(site: Any, system: str, tmp_path: Path) -> None:
    file = receipt_in(tmp_path, application_id=system, grant_id=GRANT)
    link = f"{NEW}?receipt="
    for officer, may in (("sunhui", True), ("xiaolan", False), ("weidong", False)):
        page = site.ask(site.signed_in(officer), "/portal/verify", files={"receipt": file.read_bytes()}).text
        assert "回执有效" in page
        assert (link in page) is may
    assert site.signed_in("sunhui").get(f"{site.address}{link}{number_of(file)}").status_code == 200


def number_of(file: Path) -> str:
    """The number of the receipt in a file."""
    return str(json.loads(file.read_bytes())["entry"]["id"])


def test_what_is_typed_for_a_receipt_may_be_anything(site: Any, system: str) -> None:  # noqa: ARG001
    officer = site.signed_in("sunhui")
    assert "请填写“回执编号”" in site.ask(officer, RECEIPT, {"receipt": ""}).text
    typed = site.ask(officer, RECEIPT, {"receipt": IDS[24]})
    assert typed.status_code == 404
    assert IDS[24] not in typed.url
    assert IDS[24] not in typed.text.partition('id="wrong-receipt"')[2].partition("</p>")[0]


def test_while_one_is_open_no_other_is_opened(site: Any, system: str) -> None:  # noqa: ARG001
    receipt, officer = handed_out(site, IDS[25]), site.signed_in("sunhui")
    first = site.post(officer, NEW, said(receipt, IDS[25]))
    again = site.post(officer, NEW, said(receipt, IDS[25], why="再次核对"))
    assert again.url == first.url
    assert len(over(receipt)) == 1


def test_it_waits_on_the_workbenches_of_both_sides_until_it_is_answered(site: Any, system: str) -> None:  # noqa: ARG001
    receipt, officer = handed_out(site, IDS[26]), site.signed_in("sunhui")
    site.post(officer, NEW, said(receipt, IDS[26]))
    (one,) = over(receipt)
    fall_due(one.id, today())
    mine, others = waiting(site, "weidong", "/?kind=objection")
    assert f"/portal/objections/{one.id}" in mine
    assert "核实数据异议" in mine
    assert "/portal/objections?state=owed" in mine
    assert one.id not in others
    assert one.id in site.page("weidong", "/objections?state=owed")
    assert one.id not in site.page("sunhui", "/objections?state=owed")
    mine, others = waiting(site, "sunhui", "/")
    assert one.id not in mine
    assert one.id in others
    assert "公安局" in others
    site.post(site.signed_in("weidong"), f"/portal/objections/{one.id}/refuse", {"ground": "value_confirmed", "why": "无误"})  # fmt: skip
    assert one.id not in "".join(waiting(site, "weidong", "/") + waiting(site, "sunhui", "/"))


def test_what_is_late_is_counted_as_late(site: Any, system: str) -> None:  # noqa: ARG001
    receipt = handed_out(site, IDS[27])
    site.post(site.signed_in("sunhui"), NEW, said(receipt, IDS[27]))
    before = site.page("weidong", "/").partition("已超期")[2].partition("</dd>")[0]
    (one,) = over(receipt)
    fall_due(one.id, today() - timedelta(days=3))
    after = site.page("weidong", "/").partition("已超期")[2].partition("</dd>")[0]
    assert int(after.rpartition(">")[2]) == int(before.rpartition(">")[2]) + 1


@pytest.mark.parametrize("language", ["zh", "en"])
def test_its_looks(site: Any, system: str, studio: Any, language: str) -> None:  # noqa: ARG001
    receipt = handed_out(site, IDS[28 if language == "zh" else 29])
    studio.complaints.clear()
    page, suffix = studio.desk(bypass_csp=True), "" if language == "zh" else "-english"
    studio.sign_in(page, "sunhui")
    page.goto(f"{site.address}/portal/language/{language}?next=/portal/objections")
    found = studio.violations(page)
    studio.picture(page, f"83-objections-raise{suffix}")
    page.click(".head .button.primary")
    found += studio.violations(page)
    studio.picture(page, f"84-objection-receipt{suffix}")
    page.fill("#receipt", receipt)
    page.keyboard.press("Enter")
    page.fill("#subject", " ")
    page.select_option("#attribute", "name")
    page.fill("#why", REASON)
    page.click("main button.primary")
    expect(page.locator("#wrong-subject")).to_be_visible()
    found += studio.violations(page)
    studio.picture(page, f"85-objection-new{suffix}")
    page.fill("#subject", IDS[28 if language == "zh" else 29])
    page.click("main button.primary")
    expect(page.locator("#sure button")).to_be_focused()
    found += studio.violations(page)
    studio.picture(page, f"86-objection-sure{suffix}")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_be_visible()
    page.goto(f"{site.address}/portal/")
    found += studio.violations(page)
    studio.picture(page, f"87-objection-workbench{suffix}")
    assert not found, "\n".join(found)
    assert not studio.complaints
