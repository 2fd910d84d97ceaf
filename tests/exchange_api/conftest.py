"""A real exchange: migrated database of its own, a uvicorn server in a process of its own, application systems with keys, grants and records."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from uuid import UUID

import http_message_signatures as library
import pytest
from http_message_signatures import algorithms
from sqlalchemy import URL, Engine, create_engine, insert, select, update
from sqlalchemy.orm import Session

from catalog import deadlines
from exchange_api import applications, officers
from exchange_api.evidence.keyring import ensure_active_key
from exchange_api.keys import jwks
from exchange_api.signing import Request, Response, SoftwareSigner, public_key_from_jwk, sign_request
from exchange_api.signing.messages import is_bindable
from schemas.identifiers import citizen_id_check_digit, organisation_code_check_digit, uscc_check_digit
from schemas.library import library as library_definition
from schemas.migrations import upgrade
from schemas.tables import departments, directory, evidence, exchange, landing, services
from schemas.tables.library import golden_table
from tests.exchange_api import desk_town
from tests.exchange_api.recalling import Hub

ROOT = Path(__file__).resolve().parents[2]
PEOPLE = [f"33010619900307{n:03d}" for n in range(1, 40)]
PEOPLE = [f"{stem}{citizen_id_check_digit(stem)}" for stem in PEOPLE]
COMPANY = f"91330106MA2AXY12{organisation_code_check_digit('MA2AXY12')}"
COMPANY = f"{COMPANY}{uscc_check_digit(COMPANY)}"
CERTIFICATE = "1.2.156.3005.2.11100000000013338W001.12330106MB1234567X.0000001.001.K"
UNKNOWN_PERSON = f"33010619900308001{citizen_id_check_digit('33010619900308001')}"
PURPOSE = {"service_item": "housing.rental_subsidy", "case": "BJ-2026-0001"}


class Message:
    """A question in the shape the general library reads."""

    def __init__(self, request: Request) -> None:
        query = f"?{request.query}" if request.query else ""
        self.method, self.url = request.method, f"http://{request.authority}{request.path}{query}"
        self.headers = dict(request.headers)


@dataclass
class Reply:
    """An answer in the shape the general library reads."""

    status_code: int
    headers: dict[str, str]
    request: Message


@dataclass
class Exchange:
    """The running exchange as an application system sees it, and its database as an auditor sees it."""

    url: str
    authority: str
    engine: Engine
    jwks: dict[str, Any]
    signer: SoftwareSigner
    other_signer: SoftwareSigner
    log: Path
    environment: dict[str, str] = field(default_factory=dict)
    people = PEOPLE
    unknown_person = UNKNOWN_PERSON
    company = COMPANY
    certificate = CERTIFICATE
    purpose = PURPOSE

    def question(self, document: Any, path: str = "/v1/libraries/population/query", **changes: Any) -> Request:
        """A signed question; `changes` replace parts before signing (method, authority, query, headers, body, created, expires, signer)."""
        body = changes.get("body", b"" if document is None else json.dumps(document, ensure_ascii=False).encode())
        headers = {"content-type": "application/json", "x-request-id": str(uuid.uuid4())} | changes.get("headers", {})
        headers = {name: value for name, value in headers.items() if value is not None}
        request = Request(
            changes.get("method", "POST"),
            changes.get("authority", self.authority),
            path,
            changes.get("query", ""),
            headers,
            body,
        )
        created = changes.get("created", int(time.time()))
        signed = sign_request(request, changes.get("signer", self.signer), created, changes.get("expires"))
        return Request(request.method, request.authority, path, request.query, headers | signed, body)

    def send(self, request: Request) -> Response:
        """Put it on the wire exactly as it is and return what came back."""
        connection = HTTPConnection(self.authority, timeout=30)
        with contextlib.closing(connection):
            target = request.path + (f"?{request.query}" if request.query else "")
            connection.putrequest(request.method, target, skip_host=True, skip_accept_encoding=True)
            for name, value in {
                "host": request.authority,
                **request.headers,
                "content-length": str(len(request.body)),
            }.items():
                connection.putheader(name, value)
            connection.endheaders(request.body)
            answer = connection.getresponse()
            return Response(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())

    def ask(
        self, document: Any, path: str = "/v1/libraries/population/query", **changes: Any
    ) -> tuple[Request, Response]:
        """Sign, send, and return both."""
        request = self.question(document, path, **changes)
        return request, self.send(request)

    def check(self, request: Request, response: Response) -> Any:
        """Hold an answer against this very question with the general library, find its evidence entry, and return it."""
        keyid = response.headers["signature-input"].partition('keyid="')[2].partition('"')[0]
        (jwk,) = [one for one in self.jwks["keys"] if one["kid"] == keyid]
        keys = library.MappingKeyResolver(public_keys={keyid: public_key_from_jwk(jwk, keyid).pem()}, private_keys={})
        verifier = library.HTTPMessageVerifier(signature_algorithm=algorithms.ED25519, key_resolver=keys)
        reply = Reply(response.status, dict(response.headers), Message(request))
        (result,) = verifier.verify(reply, expect_tag="hub-resp", expect_label="hub", body=response.body)
        assert {'"@status"', '"content-digest"', '"x-request-id"', '"x-receipt"', '"@path";req'} <= set(
            result.covered_components
        )
        if is_bindable(request):
            assert '"signature";req;key="sig1"' in result.covered_components
        return self.entry(response.headers["x-receipt"])

    def entry(self, receipt: str) -> Any:
        """The evidence entry behind a receipt."""
        with Session(self.engine) as session:
            return session.get(evidence.Entry, UUID(receipt))

    def change_grant(self, grant_id: str, **values: Any) -> None:
        """Change a grant as its desk would: in the database, and nothing else."""
        with Session(self.engine) as session:
            session.execute(update(exchange.Grant).where(exchange.Grant.id == grant_id).values(**values))
            session.commit()

    def used(self, grant_id: str) -> int:
        """How many subjects of the grant's quota are used."""
        with Session(self.engine) as session:
            found = session.scalars(
                select(exchange.GrantUse.subjects).where(exchange.GrantUse.grant_id == grant_id)
            ).all()
            return sum(found)

    @staticmethod
    def asking(grant: str = "SQ-2026-000001", subjects: list[str] | None = None, **more: Any) -> dict[str, Any]:
        """A question's body."""
        return {"grant": grant, "purpose": PURPOSE, "subjects": PEOPLE[:1] if subjects is None else subjects, **more}


BASIC = {"name": "full", "birth_date": "full", "marital_status": "full"}
MASKED = {"name": "masked", "birth_date": "masked", "marital_status": "yes_no", "phone": "masked"}
CERTIFICATE_ITEMS = {"certificate_identifier": "full", "certificate_type": "full", "holder_name": "masked"}
NAME = {"name": "full"}
GRANTS: dict[str, dict[str, Any]] = {
    "SQ-2026-000001": {"items": BASIC},
    "SQ-2026-000002": {"items": MASKED, "is_source_shown": False},
    "SQ-2026-000003": {"items": NAME, "suspended_by_provider": True},
    "SQ-2026-000004": {"items": NAME, "state": "revoked"},
    "SQ-2026-000005": {"items": NAME, "valid_from": date(2098, 1, 1)},
    "SQ-2026-000006": {"items": NAME, "quota_per_day": 3},
    "SQ-2026-000007": {"items": NAME, "application_id": "market.portal"},
    "SQ-2026-000008": {"items": NAME, "is_case_required": False, "subjects_per_call": 2},
    "SQ-2026-000009": {"items": CERTIFICATE_ITEMS, "library": "certificate"},
    "SQ-2026-000010": {"items": {"name": "full", "registered_capital": "full"}, "library": "legal_entity"},
    "SQ-2026-000011": {"items": NAME},
    "SQ-2026-000012": {"items": NAME, "quota_per_day": 2},
    "SQ-2026-000013": {
        "items": {"document_number": "full", "title": "full", "fine_amount": "yes_no"},
        "library": "credit",
    },
}
RESOURCE, VERSION, BATCH = "public_security.resident", "public_security.resident@1", "public_security.resident/run-1"
DEMAND = "XQ-2026-000001"


def seed(session: Session, signers: dict[str, SoftwareSigner]) -> None:
    """Departments, a resource with a batch, a service item, a demand, applications, grants, records."""
    _seed_directory(session)
    for application, department in (("housing.desk", "housing"), ("market.portal", "market_regulation")):
        applications.register(session, application, application, department)
        applications.register_key(session, application, signers[application].public.jwk)
    item = PURPOSE["service_item"]
    session.add(
        exchange.Demand(
            id=DEMAND, department_id="housing", service_item_id=item, purpose="p", basis="b", created_by="test"
        )
    )
    session.flush()
    for grant_id, wanted in GRANTS.items():
        _seed_grant(session, grant_id, dict(wanted))
    _seed_records(session)
    session.commit()


def _seed_directory(session: Session) -> None:
    for one in ("public_security", "housing", "market_regulation"):
        session.add(departments.Department(id=one, name=one, short_name=one))
    session.flush()
    session.add(directory.Resource(id=RESOURCE, number=1, department_id="public_security"))
    session.add(services.ServiceItem(id=PURPOSE["service_item"], name="公租房租赁补贴", department_id="housing"))
    session.flush()
    session.add(
        directory.ResourceVersion(
            id=VERSION, resource_id=RESOURCE, version=1, state="published", document={}, digest="0"
        )
    )
    session.flush()
    session.add(
        landing.Batch(
            id=BATCH, number=7, resource_id=RESOURCE, resource_version_id=VERSION, run_id="run-1", state="merged"
        )
    )


def _seed_grant(session: Session, grant_id: str, wanted: dict[str, Any]) -> None:
    items = wanted.pop("items")
    plain = {
        "library": "population",
        "application_id": "housing.desk",
        "valid_from": date(2026, 1, 1),
        "valid_until": datetime.now(UTC).date() + timedelta(days=365),
        "quota_per_day": 100_000,
    }
    session.add(
        exchange.Grant(id=grant_id, demand_id=DEMAND, service_item_id=PURPOSE["service_item"], **plain | wanted)
    )
    session.flush()
    for attribute, form in items.items():
        item = {"attribute": attribute, "form": form, "resource_version_id": VERSION, "item_id": attribute}
        session.add(exchange.GrantItem(grant_id=grant_id, **item))


def _seed_records(session: Session) -> None:
    def traced(library_name: str, rows: list[dict[str, Any]]) -> None:
        width = len(library_definition(library_name).attribute_ids)
        trace = {"sources": [1] * width, "batches": [7] * width, "version": 1}
        session.execute(insert(golden_table(library_name)), [row | trace for row in rows])

    people = [
        {
            "subject": subject,
            "name": f"欧阳小{n}",
            "birth_date": date(1990, 3, 7),
            "marital_status": "20" if n % 2 else None,
        }
        for n, subject in enumerate(PEOPLE)
    ]
    traced("population", [{**person, "phone": f"138{n:08d}"} for n, person in enumerate(people)])
    traced("legal_entity", [{"subject": COMPANY, "name": "兴和机械有限公司", "registered_capital": "500.50"}])
    identifiers = [f"{CERTIFICATE}{n}" for n in range(2)]
    held = {"subject": PEOPLE[0], "certificate_type": "不动产权证书", "holder_name": "欧阳小一", "state": "01"}
    traced("certificate", [{"entry": one, "certificate_identifier": one, **held} for one in identifiers])


@contextlib.contextmanager
def serving(environment: dict[str, str], log: Path) -> Iterator[str]:
    """A worker of the API on a free port, in a process of its own; yields its authority."""
    with socket.create_server(("127.0.0.1", 0)) as listening, log.open("ab") as output:
        authority = f"127.0.0.1:{listening.getsockname()[1]}"
        process = subprocess.Popen(
            [sys.executable, "-m", "exchange_api.worker", "--fd", str(listening.fileno())],
            env=os.environ | environment | {"HUTONG_API_URL": f"http://{authority}"},
            cwd=ROOT, pass_fds=[listening.fileno()], stdout=output, stderr=output,
        )  # fmt: skip
        try:
            _wait_ready(authority, process, log)
            yield authority
        finally:
            process.terminate()
            process.wait(60)


def _wait_ready(authority: str, process: subprocess.Popen[bytes], log: Path) -> None:
    while process.poll() is None:
        connection = HTTPConnection(authority, timeout=60)
        with contextlib.suppress(OSError), contextlib.closing(connection):
            connection.request("GET", "/healthz")  # the socket listens already: this waits until the server takes it
            if connection.getresponse().status in (200, 503):  # 503: up, but without a signing key
                return
    raise AssertionError(f"the server ended:\n{log.read_text()}")


@pytest.fixture(scope="session")
def serve() -> Callable[[dict[str, str], Path], AbstractContextManager[str]]:
    """The way to start a server of one's own."""
    return serving


@contextlib.contextmanager
def exchange_on(url: URL, folder: Path) -> Iterator[Exchange]:
    """A running exchange on an empty database."""
    upgrade(url)
    engine = create_engine(url)
    signers = {name: SoftwareSigner.generate("ed25519") for name in ("housing.desk", "market.portal")}
    with Session(engine) as session:
        ensure_active_key(session, folder / "keys")
        seed(session, signers)
        published = jwks(session)
    environment = {
        "HUTONG_DATABASE_URL": url.render_as_string(hide_password=False),
        "HUTONG_KEYS_FOLDER": str(folder / "keys"),
    }
    log = folder / "server.log"
    with serving(environment, log) as authority:
        callers = signers["housing.desk"], signers["market.portal"]
        yield Exchange(f"http://{authority}", authority, engine, published, *callers, log, environment)
    engine.dispose()


@pytest.fixture(scope="session")
def exchange_site(new_database: Callable[[], URL], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    """The running exchange of this test session."""
    with exchange_on(new_database(), tmp_path_factory.mktemp("exchange")) as site:
        yield site


@pytest.fixture(scope="module")
def hub(exchange_site: Any) -> Iterator[Hub]:
    """The exchange of this session, and its database as what desks and commands find."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("HUTONG_DATABASE_URL", "HUTONG_KEYS_FOLDER"):
            patch.setenv(name, exchange_site.environment[name])
        with Session(exchange_site.engine) as session:
            deadlines.seed_rules(session)
            if "chen" not in {one.id for one in officers.find(session)}:
                officers.add(session, "chen", "陈", "public_security", ["authority"])
            session.commit()
        yield Hub(exchange_site)


@pytest.fixture(scope="session")
def desks(
    new_database: Callable[[], URL], serve: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[desk_town.Desks]:
    """A town whose officers' programs sit at the desks over HTTP."""
    with desk_town.opened(new_database(), serve, tmp_path_factory.mktemp("desks"), Exchange) as town:
        yield town
