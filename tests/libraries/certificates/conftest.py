"""A hub that holds certificates as the certificate bureau says them, and a folder for its files."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, text

from catalog import deadlines
from schemas.database import transaction
from schemas.identifiers import issue_certificate_identifier
from schemas.library import library
from schemas.tables.directory import Resource
from schemas.tables.library import golden_table, history_table
from tests.libraries.certificates.papers import Sealer, sealer

ISSUER = "11330199999900038J"
TYPE = f"{ISSUER}001"
HOLDER = "11010519491231002X"
IDENTIFIER = issue_certificate_identifier(TYPE, ISSUER, "2026000001")
Hold = Callable[..., str]


@pytest.fixture
def bureau(hub: Any) -> Any:
    """The hub with a resource of the certificate bureau, which answers for what it delivers."""
    with transaction() as session:
        session.execute(text("TRUNCATE operations.notices CASCADE"))
        session.add(Resource(id="certificate_bureau.certificate", number=1, department_id="certificate_bureau"))
        deadlines.seed_rules(session)
    return hub


@pytest.fixture
def hold(bureau: Any) -> Hold:
    """Let the library hold a certificate; returns its identifier."""
    assert bureau.folder.is_dir()
    width = len(library("certificate").attribute_ids)
    trace = {"sources": [1] * width, "batches": [1] * width, "version": 1}

    def held(entry: str = IDENTIFIER, **values: Any) -> str:
        row = {
            "entry": entry, "subject": HOLDER, "certificate_identifier": entry, "certificate_type": "不动产权证书",
            "certificate_number": "XH1", "state": "01", "issuer": "兴和市公安局", "issued_date": date(2026, 1, 5),
        } | trace | values  # fmt: skip
        with transaction("ingest") as session:
            session.execute(insert(golden_table("certificate")), [row])
        return entry

    return held


@pytest.fixture
def was(bureau: Any) -> Callable[..., None]:
    """Let the library have believed another state of a certificate before."""
    assert bureau.folder.is_dir()
    width = len(library("certificate").attribute_ids)

    def believed(entry: str, state: str) -> None:
        row: dict[str, Any] = {
            "entry": entry,
            "subject": HOLDER,
            "state": state,
            "sources": [1] * width,
            "batches": [1] * width,
        }
        row |= {"known_from": "2020-01-01T00:00:00Z", "known_to": "2020-06-01T00:00:00Z", "version": 1}
        with transaction("ingest") as session:
            session.execute(insert(history_table("certificate")), [row])

    return believed


@pytest.fixture(scope="session")
def office(tmp_path_factory: pytest.TempPathFactory) -> Sealer:
    """An office that seals certificates."""
    return sealer(tmp_path_factory.mktemp("office"))


@pytest.fixture
def trusted(office: Sealer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sealer:
    """The same, trusted by the hub."""
    monkeypatch.setenv("HUTONG_CERTIFICATE_TRUST", str(office.trust(tmp_path / "trust")))
    return office
