"""Application systems on pages: a department's team looks after its own keys and nobody else's; a private key is refused and forgotten."""

from typing import Any

import pytest

from exchange_api import application_desk, applications
from exchange_api.actors import Actor
from exchange_api.portal import application_view
from exchange_api.sandbox import trial_keys
from exchange_api.signing import SoftwareSigner
from schemas.database import transaction
from schemas.errors import Denied, Invalid
from schemas.tables.operations import Notice
from tests.portal.applications.conftest import FOREIGN, PLAIN, TESTED

TEAM = Actor("yingyong", "housing", frozenset({"application"}))


def test_a_team_sees_its_departments_systems_and_the_authority_all(hub: Any) -> None:
    team = hub.page("yingyong", "/applications")
    assert "住房保障业务系统" in team
    assert "婚姻登记系统" not in team
    assert "婚姻登记系统" in hub.page("qiming", "/applications")
    assert hub.signed_in("yingyong").get(f"{hub.address}/portal/applications/{FOREIGN}").status_code == 403
    assert hub.signed_in("xiaolan").get(f"{hub.address}/portal/applications").status_code == 403


def test_a_key_is_registered_rolled_and_revoked_by_the_team_and_told_to_the_department(hub: Any) -> None:
    team, first, second = (
        hub.signed_in("yingyong"),
        SoftwareSigner.generate(),
        SoftwareSigner.generate("ecdsa-p256-sha256"),
    )
    at = f"/portal/applications/{PLAIN}/keys"
    assert first.keyid in hub.post(team, at, {"key": first.public.pem().decode()}).text
    page = hub.page("yingyong", f"/applications/{PLAIN}/keys/{first.keyid}")
    assert "这是最后一把在用的公钥" in page
    uploaded = hub.post(team, at, files={"file": ("hutong.pub", second.public.pem())})
    assert second.keyid in uploaded.text
    asked = hub.ask(team, f"{at}/{first.keyid}/retire")
    assert "用它签名的提问立即被拒绝" in asked.text
    assert "使用中" in hub.page("yingyong", f"/applications/{PLAIN}/keys/{first.keyid}")
    assert "已停用" in hub.confirm(team, asked).text
    assert "已吊销" in hub.post(team, f"{at}/{second.keyid}/revoke").text
    with transaction() as session:
        told = {one.key for one in session.query(Notice).filter_by(department_id="housing")}
    assert {"application.key_registered", "application.key_retired", "application.key_revoked"} <= told


@pytest.mark.parametrize("kind", ["pem", "jwk"])
def test_a_private_key_is_refused_and_not_shown_again(hub: Any, kind: str) -> None:
    signer = SoftwareSigner.generate()
    private = (
        signer.pem().decode() if kind == "pem" else '{"kty":"OKP","crv":"Ed25519","x":"AAAA","d":"c2VjcmV0LXBhcnQ"}'
    )
    answer = hub.post(hub.signed_in("yingyong"), f"/portal/applications/{PLAIN}/keys", {"key": private})
    assert answer.status_code == 422
    assert "提交了私钥" in answer.text
    assert "c2VjcmV0LXBhcnQ" not in answer.text
    assert signer.pem().decode().splitlines()[1] not in answer.text


def test_nobody_else_changes_a_key(hub: Any) -> None:
    key = SoftwareSigner.generate().public
    with transaction() as session:
        applications.register_key(session, FOREIGN, key.jwk)
    address = f"/portal/applications/{FOREIGN}/keys/{key.keyid}/revoke"
    for officer in ("yingyong", "qiming", "xiaolan"):
        assert hub.post(hub.signed_in(officer), address).status_code == 403
    with pytest.raises(Denied), transaction() as session:
        application_desk.end_key(session, TEAM, FOREIGN, key.keyid)


def test_a_trial_key_is_for_testing_alone_and_ends_with_it(hub: Any) -> None:  # noqa: ARG001 - its database must be there
    authority = Actor("qiming", "data_bureau", frozenset({"authority"}))
    key = SoftwareSigner.generate("ecdsa-p256-sha256").public
    with transaction() as session:
        with pytest.raises(Invalid, match=r"sandbox\.unknown"):
            trial_keys.register(session, PLAIN, key.jwk)
        applications.register(session, "housing.short", "短期测试", "housing")
        application_desk.open_sandbox(session, authority, "housing.short")
        trial_keys.register(session, "housing.short", key.jwk)
        application_desk.promote(session, authority, "housing.short")
        assert [one.state for one in applications.keys_of(session, "housing.short")] == ["retired"]
        with pytest.raises(Invalid, match=r"sandbox\.in_production"):
            trial_keys.register(session, "housing.short", SoftwareSigner.generate().public.jwk)


def test_trial_keys_do_not_heap_up(hub: Any) -> None:  # noqa: ARG001 - its database must be there
    with transaction() as session:
        for _ in range(trial_keys.MOST + 2):
            trial_keys.register(session, TESTED, SoftwareSigner.generate().public.jwk)
        in_use = [one for one in applications.keys_of(session, TESTED) if not application_view.is_over(one)]
        for one in in_use:
            applications.end_key(session, TESTED, one.keyid)
    assert len(in_use) == trial_keys.MOST
