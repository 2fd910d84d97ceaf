"""A town whose officers' programs sit at the desks over HTTP: departments, published resources, clients with keys, a server of its own."""

import base64
import dataclasses
import json
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from sqlalchemy import URL, create_engine
from sqlalchemy.orm import Session

from catalog import deadlines, departments, directory, elements
from catalog.service import services
from exchange_api import officers
from exchange_api.desk_api import clients
from exchange_api.desk_api.token_desk import JWT_BEARER, TOKEN
from exchange_api.evidence.keyring import ensure_active_key
from exchange_api.keys import jwks
from exchange_api.signing import Request, Response, SoftwareSigner
from schemas.migrations import upgrade
from schemas.tables.exchange import Application
from tests.desks.conftest import resource

ALGORITHMS = {"ed25519": "EdDSA", "ecdsa-p256-sha256": "ES256"}
DEPARTMENTS = ("housing", "public_security", "civil_affairs", "data_bureau")
FORM: dict[str, Any] = {
    "service_item_id": "gzf", "application_id": "zufang", "purpose": "核验申请人户籍与婚姻", "basis": "《公共租赁住房管理办法》第七条",
    "items": [{"name": "户籍地址"}, {"name": "婚姻状况"}],
}  # fmt: skip


def compact(header: dict[str, Any], claims: Any, signer: SoftwareSigner) -> str:
    """A JWS in compact form (RFC 7515 §7.1), made by hand: nothing of the server's library."""
    parts = [base64.urlsafe_b64encode(json.dumps(one).encode()).rstrip(b"=") for one in (header, claims)]
    signature = base64.urlsafe_b64encode(signer.sign(b".".join(parts))).rstrip(b"=")
    return b".".join([*parts, signature]).decode()


@dataclass(frozen=True)
class Client:
    """A department's office system."""

    site: Any
    id: str
    signer: SoftwareSigner
    kept: dict[str, str] = field(default_factory=dict)

    def assertion(
        self, header: dict[str, Any] | None = None, signer: SoftwareSigner | None = None, **claims: Any
    ) -> str:
        """A client assertion (RFC 7523 §3); a claim of None is left out."""
        named = {"alg": ALGORITHMS[self.signer.algorithm], "kid": self.signer.keyid, "typ": "JWT"} | (header or {})
        plain = {
            "iss": self.id,
            "sub": self.id,
            "aud": self.site.url + TOKEN,
            "exp": int(time.time()) + 60,
            "jti": str(uuid.uuid4()),
        }
        said = {name: value for name, value in (plain | claims).items() if value is not None}
        return compact(named, said, signer or self.signer)

    def fetch(self, assertion: str | None = None, path: str = TOKEN, **form: Any) -> tuple[int, Any, Any]:
        """Ask for a token; status, answer and the evidence it left."""
        given = {
            "grant_type": "client_credentials", "client_assertion_type": JWT_BEARER, "client_assertion": assertion or self.assertion(),
        } | form  # fmt: skip
        body = urlencode({name: value for name, value in given.items() if value is not None}).encode()
        return self.send("POST", path, body, {"content-type": "application/x-www-form-urlencoded"})

    def token(self, **form: Any) -> str:
        """A token, kept while nothing else is asked for."""
        key = json.dumps(form)
        if key not in self.kept:
            status, said, _ = self.fetch(**form)
            assert status == 200, said
            self.kept[key] = said["access_token"]
        return self.kept[key]

    def call(self, method: str, path: str, document: Any = None, **headers: str) -> tuple[int, Any, Any]:
        """One question to a desk by this client's token; status, answer and the evidence it left. The answer's signature is held against the keys."""
        body = b"" if document is None else json.dumps(document, ensure_ascii=False).encode()
        sent = {"content-type": "application/json", "x-request-id": str(uuid.uuid4())}
        if "authorization" not in headers:
            sent["authorization"] = f"Bearer {self.token()}"
        return self.send(method, path, body, sent | headers)

    def send(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, Any, Any]:
        """Put it on the wire; the answer must be signed and in the evidence."""
        where, _, query = path.partition("?")
        request = Request(method, self.site.authority, where, query, headers, body)
        response: Response = self.site.send(request)
        return response.status, json.loads(response.body), self.site.check(request, response)


@dataclass(frozen=True)
class Desks:
    """The running town."""

    site: Any

    def client(self, client_id: str, department: str, *roles: str, algorithm: Any = "ed25519") -> Client:
        """A registered client with one key."""
        signer = SoftwareSigner.generate(algorithm)
        with Session(self.site.engine) as session:
            clients.register(session, client_id, client_id, department, roles)
            clients.register_key(session, client_id, signer.public.jwk)
            session.commit()
        return Client(self.site, client_id, signer)

    def officer(self, name: str, department: str, *roles: str) -> dict[str, str]:
        """A signed-in officer: cookie and form token."""
        with Session(self.site.engine) as session:
            cookie = officers.sign_in(session, name, officers.add(session, name, name, department, list(roles)))
            signed_in = officers.current(session, cookie)
            assert signed_in is not None
            session.commit()
        return {"cookie": f"hutong_session={cookie}", "x-csrf-token": signed_in.csrf_token}


Serve = Callable[[dict[str, str], Path], AbstractContextManager[str]]


@contextmanager
def opened(url: URL, serve: Serve, folder: Path, site: Callable[..., Any]) -> Iterator[Desks]:
    """The town with its own database and server. site: the class that speaks to it."""
    upgrade(url)
    engine = create_engine(url)
    environment = {
        "HUTONG_DATABASE_URL": url.render_as_string(hide_password=False), "HUTONG_KEYS_FOLDER": str(folder / "keys"),
        "HUTONG_SNAPSHOT": str(folder / "snapshot.json"),
    }  # fmt: skip
    with Session(engine) as session, pytest.MonkeyPatch.context() as patch:
        patch.setenv("HUTONG_SNAPSHOT", environment["HUTONG_SNAPSHOT"])
        ensure_active_key(session, folder / "keys")
        _settle(session)
        session.commit()
        published = jwks(session)
    with serve(environment, folder / "server.log") as authority:
        signer = SoftwareSigner.generate()
        made = site(
            f"http://{authority}", authority, engine, published, signer, signer, folder / "server.log", environment
        )
        yield Desks(dataclasses.replace(made))
    engine.dispose()


def _settle(session: Session) -> None:
    deadlines.seed_rules(session)
    for one in DEPARTMENTS:
        departments.save(session, departments.DepartmentDocument(id=one, name=one, short_name=one))
    for element_id, name in (("citizen_id", "公民身份号码"), ("person_name", "姓名"), ("marital_code", "婚姻状况")):
        elements.save(session, elements.ElementDocument(id=element_id, name=name, type="C"))
    services.save(session, services.ServiceItemDocument(id="gzf", name="公共租赁住房申请", department="housing"))
    address = {"id": "address", "name": "户籍地址", "attribute": "address"}
    marital = {"id": "marital", "name": "婚姻状况", "element": "marital_code", "attribute": "marital_status"}
    for document in (
        resource(
            "public_security.resident",
            {"type": 2, "condition": "用于政务服务事项办理"},
            [address],
            name="常住人口登记信息",
        ),
        resource("civil_affairs.marriage", {"type": 1}, [marital], name="婚姻登记信息"),
    ):
        directory.save_draft(session, document)
        directory.publish(session, document.id)
    session.add(Application(id="zufang", name="公租房系统", department_id="housing"))
    session.flush()
