"""Great Expectations' page of a batch is read behind the sign-in by those it concerns, and does nothing in the browser."""

from pathlib import Path
from typing import Any

import pytest

from exchange_api.steward import data_docs
from tests.portal.steward.conftest import IDS


def docs(site: Any, officer: str, batch: str) -> Any:
    return site.signed_in(officer).get(f"{site.address}/portal/batches/{batch}/docs")


def test_the_batch_leads_to_its_data_docs(site: Any) -> None:
    batch = site.batches["second"]
    assert f"/portal/batches/{batch}/docs" in site.page("guanjia", f"/batches/{batch}")
    for officer in ("guanjia", "weidong"):
        answer = docs(site, officer, batch)
        assert answer.status_code == 200
        assert "name.required (required, completeness, row)" in answer.text
        assert answer.text.count("✗") >= 1, "the rule that some rows broke"
        assert answer.text.count("✓") > 10
        assert not [one for one in IDS if one in answer.text]
    assert docs(site, "sunhui", batch).status_code == 403
    stranger = site.browser().get(f"{site.address}/portal/batches/{batch}/docs", allow_redirects=False)
    assert stranger.status_code == 303


def test_its_policy_lets_nothing_run_or_load(site: Any) -> None:
    policy = docs(site, "guanjia", site.batches["second"]).headers["content-security-policy"]
    rules = dict(one.strip().partition(" ")[::2] for one in policy.split(";"))
    assert rules["sandbox"] == ""
    assert rules["default-src"] == "'none'"
    assert set(rules) == {"sandbox", "default-src", "style-src", "base-uri", "form-action", "frame-ancestors"}
    assert "unsafe" not in policy
    other = site.signed_in("guanjia").get(f"{site.address}/portal/batches/{site.batches['second']}")
    assert "sandbox" not in other.headers["content-security-policy"]


@pytest.mark.parametrize(
    "bad",
    ["<script>x()</script>", "<SCRIPT src='//e.example/x.js'></script >", "<a href=\"javascript:x()\">x</a>", "<a href='//e.example'>x</a>",
     "<img src=x onerror=\"x()\">", "<iframe src='//e.example'>", "<base href='//e.example'>", "<form action='//e.example'>",
     "<meta http-equiv='refresh' content='0;url=//e.example'>", "<link rel=stylesheet href='//e.example'>"],
)  # fmt: skip
def test_what_acts_or_leads_elsewhere_is_taken_out(bad: str) -> None:
    found = data_docs.harmless(
        f"<html><head><style>p {{}}</style></head><body><p>规则</p>{bad}<a href='#x'>x</a></body></html>"
    )
    assert "规则" in found.page
    assert "#x" in found.page
    for trace in ("x()", "e.example"):
        assert trace not in found.page


def test_a_batch_without_report_says_so(site: Any) -> None:
    batch = site.batches["civil"]
    page = next(Path(site.around["HUTONG_LANDING"]).glob(f"**/{batch}/quality/index.html"))
    content = page.read_bytes()
    page.unlink()
    try:
        answer = docs(site, "guanjia", batch)
    finally:
        page.write_bytes(content)
    assert answer.status_code == 404
    assert "没有检查报告" in answer.text


def test_its_look(studio: Any) -> None:
    studio.complaints.clear()
    page = studio.desk()
    studio.sign_in(page, "guanjia")
    page.goto(f"{studio.city.address}/portal/batches/{studio.city.batches['second']}/docs")
    studio.picture(page, "62-data-docs")
    assert studio.hosts <= {studio.city.address.removeprefix("http://")}
    page.goto(f"{studio.city.address}/portal/batches/{studio.city.batches['second']}")
    studio.picture(page, "62-batch")
