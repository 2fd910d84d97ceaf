"""What a steward orders: mended rows sent again, contradictions ruled, a batch taken back after its consequences were seen; and what a crash leaves is done."""

from typing import Any

import pytest
from sqlalchemy import text, update

from exchange_api.actors import Actor
from exchange_api.portal.pages.steward import shared
from exchange_api.steward import orders, sight
from libraries.record import explain
from schemas.database import transaction
from schemas.errors import Denied, HutongError
from schemas.tables.steward import StewardOrder
from tests.portal.steward.conftest import DISPUTED, IDS, POLICE, at_rest

GUANJIA = Actor("guanjia", "data_bureau", frozenset({"steward"}))


def _value(subject: str, attribute: str) -> Any:
    with transaction("reader") as session:
        (record,) = explain(session, "population", subject)["records"]
    return next(one["value"] for one in record["attributes"] if one["id"] == attribute)


def _held(site: Any, key: str) -> int:
    with transaction() as session:
        found = text("SELECT id FROM landing.quarantined_rows WHERE batch_id = :batch AND record_key = :key")
        return int(session.scalars(found, {"batch": site.batches["second"], "key": key}).one())


def test_a_mended_row_goes_in_and_what_was_typed_is_kept_nowhere(site: Any) -> None:
    visitor, row = site.signed_in("guanjia"), _held(site, IDS[5])
    done = site.ordered(visitor, f"/rows/{row}/replay", {"set-name": "张更正"})
    assert "已放行" in done
    assert _value(IDS[5], "name") == "张更正"
    with transaction() as session:
        assert (
            session.scalar(text("SELECT count(*) FROM operations.steward_orders WHERE said::text LIKE '%张更正%'")) == 0
        )
    assert "已放行" in site.page("guanjia", f"/rows/{row}")


def test_a_row_still_wrong_goes_on_waiting_and_says_why(site: Any) -> None:
    visitor, row = site.signed_in("guanjia"), _held(site, IDS[6])
    done = site.ordered(visitor, f"/rows/{row}/replay", {"set-phone": "12"})
    assert "仍未通过检查" in done
    assert "name.required" in done
    assert "等待更正" in site.page("guanjia", f"/rows/{row}")


def test_chosen_rows_of_a_ticket_are_sent_again_together(site: Any) -> None:
    visitor = site.signed_in("guanjia")
    with transaction() as session:
        ticket = session.scalar(
            text(
                "SELECT id FROM landing.tickets WHERE resource_id = :of AND reason = 'name.required' AND state <> 'closed'"
            ),
            {"of": POLICE},
        )
    assert f"/portal/quarantine/{ticket}" in site.page("guanjia", "/quarantine?q=name.required")
    assert str(_held(site, IDS[6])) in site.page("weidong", f"/quarantine/{ticket}")
    assert visitor.get(f"{site.address}/portal/quarantine/{ticket}").status_code == 200
    refused = site.post(visitor, f"/portal/quarantine/{ticket}/replay")
    assert refused.status_code == 422
    assert "未选择任何行" in refused.text
    assert "仍未通过检查" in site.ordered(visitor, f"/quarantine/{ticket}/replay", {"row": str(_held(site, IDS[6]))})
    answered = site.post(visitor, f"/portal/quarantine/{ticket}/answer", {"why": "本周内更正"})
    assert "本周内更正" in answered.text
    assert site.signed_in("sunhui").get(f"{site.address}/portal/quarantine/{ticket}").status_code == 403


def test_a_contradiction_is_ruled_with_a_reason_and_the_ruling_withdrawn(site: Any) -> None:
    visitor, before = site.signed_in("guanjia"), _value(DISPUTED, "name")
    with transaction() as session:
        found = text("SELECT number FROM library.conflicts WHERE record_key = :key AND attribute = 'name'")
        number = session.scalars(found, {"key": DISPUTED}).one()
    listed = site.page("guanjia", "/conflicts?library=population")
    assert f"/portal/conflicts/{number}" in listed
    assert DISPUTED not in listed
    bare = site.post(visitor, f"/portal/conflicts/{number}/settle", {"take": POLICE, "why": ""})
    assert bare.status_code == 422
    other = site.post(visitor, f"/portal/conflicts/{number}/settle", {"take": "other", "value": "", "why": "核实"})
    assert "裁定须选择一个来源" in other.text
    site.ordered(visitor, f"/conflicts/{number}/settle", {"take": "other", "value": "王裁定", "why": "经核实"})
    assert _value(DISPUTED, "name") == "王裁定"
    page = site.page("guanjia", f"/conflicts/{number}")
    assert "经核实" in page
    assert "王裁定" not in page
    with transaction() as session:
        ruling = session.scalar(text("SELECT max(id) FROM library.rulings"))
    site.ordered(visitor, f"/rulings/{ruling}/withdraw", {"why": "裁定有误"})
    assert _value(DISPUTED, "name") == before


def test_a_resource_is_held_back_with_a_reason_and_compared_with_its_source(site: Any) -> None:
    visitor = site.signed_in("guanjia")
    assert "来源迁移" in site.post(visitor, f"/portal/pipelines/{POLICE}/pause", {"why": "来源迁移"}).text
    assert "已暂停归集" in site.page("guanjia", "/pipelines")
    assert "来源迁移" not in site.post(visitor, f"/portal/pipelines/{POLICE}/resume").text
    done = site.ordered(visitor, f"/pipelines/{POLICE}/reconcile", {})
    assert "处理完成" in done


def test_a_batch_is_taken_back_only_after_its_consequences_were_seen(site: Any) -> None:
    visitor, batch = site.signed_in("guanjia"), site.batches["civil"]
    blind = site.post(visitor, f"/portal/batches/{batch}/retract", {"why": "错误数据"})
    assert blind.status_code == 409
    assert "尚未预演" in blind.text
    seen = site.ordered(visitor, f"/batches/{batch}/preview", {})
    assert "处理完成" in seen
    page = site.page("guanjia", f"/batches/{batch}/retract")
    assert "第二步：确认撤回" in page
    assert "没有任何答复提及该批次" in page
    assert not [one for one in IDS if one in page]
    with transaction("reader") as session:
        assert session.scalar(text("SELECT state FROM landing.batches WHERE id = :id"), {"id": batch}) == "merged"
    assert site.post(visitor, f"/portal/batches/{batch}/retract", {"why": " "}).status_code == 422
    done = site.ordered(visitor, f"/batches/{batch}/retract", {"why": "来源报送有误"})
    assert "已开启召回" in done
    after = site.page("guanjia", f"/batches/{batch}")
    assert "来源报送有误" in after
    assert "ZH-" in site.page("guanjia", "/recalls")
    recall = "ZH-" + after.partition("/portal/recalls/ZH-")[2].partition('"')[0]
    assert "没有接收方" in site.page("guanjia", f"/recalls/{recall}")


def test_what_a_crash_left_waiting_is_done_by_the_next_who_looks(site: Any) -> None:  # noqa: ARG001 - its hub must be there
    at_rest()
    with transaction("exchange") as session:
        order = orders.place(session, GUANJIA, ("reconcile", POLICE), "").id
        again = orders.place(session, GUANJIA, ("reconcile", POLICE), "").id
    assert order == again
    assert orders.work_off() == 1
    assert orders.work_off() == 0
    with transaction("exchange") as session:
        assert orders.get(session, GUANJIA, order).state == "done"


def test_a_failed_order_says_its_error_in_words(site: Any) -> None:
    with transaction("exchange") as session:
        order = orders.place(session, GUANJIA, ("reconcile", "public_security.never"), "").id
    orders.work_off()
    page = site.page("guanjia", f"/orders/{order}")
    assert "未能完成" in page
    assert "public_security.never" in page


def test_a_mistake_of_the_hub_leaves_a_number_and_no_trace(site: Any) -> None:
    with transaction("exchange") as session:
        order = orders.place(session, GUANJIA, ("replay", "no.batch"), "", {"rows": {"1": {}}}).id
        session.execute(update(StewardOrder).where(StewardOrder.id == order).values(said={}))
    orders.work_off()
    page = site.page("guanjia", f"/orders/{order}")
    assert "系统内部错误" in page
    assert "KeyError" not in page


@pytest.mark.parametrize("roles", [("provider",), ("authority",), ("auditor",), ("demander",)])
def test_nobody_but_a_steward_orders(site: Any, roles: tuple[str, ...]) -> None:  # noqa: ARG001 - its hub must be there
    stranger = Actor("wei", "public_security", frozenset(roles))
    with pytest.raises(Denied), transaction("exchange") as session:
        orders.place(session, stranger, ("retract", "x"), "y")
    if roles != ("provider",):
        with pytest.raises(HutongError):
            sight.own(stranger)


def test_a_page_beyond_the_end_is_the_last_one() -> None:
    found = shared.cut(21, 99, {}, lambda start: list(range(start, 21)))
    assert (found.page, found.pages, list(found.rows)) == (2, 2, [20])
