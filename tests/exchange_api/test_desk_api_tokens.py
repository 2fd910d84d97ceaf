"""Who asks at the desks' HTTP interface: clients by assertions and tokens (RFC 7523), officers by their sign-in; everybody else is refused by name."""

import base64
import json
import time
import uuid
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from exchange_api.desk_api import assertions, clients
from exchange_api.desk_api.assertions import prove
from exchange_api.desk_api.scopes import scopes_of
from exchange_api.desk_api.token_desk import REVOCATION
from exchange_api.signing import Request, SoftwareSigner, public_key_from_jwk
from exchange_api.signing.algorithms import decode_base64url
from schemas.errors import Denied, HutongError, Invalid
from schemas.tables.departments import Department
from schemas.tables.evidence import Entry
from schemas.tables.officer_clients import OfficerClientAssertion, OfficerClientToken
from schemas.tables.operations import OfficerSession
from tests.exchange_api.desk_town import FORM, Client, Desks, compact

STRANGER = SoftwareSigner.generate()


@pytest.fixture(scope="module")
def office(desks: Desks) -> Client:
    return desks.client("token.office", "housing", "demander")


@pytest.mark.parametrize("algorithm", ["ed25519", "ecdsa-p256-sha256"])
def test_a_client_gets_a_token_for_its_roles_that_opens_the_desks(desks: Desks, algorithm: str) -> None:
    client = desks.client(f"office.{algorithm[:5]}", "housing", "demander", algorithm=algorithm)
    status, said, entry = client.fetch()
    assert status == 200, said
    assert (said["token_type"], said["expires_in"]) == ("Bearer", 600)
    assert said["scope"].split() == scopes_of(["demander"])
    facts = json.loads(entry.document)["facts"]
    assert (facts["client"], facts["client_key"]) == (client.id, client.signer.keyid)
    assert said["access_token"] not in bytes(entry.document).decode()
    assert client.call("GET", "/v1/demands", authorization=f"Bearer {said['access_token']}")[0] == 200


def wrong_assertions(client: Client) -> dict[str, str]:
    """Everything that is no proof, by what is wrong with it."""
    now, header = int(time.time()), {"kid": client.signer.keyid}
    whole = client.assertion()
    claims = {
        "iss": client.id,
        "sub": client.id,
        "aud": client.site.url + "/v1/oauth/token",
        "exp": now + 60,
        "jti": "12345678",
    }
    unsigned = compact({"alg": "none", **header}, claims, client.signer).rpartition(".")[0] + "."
    return {
        "alg none": unsigned,
        "alg HS256 with the public key": compact({"alg": "HS256", **header}, claims, client.signer),
        "alg of another key": client.assertion({"alg": "ES256"}),
        "alg in another case": client.assertion({"alg": "eddsa"}),
        "foreign key": client.assertion(signer=STRANGER),
        "unknown kid": client.assertion({"kid": STRANGER.keyid}, STRANGER),
        "no kid": client.assertion({"kid": None}),
        "own key in the header": client.assertion({"jwk": STRANGER.public.jwk}, STRANGER),
        "key by address": client.assertion({"jku": "http://127.0.0.1/keys"}),
        "critical extension": client.assertion({"crit": ["x"], "x": 1}),
        "other audience": client.assertion(aud="https://elsewhere/v1/oauth/token"),
        "several audiences": client.assertion(aud=[claims["aud"], "https://elsewhere"]),
        "other issuer": client.assertion(iss="housing.other"),
        "other subject": client.assertion(sub="housing.other"),
        "expired": client.assertion(exp=now - 60),
        "too long": client.assertion(exp=now + 3600),
        "no exp": client.assertion(exp=None),
        "exp no number": client.assertion(exp="soon"),
        "exp beyond all": client.assertion(exp=10**400),
        "not yet": client.assertion(nbf=now + 120),
        "no jti": client.assertion(jti=None),
        "jti too short": client.assertion(jti="7"),
        "jti no text": client.assertion(jti=["12345678"]),
        "changed": whole[:-3] + ("AAA" if whole[-3:] != "AAA" else "BBB"),
        "cut": whole.rpartition(".")[0],
        "claims no object": compact({"alg": "EdDSA", **header}, [1], client.signer),
        "no assertion at all": "x",
        "enormous": client.assertion(note="x" * 5000),
    }  # fmt: skip


def test_what_is_no_proof_is_refused_and_recorded(office: Client) -> None:
    for what, assertion in wrong_assertions(office).items():
        status, said, entry = office.fetch(assertion)
        assert (status, said["code"], said["error"]) == (401, "client.assertion", "invalid_client"), what
        assert (entry.kind, entry.code) == ("refusal", "client.assertion"), what
        assert "access_token" not in said


def test_a_proof_is_good_once(office: Client) -> None:
    assertion = office.assertion()
    assert office.fetch(assertion)[0] == 200
    status, said, entry = office.fetch(assertion)
    assert (status, said["code"], said["error"], entry.kind) == (
        401,
        "client.assertion_used",
        "invalid_client",
        "refusal",
    )
    same = office.assertion(jti="fixed-jti-0001"), office.assertion(jti="fixed-jti-0001", exp=int(time.time()) + 90)
    assert [office.fetch(one)[0] for one in same] == [200, 401]


@pytest.mark.parametrize(
    ("form", "status", "code", "error"),
    [
        ({"grant_type": "password"}, 400, "client.grant_type", "unsupported_grant_type"),
        ({"grant_type": None}, 400, "client.grant_type", "unsupported_grant_type"),
        ({"scope": "supply.write"}, 400, "client.scope", "invalid_scope"),
        ({"scope": "demands.read everything"}, 400, "client.scope", "invalid_scope"),
        ({"client_assertion_type": "password"}, 401, "client.assertion", "invalid_client"),
        ({"client_id": "somebody.else"}, 401, "client.assertion", "invalid_client"),
        ({"officer": "nobody"}, 403, "client.officer", "invalid_request"),
        ({"password": "x"}, 400, "client.form", "invalid_request"),
    ],
)
def test_a_token_request_that_asks_for_the_wrong_thing_is_refused(
    office: Client, form: dict[str, Any], status: int, code: str, error: str
) -> None:
    answered, said, entry = office.fetch(**form)
    assert (answered, said["code"], said["error"], entry.kind) == (status, code, error, "refusal")


def test_a_narrow_token_opens_no_more(office: Client) -> None:
    narrow = {"authorization": f"Bearer {office.token(scope='demands.read')}"}
    assert office.call("GET", "/v1/demands", **narrow)[0] == 200
    status, said, entry = office.call("POST", "/v1/demands", FORM, **narrow)
    assert (status, said["code"], said["facts"]) == (403, "asker.scope", {"scope": "demands.write"})
    assert json.loads(entry.document)["facts"]["client"] == office.id


def test_a_revoked_client_is_out_at_once_and_for_good(desks: Desks) -> None:
    client = desks.client("office.revoked", "housing", "demander")
    bearer = {"authorization": f"Bearer {client.token()}"}
    assert client.call("GET", "/v1/demands", **bearer)[0] == 200
    with Session(desks.site.engine) as session:
        clients.revoke(session, client.id)
        clients.revoke(session, client.id)
        session.commit()
    assert client.call("GET", "/v1/demands", **bearer)[1]["code"] == "asker.unknown"
    assert client.fetch()[1]["code"] == "client.assertion"
    with Session(desks.site.engine) as session:
        with pytest.raises(Invalid, match=r"client\.exists"):
            clients.register(session, client.id, client.id, "housing", ["demander"])
        with pytest.raises(Invalid, match=r"client\.key_taken"):
            clients.register_key(session, client.id, STRANGER.public.jwk)
        steps = session.scalars(select(Entry.document).where(Entry.kind == "key")).all()
    assert sum(json.loads(one)["facts"].get("client") == client.id for one in steps) == 4


def test_a_revoked_key_takes_its_tokens_along_and_the_other_key_goes_on(desks: Desks) -> None:
    client = desks.client("office.rolling", "housing", "demander")
    with Session(desks.site.engine) as session:
        clients.register_key(session, client.id, STRANGER.public.jwk)
        session.commit()
    following = Client(client.site, client.id, STRANGER)
    old, new = client.token(), following.token()
    with Session(desks.site.engine) as session:
        clients.revoke_key(session, client.id, client.signer.keyid)
        session.commit()
    assert client.call("GET", "/v1/demands", authorization=f"Bearer {old}")[0] == 401
    assert client.call("GET", "/v1/demands", authorization=f"Bearer {new}")[0] == 200
    assert client.fetch()[0] == 401


def test_a_token_ends_by_time_and_by_being_given_back(desks: Desks, office: Client) -> None:
    said = office.fetch()[1]
    bearer = {"authorization": f"Bearer {said['access_token']}"}
    assert office.fetch(path=REVOCATION, grant_type=None, token=said["access_token"])[0] == 200
    assert office.call("GET", "/v1/demands", **bearer)[0] == 401
    bearer = {"authorization": f"Bearer {office.fetch()[1]['access_token']}"}
    assert office.call("GET", "/v1/demands", **bearer)[0] == 200
    with Session(desks.site.engine) as session:
        mine = update(OfficerClientToken).where(OfficerClientToken.client_id == office.id)
        session.execute(mine.values(expires_at=OfficerClientToken.created_at))
        session.commit()
    office.kept.clear()
    assert office.call("GET", "/v1/demands", **bearer)[0] == 401


def test_no_token_is_kept_in_clear(desks: Desks, office: Client) -> None:
    token = office.fetch()[1]["access_token"]
    with Session(desks.site.engine) as session:
        assert token not in session.scalars(select(OfficerClientToken.id)).all()


def test_a_client_acts_in_an_officers_place_with_what_both_may(desks: Desks) -> None:
    client = desks.client("office.placed", "housing", "demander", "provider")
    desks.officer("placed", "housing", "demander")
    desks.officer("stranger", "civil_affairs", "demander")
    bearer = {"authorization": f"Bearer {client.token(officer='placed')}"}
    status, said, entry = client.call("POST", "/v1/demands", FORM, **bearer)
    assert status == 200, said
    facts = json.loads(entry.document)["facts"]
    assert (facts["client"], facts["officer"]) == (client.id, "placed")
    events = client.call("GET", f"/v1/demands/{said['demand']}/timeline", **bearer)[1]["events"]
    assert events[0]["actor"] == "placed"
    assert client.call("GET", "/v1/supply-tasks", **bearer)[1]["code"] == "case.role_needed"
    assert client.fetch(officer="stranger")[1]["code"] == "client.officer"


@pytest.mark.parametrize(
    "authorization",
    ["Bearer x", "Basic eDp5", "Bearer", "", "Bearer \udcff".encode("utf-8", "surrogateescape").decode("latin-1")],
)
def test_a_made_up_token_opens_nothing(office: Client, authorization: str) -> None:
    status, said, entry = office.call("GET", "/v1/demands", authorization=authorization)
    assert (status, said["code"], entry.kind) == (401, "asker.unknown", "refusal")


def test_an_officer_asks_by_the_portals_sign_in_and_its_form_token(desks: Desks, office: Client) -> None:
    headers = desks.officer("signed.in", "housing", "demander") | {"content-type": "application/json"}
    cookie = {name: value for name, value in headers.items() if name != "x-csrf-token"}
    assert office.send("GET", "/v1/demands", b"", cookie)[0] == 200
    body = json.dumps(FORM).encode()
    status, said, entry = office.send("POST", "/v1/demands", body, headers)
    assert (status, said["state"]) == (200, "draft")
    facts = json.loads(entry.document)["facts"]
    assert (entry.code, facts["by"], facts["officer"]) == ("officer", "officer", "signed.in")
    own = headers | {"origin": office.site.url}
    assert office.send("POST", "/v1/demands", body, own)[0] == 200
    for forged in (cookie, headers | {"x-csrf-token": "guessed"}, headers | {"origin": "http://elsewhere.example"}):
        status, said, entry = office.send("POST", "/v1/demands", body, forged)
        assert (status, said["code"], entry.kind) == (403, "asker.form_token", "refusal")


def test_a_sign_in_that_ended_opens_nothing(desks: Desks, office: Client) -> None:
    headers = desks.officer("gone", "housing", "demander")
    assert office.send("GET", "/v1/demands", b"", headers)[0] == 200
    with Session(desks.site.engine) as session:
        session.execute(
            update(OfficerSession)
            .where(OfficerSession.officer_id == "gone")
            .values(expires_at=OfficerSession.created_at)
        )
        session.commit()
    assert office.send("GET", "/v1/demands", b"", headers)[1]["code"] == "asker.unknown"
    assert office.send("GET", "/v1/demands", b"", {})[1]["code"] == "asker.unknown"


def test_the_discovery_document_says_where_and_how(desks: Desks) -> None:
    address = "/.well-known/oauth-authorization-server"
    response = desks.site.send(Request("GET", desks.site.authority, address, "", {}, b""))
    said = json.loads(response.body)
    assert (said["issuer"], said["token_endpoint"]) == (desks.site.url, desks.site.url + "/v1/oauth/token")
    assert said["token_endpoint_auth_methods_supported"] == ["private_key_jwt"]
    assert said["token_endpoint_auth_signing_alg_values_supported"] == ["EdDSA", "ES256"]
    assert "demands.read" in said["scopes_supported"]


@pytest.fixture
def registered(session: Session) -> Session:
    session.add(Department(id="housing", name="住房", short_name="住房"))
    session.flush()
    clients.register(session, "joe", "joe", "housing", ["demander"])
    return session


def test_the_vectors_of_rfc_8037_and_rfc_7515_are_read_as_signed_and_their_claims_refused(registered: Session) -> None:
    """RFC 8037 A.1, A.4 and RFC 7515 A.3: the signatures hold, and being no client assertions they prove nobody."""
    okp = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
    ec = {
        "kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    }  # fmt: skip
    eddsa = (
        "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."
        "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
    )
    es256 = (
        "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ."
        "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
    )
    for jwk, vector in ((okp, eddsa), (ec, es256)):
        row = clients.register_key(registered, "joe", jwk)
        signed, _, signature = vector.rpartition(".")
        assert public_key_from_jwk(jwk).verify(decode_base64url(signature), signed.encode())
        with pytest.raises(Denied, match=r"client\.assertion"):
            prove(registered, vector, ["x"])
        if jwk is ec:  # the other one's payload is no JSON
            with pytest.raises(Denied, match="is missing or not in form"):
                assertions._claims(vector, row)
            with pytest.raises(Denied, match="not signed with an active key"):
                assertions._claims(vector[:-2] + "AA", row)
        assert row.keyid in {one.keyid for one in clients.keys_of(registered, "joe")}


def test_a_client_assertion_under_the_key_of_rfc_8037_is_the_one_that_key_makes(registered: Session) -> None:
    """RFC 8037 A.1's private key: Ed25519 is deterministic, so the signature is what any other implementation makes."""
    secret = Ed25519PrivateKey.from_private_bytes(decode_base64url("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"))
    signer = SoftwareSigner(secret)
    assert signer.keyid == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"  # RFC 8037 A.3
    clients.register_key(registered, "joe", signer.public.jwk)
    claims = {"iss": "joe", "sub": "joe", "aud": "x", "exp": int(time.time()) + 60, "jti": str(uuid.uuid4())}
    proven = prove(registered, compact({"alg": "EdDSA", "kid": signer.keyid}, claims, signer), ["x"])
    assert (proven.client.id, proven.keyid) == ("joe", signer.keyid)
    assert registered.scalars(select(OfficerClientAssertion.jti)).all() == [claims["jti"]]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # nothing is written, so nothing needs resetting
@given(
    st.one_of(
        st.text(max_size=60), st.binary(max_size=60).map(lambda b: base64.urlsafe_b64encode(b).decode() + ".e30.AA")
    )
)
def test_no_text_is_taken_for_a_proof_nor_breaks_anything(session: Session, text: str) -> None:
    with pytest.raises(HutongError, match=r"client\.assertion"):
        prove(session, text, ["x"])
