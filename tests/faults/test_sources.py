"""A source dies while it is read, the network to it is cut, or what it delivers is not in the encoding agreed on."""

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import URL, create_engine, text

from libraries import ingest, landing
from schemas.errors import Terminal, Transient
from tests.connectors.servers import line_to
from tests.faults.conftest import counts, many, told

ID = "public_security.resident"
PART_OF_IT = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory'"
DIES = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory'"
POLICE = """
    CREATE FUNCTION gate(n bigint) RETURNS text LANGUAGE plpgsql VOLATILE AS
        $$BEGIN IF n = 1500 THEN PERFORM pg_advisory_xact_lock_shared(1); END IF; RETURN '13800000000'; END$$;
    CREATE TABLE people (n bigint, gmsfhm text, xm text, xb text, csrq text, sg text);
    CREATE VIEW resident AS SELECT gmsfhm, xm, xb, csrq, gate(n) AS dh, sg FROM people;
"""


@pytest.fixture
def police(new_database: Callable[[], URL]) -> Iterator[Any]:
    """The police's PostgreSQL, whose 1,500th row does not come as long as somebody holds the lock 1."""
    url = new_database()
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    columns = ("gmsfhm", "xm", "xb", "csrq", "sg")
    with engine.connect() as session:
        session.execute(text(POLICE))
        rows = [{"n": n, **{name: row[name] for name in columns}} for n, row in enumerate(many(2_000))]
        session.execute(text("INSERT INTO people VALUES (:n, :gmsfhm, :xm, :xb, :csrq, :sg)"), rows)
    yield engine
    engine.dispose()


def test_a_source_that_dies_in_mid_read_is_read_anew_and_whole(hub: Any, police: Any) -> None:
    hub.connect(
        "police", conn_type="postgres", extra={"url": police.url.set(drivername="postgresql").render_as_string()}
    )
    hub.publish()
    batch = ingest.plan(ID, "night")
    with police.connect() as session, ThreadPoolExecutor(1) as pool:
        session.execute(text("SELECT pg_advisory_lock(1)"))
        landed = pool.submit(ingest.land, batch)
        while not session.scalar(text(PART_OF_IT)):
            assert not landed.done(), landed.result()
            threading.Event().wait(0.02)  # a look, not a hope: the row does not come until we say so
        session.execute(text(DIES))
        with pytest.raises(Transient) as caught:
            landed.result(timeout=60)
        session.execute(text("SELECT pg_advisory_unlock(1)"))
    assert told(hub, batch) == ("planned", "connector.broken_off") == ("planned", caught.value.code)
    assert landing.read_manifest(landing.folder_of(hub.batch(batch)["path"])) is None
    assert ingest.ingest(ID) == batch  # by itself: the same night goes on
    assert told(hub, batch) == ("merged", None)
    assert counts(hub) == {"": 2_000, "_claims": 2_000, "_past_claims": 0, "_history": 0}


@pytest.fixture
def service() -> Iterator[int]:
    """The port of a service that pages 2,000 people."""
    people = [{name: row[name] for name in row if name != "bz"} for row in many(2_000)]

    class Desk(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = parse_qs(urlsplit(self.path).query)
            page, size = int(asked.get("page", ["1"])[0]), int(asked.get("size", ["100"])[0])
            body = json.dumps({"items": people[(page - 1) * size :][:size], "total": len(people)}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Keep the test's output quiet."""

        def handle(self) -> None:
            try:
                super().handle()
            except ConnectionError:
                return  # a caller who hung up is not our trouble

    server = ThreadingHTTPServer(("127.0.0.1", 0), Desk)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize("for_good", [False, True], ids=["a moment", "until mended"])
def test_a_network_cut_in_mid_read_costs_nothing_but_time(hub: Any, service: int, for_good: bool) -> None:
    paging = {"size": 100, "total": "total"}
    options = {"path": "people", "records": "items", "paging": paging, "backoff_seconds": 0.001, "retries": 2}
    with line_to(service) as line:
        hub.connect("api", conn_type="http", host="127.0.0.1", port=line.port)
        source = hub.publish().source.model_dump()
        hub.publish(source={**source, "connector": "rest", "connection": "api", "options": options})
        batch = ingest.plan(ID, "night")
        line.passes, line.cuts_for_good = 150_000, for_good  # about half of it
        if for_good:
            for _ in range(2):
                with pytest.raises(Transient) as caught:
                    ingest.land(batch)
                assert told(hub, batch) == ("planned", caught.value.code)
            assert caught.value.code == "connector.unreachable"
            line.mend()
        assert ingest.ingest(ID) == batch
        assert line.passes is None  # the cut did happen
    assert told(hub, batch) == ("merged", None)
    assert counts(hub) == {"": 2_000, "_claims": 2_000, "_past_claims": 0, "_history": 0}


@pytest.mark.parametrize(("declared", "real"), [("utf-8", "gb18030"), ("gb18030", "utf-8"), ("gbk", "utf-8-sig")])
def test_a_wrong_encoding_declared_is_named_and_nothing_garbled_comes_in(hub: Any, declared: str, real: str) -> None:
    document = hub.publish()
    options = {"pattern": "*.csv", "encoding": declared}
    source = {"connector": "files", "connection": "drops", "options": options, "mode": "incremental"}
    hub.publish(source={**document.source.model_dump(), **source})
    names = list(document.source.mapping)
    rows = [{**row, "xm": "张伟"} for row in many(20)]  # two characters: their bytes make good GB18030
    content = "\n".join([",".join(names), *(",".join(str(row[name]) for name in names) for row in rows)]) + "\n"
    hub.drop("a.csv", content, real)
    batch = ingest.plan(ID, "1")
    for _ in range(2):
        with pytest.raises(Terminal, match=r"files\.encoding"):
            ingest.land(batch)
    assert told(hub, batch) == ("rejected", "files.encoding")
    assert counts(hub)[""] == 0
    hub.drop("a.csv", content, declared)  # delivered again as agreed
    again = ingest.ingest(ID, "2")
    assert told(hub, again) == ("merged", None)
    assert hub.rows("SELECT name, count(*) AS n FROM library.population GROUP BY 1") == [{"name": "张伟", "n": 20}]
