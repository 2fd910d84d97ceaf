"""Why: an exchange is never alone with its questions. Does what else a hub does, again and again until it is ended: an export of all residents is built; a
department's table of a tenth as many, every row changed, is landed, checked and merged. Tasks give way. Meanwhile the database makes one checkpoint after the
other as it does by itself (`often`), or is told to write down all it holds at once, which a backup does.
`python -m benchmarks.query_beside export|ingest|checkpoint`, run by `benchmarks.query` on what `prepare` laid ready.
"""

import asyncio
import json
import os
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pyarrow.compute as pc

from benchmarks.ground import new_database, set_environment
from benchmarks.population import population
from benchmarks.query_city import GRANT, ITEM
from hutong.embedded.postgres import SERVER
from schemas import priority
from schemas.database import libpq_uri, transaction

SHARE = 10
"""The department has a tenth as many people as there are residents; it knows them alone, so that each is merged as what it is."""
PAUSES_S = {"export": 0.5, "ingest": 0.5, "checkpoint": 5.0}
SETTLED_S = 3
OFTEN = "30s"
"""A server's own checkpoints come every quarter of an hour and take nine tenths of that; this is the shortest time it allows."""
_MOVE = "UPDATE insured SET phone = '139' || lpad((random() * 99999999)::bigint::text, 8, '0')"


def prepare(uri: str, rows: int) -> None:
    """Make a department's system with people of its own, and catalogue its table. uri: any database of the department's server."""
    import adbc_driver_postgresql.dbapi as adbc

    from benchmarks.libraries import publish_second

    source = new_database(uri, "source")
    connection = {"conn_type": "postgres", "extra": {"url": source.replace("postgresql://", "postgresql+psycopg://")}}
    set_environment(
        AIRFLOW_CONN_BENCH=json.dumps(connection), GX_ANALYTICS_ENABLED="false", HUTONG_EXPORTS_PER_DAY="1000"
    )
    people = population(rows + rows // SHARE, seed=3)
    known = pc.is_in(people["citizen_id"], value_set=population(rows)["citizen_id"].combine_chunks())
    with adbc.connect(source, autocommit=True) as department, department.cursor() as cursor:
        cursor.adbc_ingest("insured", people.filter(pc.invert(known)).slice(0, rows // SHARE), mode="create")
        cursor.execute("ALTER TABLE insured ADD PRIMARY KEY (citizen_id)")
        cursor.execute("ANALYZE insured")
    set_environment(BENCH_SOURCE=source)
    publish_second()


def export() -> None:
    """Let one export be asked for and built."""
    from exchange_api.exports import building, exports
    from schemas.messages.exchange import Purpose
    from schemas.messages.exports import ExportQuestion

    permit = asyncio.run(building._permit(GRANT))
    assert permit is not None
    asked = ExportQuestion.model_validate({"purpose": Purpose(service_item=ITEM).model_dump(), "format": "parquet"})
    with transaction("exchange") as session:
        export_id = exports.open_export(session, exports.Wish(permit, str(uuid.uuid4()), asked)).id
    if (state := building.build(export_id)) != "ready":
        raise SystemExit(f"export {export_id} is {state}")


def ingest() -> None:
    """Let the department change every row, and take its table the whole way."""
    from benchmarks.libraries import SECOND
    from libraries import ingest as way

    with psycopg.connect(os.environ["BENCH_SOURCE"], autocommit=True) as department:
        department.execute(_MOVE)
    way.ingest(SECOND, str(uuid.uuid4()))


def checkpoint() -> None:
    """Let the database write down what it holds, at once."""
    _tell_server("CHECKPOINT")


def settle() -> None:
    """Have everything written down that was only in memory: what is measured alone after this is alone."""
    checkpoint()
    os.sync()
    time.sleep(SETTLED_S)


@contextmanager
def often() -> Iterator[None]:
    """Let the server make its own checkpoints without pause."""
    _make_checkpoints_every(OFTEN)
    try:
        yield
    finally:
        _make_checkpoints_every(SERVER["checkpoint_timeout"])


def _make_checkpoints_every(interval: str) -> None:
    _tell_server(f"ALTER SYSTEM SET checkpoint_timeout = '{interval}'", "SELECT pg_reload_conf()")


def _tell_server(*statements: str) -> None:
    with psycopg.connect(libpq_uri(), autocommit=True) as connection:
        for one in statements:
            connection.execute(one.encode())


WORKS: dict[str, Callable[[], None]] = {"export": export, "ingest": ingest, "checkpoint": checkpoint}


def main() -> None:
    """Do one kind of work for ever; each time it is done is told in a file of its name in HUTONG_ROOT."""
    priority.give_way()
    which = sys.argv[1]
    with (Path(os.environ["HUTONG_ROOT"]) / f"beside-{which}").open("a") as told:
        while True:
            begun = time.perf_counter()
            WORKS[which]()
            told.write(f"{time.perf_counter() - begun:.3f}\n")
            told.flush()
            time.sleep(PAUSES_S[which])


if __name__ == "__main__":
    main()
