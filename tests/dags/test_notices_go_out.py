"""The task of the DAG `notices` on a real database, in a process of its own as Airflow runs it."""

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import URL, create_engine, select
from sqlalchemy.orm import Session

from catalog import departments, notices
from schemas.migrations import upgrade
from schemas.tables.notice_ways import NoticeDelivery, NoticeWay
from schemas.tables.operations import Notice

SEND = "from dags import notices; notices.send_notices(); print(notices.__name__)"


def test_what_was_told_is_put_into_the_outbox_and_waits_for_a_mail_server(
    new_database: Callable[[], URL], tmp_path: Path
) -> None:
    url = new_database()
    upgrade(url)
    engine = create_engine(url)
    with Session(engine) as session:
        departments.save(session, departments.DepartmentDocument(id="d", name="局", short_name="局"))
        way = {"department_id": "d", "channel": "email", "address": "a@b.test", "created_by": "console"}
        session.add(NoticeWay(**way, created_at=datetime(2026, 1, 1, tzinfo=UTC)))
        notices.notify(session, "d", "demand.closed", {"purpose": "核验"})
        session.commit()
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("AIRFLOW", "HUTONG_", "_AIRFLOW"))}
    environment |= {
        "AIRFLOW_HOME": str(tmp_path), "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "HUTONG_DATABASE_URL": url.render_as_string(hide_password=False),
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", SEND], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    with Session(engine) as session:
        assert [one.state for one in session.scalars(select(NoticeDelivery))] == ["waiting"]
        assert all(one.spread_at is not None for one in session.scalars(select(Notice)))
    engine.dispose()
