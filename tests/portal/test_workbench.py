"""The first page of a day: what waits for whom, how urgent, and what to do first when nothing does."""

from typing import Any

import pytest


def test_what_waits_is_counted_by_kind_and_one_kind_can_be_looked_at_alone(
    city: Any, submitted: str, dispatched: tuple[str, str]
) -> None:
    authority = city.signed_in("qiming")
    page = authority.get(f"{city.address}/portal/").text
    assert "审核并分派" in page or dispatched[0] == submitted
    alone = city.signed_in("weidong").get(f"{city.address}/portal/", params={"kind": "task"}).text
    assert f"/portal/tasks/{dispatched[1]}" in alone
    assert "逐项确认供给" in alone
    waiting = city.signed_in("xiaolan").get(f"{city.address}/portal/").text.partition('id="waiting"')[2]
    assert dispatched[0] in waiting
    assert "公安局" in waiting


@pytest.mark.parametrize(
    ("officer", "words"),
    [
        ("wumin", "请让本部门的资源目录保持最新"),
        ("guanjia", "汇聚、质量和档案的工作"),
        ("yingyong", "先登记公钥"),
        ("xitong", "系统管理员不办理业务"),
        ("anquan", "安全管理员不办理业务"),
        ("shenji", "您可以查阅全部对接单"),
    ],
)
def test_an_empty_workbench_says_what_to_do_first(city: Any, officer: str, words: str) -> None:
    page = city.signed_in(officer).get(f"{city.address}/portal/").text
    assert words in page
    assert 'href="/portal/resources"' in page.partition('<main id="content"')[2] or officer == "wumin"
