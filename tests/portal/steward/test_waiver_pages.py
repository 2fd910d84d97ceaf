"""A steward leaves rows out after he saw what follows; the department reads why; what was taken back waits again."""

from typing import Any

import pytest
from sqlalchemy import text

from schemas.database import transaction
from tests.portal.steward.conftest import held_back


@pytest.fixture(scope="module")
def rows(site: Any) -> list[int]:
    """Three rows of the police that wait for a name."""
    batch, _ = held_back(site, "temporary", 12)
    with transaction() as session:
        found = text("SELECT id FROM landing.quarantined_rows WHERE batch_id = :batch ORDER BY id")
        return [int(one) for one in session.scalars(found, {"batch": batch})]


def ticket_of(resource: str) -> int:
    with transaction() as session:
        found = text("SELECT id FROM landing.tickets WHERE resource_id = :resource AND state <> 'closed'")
        return int(session.scalars(found, {"resource": resource}).one())


def test_chosen_rows_are_left_out_after_what_follows_was_shown(site: Any, rows: list[int]) -> None:
    visitor, ticket = site.signed_in("guanjia"), ticket_of("public_security.temporary")
    assert "所选行不予更正" in site.page("guanjia", f"/quarantine/{ticket}")
    assert "所选行不予更正" not in site.page("weidong", f"/quarantine/{ticket}")
    asked = site.post(visitor, "/portal/waivers/look", {"row": [str(rows[0]), str(rows[1])]})
    assert asked.status_code == 200
    for words in ("2 行不予更正", "数源部门收到通知", "可以随时撤销"):
        assert words in asked.text
    bare = site.post(visitor, "/portal/waivers", {"row": str(rows[0]), "why": " "})
    assert bare.status_code == 422
    personal = site.post(visitor, "/portal/waivers", {"row": str(rows[0]), "why": "330106199003071239 查无此人"})
    assert personal.status_code == 422
    assert "个人号码" in personal.text
    done = site.post(visitor, "/portal/waivers", {"row": [str(rows[0]), str(rows[1])], "why": "登记底册虫蛀"})
    assert done.url.endswith("/portal/waivers")
    assert done.text.count("登记底册虫蛀") == 2
    assert "登记底册虫蛀" in site.page("weidong", "/waivers")
    assert "登记底册虫蛀" not in site.page("sunhui", "/waivers")
    assert "不予更正，不进入基础库" in site.page("weidong", "/notices")


def test_taken_back_it_waits_again(site: Any, rows: list[int]) -> None:
    visitor = site.signed_in("guanjia")
    done = site.post(visitor, "/portal/waivers", {"row": str(rows[2]), "why": "暂缺"})
    assert done.url.endswith(f"/portal/rows/{rows[2]}")
    assert "等待更正</span>" not in done.text
    with transaction() as session:
        waiver = session.scalar(text("SELECT id FROM landing.waivers WHERE row_id = :row"), {"row": rows[2]})
    assert "撤销不予更正" not in site.page("weidong", f"/rows/{rows[2]}")
    assert site.post(visitor, f"/portal/waivers/{waiver}/withdraw", {"why": ""}).status_code == 422
    back = site.post(visitor, f"/portal/waivers/{waiver}/withdraw", {"why": "档案已找到"})
    assert "档案已找到" in back.text
    assert "等待更正</span>" in back.text
    with transaction() as session:
        by = session.execute(text("SELECT waived_by, withdrawn_by FROM landing.waivers WHERE id = :id"), {"id": waiver})
        assert tuple(by.one()) == ("guanjia", "guanjia")


def test_nobody_but_a_steward_leaves_rows_out(site: Any, rows: list[int]) -> None:
    for officer in ("weidong", "qiming"):
        visitor = site.signed_in(officer)
        assert site.post(visitor, "/portal/waivers", {"row": str(rows[2]), "why": "x"}).status_code == 403
        assert site.post(visitor, "/portal/waivers/1/withdraw", {"why": "x"}).status_code == 403


def test_more_rows_than_one_answers_for_are_refused(site: Any) -> None:
    answer = site.post(site.signed_in("guanjia"), "/portal/waivers/look", {"row": [str(n) for n in range(1, 502)]})
    assert answer.status_code == 422
    assert "500" in answer.text
