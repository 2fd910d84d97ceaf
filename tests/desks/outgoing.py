"""A hub of its own database whose notices go out, for stories of mail and webhooks."""

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, create_engine, select, text
from sqlalchemy.orm import Session

from catalog import departments, notices
from exchange_api.actors import Actor
from exchange_api.evidence.keyring import ensure_active_key
from exchange_api.noticing import ways
from exchange_api.noticing.ways import WayForm
from schemas.database import transaction
from schemas.migrations import upgrade
from schemas.tables.notice_ways import NoticeDelivery, NoticeWay
from schemas.tables.operations import Notice, Officer

MAIL = "notices@housing.test"
LI = Actor("li", "housing", frozenset({"demander"}))


@pytest.fixture(scope="module")
def hub_url(new_database: Callable[[], URL], tmp_path_factory: pytest.TempPathFactory) -> Iterator[URL]:
    url, keys = new_database(), tmp_path_factory.mktemp("keys")
    upgrade(url)
    with pytest.MonkeyPatch.context() as patch:
        for name in [one for one in os.environ if one.startswith(("HUTONG_SMTP", "HUTONG_NOTICE"))]:
            patch.delenv(name)
        patch.setenv("HUTONG_DATABASE_URL", url.render_as_string(hide_password=False))
        patch.setenv("HUTONG_KEYS_FOLDER", str(keys))
        with transaction() as session:
            for one in ("housing", "police"):
                departments.save(session, departments.DepartmentDocument(id=one, name=one, short_name=one))
            session.add(Officer(id="li", name="李", department_id="housing", roles=["demander"], password_hash="-"))
            ensure_active_key(session)
        yield url


@pytest.fixture
def hub(hub_url: URL) -> Iterator[URL]:
    yield hub_url
    engine = create_engine(hub_url)
    with engine.begin() as connection:
        connection.execute(text("TRUNCATE operations.notice_deliveries, operations.notice_ways, operations.notices"))
    engine.dispose()


def add_way(address: str = MAIL, **how: Any) -> int:
    form = WayForm(channel="webhook" if "://" in address else "email", address=address, **how)
    with transaction("exchange") as session:
        return ways.add(session, LI, "housing", form).id


def tell(key: str = "demand.provided", department: str = "housing", **facts: str) -> int:
    """Tell a department something and return the notice's id."""
    with transaction("exchange") as session:
        notices.notify(session, department, key, {"purpose": "核验户籍"} | facts, "XQ-2026-000001")
        session.flush()
        return max(session.scalars(select(Notice.id)))


def states() -> list[tuple[int, str, int, str | None]]:
    """Every delivery: notice, state, attempts, error."""
    with transaction("exchange") as session:
        rows = session.scalars(select(NoticeDelivery).order_by(NoticeDelivery.notice_id, NoticeDelivery.way_id))
        return [(one.notice_id, one.state, one.attempts, one.last_error) for one in rows]


def way_of(way_id: int) -> NoticeWay:
    with transaction("exchange") as session:
        return session.get_one(NoticeWay, way_id)


def told(department: str = "housing") -> list[str]:
    """The keys a department sees in the portal, oldest first."""
    with transaction("exchange") as session:
        return [one.key for one in reversed(notices.find(session, department, 100))]


def set_mail(patch: pytest.MonkeyPatch, port: int, security: str = "none", ca_file: Path | None = None) -> None:
    patch.setenv("HUTONG_SMTP_HOST", "127.0.0.1")
    patch.setenv("HUTONG_SMTP_PORT", str(port))
    patch.setenv("HUTONG_SMTP_SECURITY", security)
    patch.setenv("HUTONG_SMTP_TIMEOUT", "10")
    if ca_file is not None:
        patch.setenv("HUTONG_SMTP_CA_FILE", str(ca_file))


def at(moment: str) -> datetime:
    """A moment in China, e.g. 2026-11-20 07:30."""
    return datetime.fromisoformat(f"{moment}:00+08:00").astimezone(UTC)


def dated(notice_id: int, moment: str, session: Session) -> None:
    session.get_one(Notice, notice_id).created_at = at(moment)
