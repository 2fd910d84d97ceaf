"""Beside a resource's promise stands when it is collected next; while it is held back nothing is collected."""

from typing import Any

from tests.portal.steward.conftest import POLICE


def test_the_next_run_stands_beside_the_promise(site: Any) -> None:
    page = site.page("guanjia", "/pipelines?q=户籍")
    assert "下次运行" in page
    assert " 01:30" in page
    assert "承诺至 20" in page
    assert "下次运行" in site.page("weidong", f"/pipelines/{POLICE}")
    visitor = site.signed_in("guanjia")
    sheet = visitor.get(f"{site.address}/portal/pipelines", params={"format": "xlsx"})
    assert sheet.status_code == 200


def test_nothing_is_announced_while_a_resource_is_held_back(site: Any) -> None:
    visitor = site.signed_in("guanjia")
    site.post(visitor, f"/portal/pipelines/{POLICE}/pause", {"why": "来源迁移"})
    try:
        assert "暂停中" in site.page("guanjia", f"/pipelines/{POLICE}")
        assert "暂停中" in site.page("guanjia", "/pipelines?q=户籍")
    finally:
        site.post(visitor, f"/portal/pipelines/{POLICE}/resume")
    assert "暂停中" not in site.page("guanjia", f"/pipelines/{POLICE}")
