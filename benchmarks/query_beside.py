"""Why: an exchange is never alone with its questions. Does what else a hub does, again and again until it is ended: exports are built, the database is
checkpointed, a merge changes residents; all give way, as tasks do. `python -m benchmarks.query_beside export|checkpoint|merge`, run by `benchmarks.query`.
"""

import asyncio
import sys
import time
import uuid
from collections.abc import Callable

import psycopg

from benchmarks.export import RENAME
from benchmarks.query_city import GRANT, ITEM
from schemas import priority
from schemas.database import libpq_uri, transaction

PAUSE_S = 0.5


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
    building.build(export_id)


def checkpoint() -> None:
    """Let the database write down what it holds."""
    with psycopg.connect(libpq_uri(), autocommit=True) as connection:
        connection.execute("CHECKPOINT")


def merge() -> None:
    """Let a merge change half of the residents."""
    from libraries import sql

    with transaction("ingest") as session:
        session.connection().exec_driver_sql(RENAME.format_map(sql.words("population")).replace("%", "%%"))


WORKS: dict[str, Callable[[], None]] = {"export": export, "checkpoint": checkpoint, "merge": merge}


def main() -> None:
    """Do one kind of work for ever."""
    priority.give_way()
    work = WORKS[sys.argv[1]]
    while True:
        work()
        time.sleep(PAUSE_S)


if __name__ == "__main__":
    main()
