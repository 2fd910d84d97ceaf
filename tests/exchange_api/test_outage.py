"""A hub that cannot sign or cannot reach its database says so, hands out nothing, and goes on by itself when it can."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, create_engine, text
from sqlalchemy.orm import Session

from exchange_api.evidence.keyring import ensure_active_key, roll_key
from exchange_api.keys import jwks
from schemas.migrations import upgrade
from tests.exchange_api.promptly import within_a_second


@pytest.fixture
def bare_site(
    exchange_site: Any, new_database: Callable[[], URL], serve: Any, tmp_path: Path, postgres_server: URL
) -> Iterator[Any]:
    """A second hub, migrated and empty, without a signing key."""
    url = new_database()
    upgrade(url)
    environment = {
        "HUTONG_DATABASE_URL": url.render_as_string(hide_password=False),
        "HUTONG_KEYS_FOLDER": str(tmp_path / "keys"),
    }
    engine, admin = create_engine(url), create_engine(postgres_server, isolation_level="AUTOCOMMIT")
    with serve(environment, tmp_path / "server.log") as authority:
        site = type(exchange_site)(
            f"http://{authority}",
            authority,
            engine,
            {"keys": []},
            exchange_site.signer,
            exchange_site.other_signer,
            tmp_path / "server.log",
        )
        site.admin, site.database = admin, url.database
        yield site
    engine.dispose()
    admin.dispose()


def _make_key(site: Any, act: Callable[..., Any]) -> None:
    with Session(site.engine) as session:
        act(session, site.log.parent / "keys")
        site.jwks = jwks(session)
        session.commit()


def _until(site: Any, status: int, path: str) -> Any:
    """Ask until the answer has this status; within a minute."""
    deadline = time.monotonic() + 60
    while (asked := site.ask(None, path, method="GET"))[1].status != status:
        assert time.monotonic() < deadline, asked[1]
        time.sleep(0.02)
    return asked


def test_without_a_key_nothing_is_answered_and_a_new_key_is_used_at_once(bare_site: Any) -> None:
    _, response = bare_site.ask(None, "/v1/errors", method="GET")
    assert (response.status, json.loads(response.body)["code"]) == (503, "key.none_active")
    assert "signature" not in response.headers
    _make_key(bare_site, ensure_active_key)
    request, response = _until(bare_site, 200, "/v1/errors")
    first = bare_site.check(request, response)
    assert first.kind == "answer"
    assert json.loads(bare_site.ask(None, "/v1/log/checkpoint", method="GET")[1].body)["code"] == "log.empty"
    _make_key(bare_site, roll_key)
    new = next(one["kid"] for one in bare_site.jwks["keys"] if one["hutong:state"] == "active")
    within_a_second(
        lambda: str(bare_site.ask(None, "/v1/errors", method="GET")[1].headers["signature-input"]),
        lambda signed: new in signed,
    )


def test_without_the_database_nothing_leaves_and_it_goes_on_when_it_is_back(bare_site: Any) -> None:
    _make_key(bare_site, ensure_active_key)
    _until(bare_site, 200, "/v1/errors")
    bare_site.engine.dispose()
    with bare_site.admin.connect() as connection:
        connection.execute(text(f"ALTER DATABASE {bare_site.database} ALLOW_CONNECTIONS false"))
        connection.execute(
            text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"),
            {"name": bare_site.database},
        )
        request, response = _until(bare_site, 503, "/v1/errors")
        assert json.loads(response.body)["code"] == "evidence.unavailable"
        _, keys = _until(bare_site, 503, "/.well-known/jwks.json")
        assert json.loads(keys.body)["code"] == "database.unreachable"
        _until(bare_site, 503, "/readyz")
        connection.execute(text(f"ALTER DATABASE {bare_site.database} ALLOW_CONNECTIONS true"))
    assert bare_site.check(request, response) is None, "signed, but nowhere written"
    assert bare_site.check(*_until(bare_site, 200, "/v1/errors")).kind == "answer"
