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
from dataclasses import dataclass, field
from datetime import date, timedelta
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import URL, Engine, create_engine, insert, select, update
from sqlalchemy.orm import Session

from exchange_api.evidence.keyring import ensure_active_key
from exchange_api.keys import jwks
from exchange_api.signing import Request, Response, SoftwareSigner, sign_request
from schemas.identifiers import citizen_id_check_digit, organisation_code_check_digit, uscc_check_digit
from schemas.migrations import upgrade
from schemas.tables import directory, evidence, exchange, landing
from schemas.tables.library import golden_table

ROOT = Path(__file__).resolve().parents[2]
PEOPLE = [f"33010619900307{n:03d}" for n in range(1, 40)]
PEOPLE = [f"{stem}{citizen_id_check_digit(stem)}" for stem in PEOPLE]
COMPANY = f"91330106MA2AXY12{organisation_code_check_digit('MA2AXY12')}"
COMPANY = f"{COMPANY}{uscc_check_digit(COMPANY)}"
CERTIFICATE = "1.2.156.3005.2.11100000000013338W001.12330106MB1234567X.0000001.001.K"
UNKNOWN_PERSON = f"33010619900308001{citizen_id_check_digit('33010619900308001')}"
PURPOSE = {"service_item": "housing.rental_subsidy", "case": "BJ-2026-0001"}


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
        request = Request(changes.get("method", "POST"), changes.get("authority", self.authority), path, changes.get("query", ""), headers, body)
        created = changes.get("created", int(time.time()))
        signed = sign_request(request, changes.get("signer", self.signer), created, changes.get("expires"))
        return Request(request.method, request.authority, path, request.query, headers | signed, body)

    def send(self, request: Request) -> Response:
        """Put it on the wire exactly as it is and return what came back."""
        connection = HTTPConnection(self.authority, timeout=30)
        with contextlib.closing(connection):
            target = request.path + (f"?{request.query}" if request.query else "")
            connection.putrequest(request.method, target, skip_host=True, skip_accept_encoding=True)
            for name, value in {"host": request.authority, **request.headers, "content-length": str(len(request.body))}.items():
                connection.putheader(name, value)
            connection.endheaders(request.body)
            answer = connection.getresponse()
            return Response(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())

    def ask(self, document: Any, path: str = "/v1/libraries/population/query", **changes: Any) -> tuple[Request, Response]:
        """Sign, send, and return both."""
        request = self.question(document, path, **changes)
        return request, self.send(request)

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
            found = session.scalars(select(exchange.GrantUse.subjects).where(exchange.GrantUse.grant_id == grant_id)).all()
            return sum(found)

    @staticmethod
    def asking(grant: str = "SQ-2026-000001", subjects: list[str] | None = None, **more: Any) -> dict[str, Any]:
        """A question's body."""
        return {"grant": grant, "purpose": PURPOSE, "subjects": PEOPLE[:1] if subjects is None else subjects, **more}


GRANTS: dict[str, dict[str, Any]] = {
    "SQ-2026-000001": {"library": "population", "items": {"name": "full", "birth_date": "full", "marital_status": "full"}},
    "SQ-2026-000002": {"library": "population", "items": {"name": "masked", "birth_date": "masked", "marital_status": "yes_no", "phone": "masked"}, "is_source_shown": False},
    "SQ-2026-000003": {"library": "population", "items": {"name": "full"}, "suspended_by_provider": True},
    "SQ-2026-000004": {"library": "population", "items": {"name": "full"}, "state": "revoked"},
    "SQ-2026-000005": {"library": "population", "items": {"name": "full"}, "valid_until": date(2026, 1, 31)},
    "SQ-2026-000006": {"library": "population", "items": {"name": "full"}, "quota_per_day": 3},
    "SQ-2026-000007": {"library": "population", "items": {"name": "full"}, "application_id": "market.portal"},
    "SQ-2026-000008": {"library": "population", "items": {"name": "full"}, "is_case_required": False, "subjects_per_call": 2},
    "SQ-2026-000009": {"library": "certificate", "items": {"certificate_identifier": "full", "certificate_type": "full", "holder_name": "masked"}},
    "SQ-2026-000010": {"library": "legal_entity", "items": {"name": "full", "registered_capital": "full"}},
    "SQ-2026-000011": {"library": "population", "items": {"name": "full"}},
}  # fmt: skip


def seed(session: Session, keys: dict[str, SoftwareSigner]) -> None:
    """Departments, a resource with a batch, a service item, a demand, applications, grants, records."""
    for one in ("public_security", "housing", "market_regulation", "certificate_bureau"):
        session.add(directory.Department(id=one, name=one, short_name=one))
    session.flush()
    session.add(directory.Resource(id="public_security.resident", number=1, department_id="public_security"))
    session.add(directory.ServiceItem(id=PURPOSE["service_item"], name="公租房租赁补贴", department_id="housing"))
    session.flush()
    session.add(directory.ResourceVersion(id="public_security.resident@1", resource_id="public_security.resident", version=1, state="published", document={}, digest="0"))
    session.flush()
    session.add(landing.Batch(id="public_security.resident/run-1", number=7, resource_id="public_security.resident", resource_version_id="public_security.resident@1", run_id="run-1", state="merged"))
    for application, department in (("housing.desk", "housing"), ("market.portal", "market_regulation")):
        session.add(exchange.Application(id=application, name=application, department_id=department))
        session.flush()
        key = keys[application].public
        session.add(exchange.ApplicationKey(keyid=key.keyid, application_id=application, algorithm=key.algorithm, public_jwk=key.jwk))
    session.add(exchange.Demand(id="XQ-2026-000001", department_id="housing", application_id="housing.desk", service_item_id=PURPOSE["service_item"], purpose="p", basis="b", created_by="test"))
    session.flush()
    for grant_id, wanted in GRANTS.items():
        items = wanted["items"]
        plain = {"application_id": "housing.desk", "valid_from": date(2026, 1, 1), "valid_until": date.today() + timedelta(days=365), "quota_per_day": 100_000}
        values = plain | {name: value for name, value in wanted.items() if name != "items"}
        session.add(exchange.Grant(id=grant_id, demand_id="XQ-2026-000001", service_item_id=PURPOSE["service_item"], **values))
        session.flush()
        for attribute, form in items.items():
            session.add(exchange.GrantItem(grant_id=grant_id, attribute=attribute, form=form, resource_version_id="public_security.resident@1", item_id=attribute))
    session.flush()
    people = [
        {"subject": subject, "name": f"欧阳小{n}", "birth_date": date(1990, 3, 7), "marital_status": "20" if n % 2 else None, "phone": f"138{n:08d}",
         "sources": [1] * 14, "batches": [7] * 14, "version": 1}
        for n, subject in enumerate(PEOPLE)
    ]  # fmt: skip
    session.execute(insert(golden_table("population")), people)
    session.execute(insert(golden_table("legal_entity")), [{"subject": COMPANY, "name": "兴和机械有限公司", "registered_capital": "500.50", "sources": [1] * 11, "batches": [7] * 11, "version": 2}])
    certificates = [
        {"entry": f"{CERTIFICATE}{n}", "certificate_identifier": f"{CERTIFICATE}{n}", "subject": PEOPLE[0], "certificate_type": "不动产权证书", "holder_name": "欧阳小一",
         "sources": [1] * 10, "batches": [7] * 10, "version": 1}
        for n in range(2)
    ]  # fmt: skip
    session.execute(insert(golden_table("certificate")), certificates)
    session.commit()


@contextlib.contextmanager
def serving(environment: dict[str, str], log: Path) -> Iterator[str]:
    """A uvicorn server on a free port, in a process of its own; yields its authority."""
    with socket.create_server(("127.0.0.1", 0)) as listening, log.open("ab") as output:
        authority = f"127.0.0.1:{listening.getsockname()[1]}"
        process = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", "--factory", "exchange_api.app:create_app", "--fd", str(listening.fileno()), "--no-access-log"],
            env=os.environ | environment | {"HUTONG_API_URL": f"http://{authority}"},
            cwd=ROOT, pass_fds=[listening.fileno()], stdout=output, stderr=output,
        )  # fmt: skip
        try:
            _wait_ready(authority, process, log)
            yield authority
        finally:
            process.terminate()
            process.wait(20)


def _wait_ready(authority: str, process: subprocess.Popen[bytes], log: Path) -> None:
    while process.poll() is None:
        connection = HTTPConnection(authority, timeout=60)
        with contextlib.suppress(OSError), contextlib.closing(connection):
            connection.request("GET", "/healthz")  # the socket listens already: this waits until the server takes it
            if connection.getresponse().status == 200:
                return
    raise AssertionError(f"the server ended:\n{log.read_text()}")


@pytest.fixture(scope="session")
def exchange_site(new_database: Callable[[], URL], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    """The running exchange of this test session."""
    url, folder = new_database(), tmp_path_factory.mktemp("exchange")
    upgrade(url)
    engine = create_engine(url)
    signers = {name: SoftwareSigner.generate("ed25519") for name in ("housing.desk", "market.portal")}
    with Session(engine) as session:
        ensure_active_key(session, folder / "keys")
        seed(session, signers)
        published = jwks(session)
    environment = {"HUTONG_DATABASE_URL": url.render_as_string(hide_password=False), "HUTONG_KEYS_FOLDER": str(folder / "keys")}
    with serving(environment, folder / "server.log") as authority:
        yield Exchange(f"http://{authority}", authority, engine, published, signers["housing.desk"], signers["market.portal"], folder / "server.log", environment)
    engine.dispose()
