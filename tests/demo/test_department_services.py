"""The two HTTP departments misbehave as promised: token, pages, 429 with Retry-After, 503 now and then; certificate files match their digests."""

import hashlib
import json
import threading
from collections import Counter
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
import requests

from connectors.base import Connection, open_connector
from hutong.demo import department_service, market_service
from hutong.demo.city_data import documents
from hutong.demo.sources import Sources

TOKEN = "a-token-of-this-test"


@pytest.fixture
def session() -> requests.Session:
    opened = requests.Session()
    opened.trust_env = False
    opened.headers["Authorization"] = f"Bearer {TOKEN}"
    return opened


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The departments' clock: it stands still until a test moves it."""
    moment = [0.0]
    monkeypatch.setattr(department_service, "time", SimpleNamespace(monotonic=lambda: moment[0]))
    return moment


@pytest.fixture
def market(clock: list[float], sources: Sources) -> Iterator[str]:  # noqa: ARG001 - its patience goes by that clock
    """A registration system that nobody else asks; the address of its list."""
    with market_service.build(0, TOKEN, sources.of("market_regulation")) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/api/v2/enterprises"
        server.shutdown()


def test_no_token_no_answer(services: dict[str, int]) -> None:
    opened = requests.Session()
    opened.trust_env = False
    for path in ("/api/v2/enterprises", "/anything"):
        assert opened.get(f"http://127.0.0.1:{services['market_regulation']}{path}", timeout=60).status_code == 401
    assert opened.get(f"http://127.0.0.1:{services['market_regulation']}/health", timeout=60).status_code == 200


def test_rate_limit_and_bad_minutes(market: str, clock: list[float], session: requests.Session) -> None:
    answers = []
    for second in range(3):
        clock[0] = float(second)
        answers += [session.get(market, params={"pageNum": 1, "pageSize": 2}, timeout=60) for _ in range(12)]
    seen = Counter(answer.status_code for answer in answers)
    assert set(seen) == {200, 429, 503}
    assert all(answer.headers["Retry-After"] == "1" for answer in answers if answer.status_code == 429)


def test_bad_parameters_are_refused(market: str, session: requests.Session) -> None:
    assert {session.get(market, params={"pageNum": "zero"}, timeout=60).status_code for _ in range(6)} == {400}


@pytest.mark.parametrize("resource", ["market_regulation.enterprise", "certificate_bureau.certificate"])
def test_the_connector_gets_every_row_all_the_same(services: dict[str, int], sources: Sources, resource: str) -> None:
    source = documents()[resource].source
    assert source
    department = resource.partition(".")[0]
    connection = Connection(department, "http", "127.0.0.1", services[department], password=TOKEN)
    options = {**source.options, "paging": {**source.options["paging"], "size": 50}}
    connector = open_connector(source.connector, options, connection)
    rows = sum(batch.num_rows for piece in connector.slices() for batch in connector.read(piece))
    key = json.loads(sources.answer_key.read_text("utf-8"))
    assert rows == key["rows"][resource]


def test_a_certificate_file_is_a_pdf_with_the_digest_of_the_index(services: dict[str, int], sources: Sources) -> None:
    source = documents()["certificate_bureau.certificate"].source
    assert source
    connection = Connection("certificate_bureau", "http", "127.0.0.1", services["certificate_bureau"], password=TOKEN)
    connector = open_connector(source.connector, {**source.options}, connection)
    lines = (sources.of("certificate_bureau") / "index.ndjson").read_text("utf-8").splitlines()
    for line in (lines[0], lines[-1]):
        row = json.loads(line)
        content = connector.fetch(row["fileUrl"])  # type: ignore[attr-defined]
        assert content.startswith(b"%PDF-1.4")
        assert content.rstrip().endswith(b"%%EOF")
        assert hashlib.sha256(content).hexdigest() == row["fileDigest"]
