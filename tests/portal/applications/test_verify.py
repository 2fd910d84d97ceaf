"""What a dropped entry of the trail proves, and that a changed one is refused; who vouches beside the hub is said in words."""

import json
from typing import Any

import pytest
from sqlalchemy import select

from exchange_api.evidence.receipts import receipt_document
from schemas.database import transaction
from schemas.tables.accounts import TrailLine


@pytest.fixture
def entry(hub: Any) -> dict[str, Any]:
    """A deed of an officer as the trail hands it out: the entry with its proof."""
    hub.signed_in("yingyong")
    hub.sequence()
    with transaction() as session:
        line = session.scalars(select(TrailLine).order_by(TrailLine.id.desc()).limit(1)).one()
        document = receipt_document(session, str(line.id))
    assert document is not None
    return document


def _dropped(hub: Any, document: Any) -> str:
    data = json.dumps(document, ensure_ascii=False, indent=1).encode()
    return str(hub.post(hub.browser(), "/portal/verify", files={"receipt": ("entry.json", data)}).text)


def test_an_entry_of_the_trail_is_proven_without_question_and_answer(hub: Any, entry: dict[str, Any]) -> None:
    page = _dropped(hub, entry)
    assert "存证条目有效：全部 3 项核验通过" in page
    assert "经办人操作" in page
    assert "只凭平台自己的签名" in page


@pytest.mark.parametrize("change", [{"at": "2020-01-01T00:00:00.000000Z"}, {"kind": "key"}, {"code": "portal.failed"}])
def test_a_changed_entry_is_refused(hub: Any, entry: dict[str, Any], change: dict[str, str]) -> None:
    page = _dropped(hub, {**entry, "entry": {**entry["entry"], **change}})
    assert "存证条目无效" in page
    assert "这条存证证明" not in page


@pytest.mark.parametrize(
    "document",
    [{"entry": 1, "proof": "x"}, {"entry": {"format": "hutong-entry/1"}, "proof": "x"}, {"entry": {}, "proof": 1.5}],
)
def test_a_file_out_of_form_is_told_and_breaks_nothing(hub: Any, document: Any) -> None:
    assert "存证条目无效" in _dropped(hub, document)


def test_the_result_prints(hub: Any, browsing: Any, entry: dict[str, Any], tmp_path: Any) -> None:
    file = tmp_path / "entry.json"
    file.write_text(json.dumps(entry), "utf-8")
    page = browsing.desk(bypass_csp=True)
    page.goto(f"{hub.address}/portal/verify")
    page.set_input_files("#receipt", file)
    page.click("main >> text=验证")
    browsing.picture(page, "74-verify-entry")
    browsing.printed(page, "74-verify-entry")
    assert not browsing.violations(page)
