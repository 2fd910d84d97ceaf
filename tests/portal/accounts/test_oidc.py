"""The bureau's identity provider: a real one (oidc-provider), and tokens that somebody else made up."""

import json
import re
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import pytest
import requests
from joserfc import jwt
from joserfc.jwk import RSAKey

from exchange_api.accounts import oidc
from exchange_api.accounts.oidc import Started
from schemas.database import transaction
from schemas.errors import Denied, HutongError
from schemas.tables.operations import Officer

SCRIPT = Path(__file__).with_name("provider.mjs")


@dataclass
class Bureau:
    """The provider: its issuer, its key, and the portal that trusts it."""

    issuer: str
    key: RSAKey
    city: Any

    def token(self, key: RSAKey | None = None, **claims: Any) -> str:
        """A token as the provider would make it, with something else in it."""
        now = int(time.time())
        said = {"iss": self.issuer, "aud": "hutong", "sub": "s-1", "exp": now + 300, "iat": now, "nonce": "n", **claims}
        return jwt.encode({"alg": "RS256", "kid": "k1"}, said, key or self.key, algorithms=["RS256"])

    def walk(self, login: str) -> tuple[requests.Session, requests.Response]:
        """Sign in at the provider as a person does; returns the visitor and the portal's answer to his coming back."""
        visitor = self.city.browser()
        answer = visitor.get(f"{self.city.address}/portal/sign-in/oidc")
        for form in ({"prompt": "login", "login": login, "password": "any"}, {"prompt": "consent"}):
            action = re.search(r'<form[^>]*action="([^"]+)"', answer.text)
            assert action, answer.text[:500]
            answer = visitor.post(urljoin(answer.url, action[1]), form)
        return visitor, answer


@pytest.fixture(scope="module")
def bureau(city: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bureau]:
    key = RSAKey.generate_key(2048, {"kid": "k1", "use": "sig", "alg": "RS256"})
    jwks = json.dumps({"keys": [key.as_dict(private=True)]})
    back = f"{city.address}/portal/sign-in/oidc/back"
    secret = tmp_path_factory.mktemp("oidc") / "secret"
    secret.write_text("a secret of thirty-two characters\n")
    provider = subprocess.Popen(
        ["node", SCRIPT, back, jwks], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert provider.stdout
    issuer = provider.stdout.readline().strip()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HUTONG_OIDC_ISSUER", issuer)
        patch.setenv("HUTONG_OIDC_CLIENT_SECRET_FILE", str(secret))
        yield Bureau(issuer, key, city)
    provider.terminate()
    provider.wait(60)
    provider.stdout.close()
    oidc.forget()


def test_whom_the_security_administrator_linked_comes_in_and_nobody_else(bureau: Bureau) -> None:
    _, stranger = bureau.walk("someone-7")
    assert stranger.status_code == 403
    assert "someone-7" in stranger.text
    admin = bureau.city.signed_in("anquan")
    assert bureau.city.post(admin, "/portal/accounts/xiaolan/link", {"subject": "someone-7"}).status_code == 200
    visitor, answer = bureau.walk("someone-7")
    assert answer.status_code == 200, answer.text
    assert "褚晓岚" in visitor.get(f"{bureau.city.address}/portal/sign-in/next").text
    assert bureau.city.post(admin, "/portal/accounts/xiaolan/link", {"subject": ""}).status_code == 200
    assert bureau.walk("someone-7")[1].status_code == 403


def test_a_configured_claim_is_the_login_name(bureau: Bureau, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUTONG_OIDC_LOGIN_CLAIM", "preferred_username")
    visitor, _ = bureau.walk("weidong")
    assert "钱卫东" in visitor.get(f"{bureau.city.address}/portal/").text


def test_what_came_back_once_is_worth_nothing_again(bureau: Bureau) -> None:
    _, answer = bureau.walk("weidong")
    query = urlsplit(answer.url).query
    started = Started(parse_qs(query)["state"][0], "n", "v" * 64)
    with pytest.raises(Denied, match="invalid_grant"):
        oidc.finish(
            started, {name: values[0] for name, values in parse_qs(query).items()}, answer.url.partition("?")[0]
        )


def test_an_answer_to_another_question_is_refused(bureau: Bureau) -> None:
    answer = bureau.city.browser().get(f"{bureau.city.address}/portal/sign-in/oidc/back?state=x&code=y")
    assert answer.status_code == 403
    with pytest.raises(Denied, match="state"):
        oidc.finish(Started("mine", "n", "v"), {"state": "other", "code": "c"}, "http://127.0.0.1/")


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "another"}, {"iss": "https://evil.example"}, {"exp": 1}, {"nonce": "other"}, {"sub": None}, {"iat": None},
        {"aud": ["hutong", "other"], "azp": "other"},
    ],
)  # fmt: skip
def test_a_token_for_somebody_else_is_refused(bureau: Bureau, claims: dict[str, Any]) -> None:
    assert oidc.checked(bureau.token(), "n").subject == "s-1"
    with pytest.raises(HutongError) as refused:
        oidc.checked(bureau.token(**claims), "n")
    assert refused.value.code == "oidc.refused"


def test_a_token_of_another_key_or_of_none_is_refused(bureau: Bureau) -> None:
    forged = bureau.token(RSAKey.generate_key(2048, {"kid": "k1"}))
    head, body, _ = bureau.token().split(".")
    unsigned = f"eyJhbGciOiJub25lIn0.{body}."
    for token in (forged, unsigned, f"{head}.{body}.", "no.token", ""):
        with pytest.raises(HutongError) as refused:
            oidc.checked(token, "n")
        assert refused.value.code == "oidc.refused"


def test_while_the_provider_is_away_local_accounts_come_in(bureau: Bureau, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUTONG_OIDC_ISSUER", "http://127.0.0.1:9")
    assert bureau.city.browser().get(f"{bureau.city.address}/portal/sign-in/oidc").status_code == 503
    assert bureau.city.signed_in("xiaolan")
    with transaction("exchange") as session:
        assert session.get_one(Officer, "xiaolan").oidc_subject is None
