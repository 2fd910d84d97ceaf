"""A small city on real systems: a police database of its own, files, SQLite, two HTTP services, its own migrated hub database."""

import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import URL

from hutong.demo import certificate_service, market_service, police_database
from hutong.demo.connections_file import write_connections
from hutong.demo.scale import Scale
from hutong.demo.sources import Sources, prepare

SMALL = Scale(factor=0.02)
TOKEN = "a-token-of-this-test"


@dataclass(frozen=True)
class LivingCity:
    """The sources and where the hub's own database is."""

    sources: Sources
    database: URL


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Sources:
    return prepare(tmp_path_factory.mktemp("city"), SMALL)


@pytest.fixture(scope="session")
def services(sources: Sources) -> Iterator[dict[str, int]]:
    servers = {
        "market_regulation": market_service.build(0, TOKEN, sources.of("market_regulation")),
        "certificate_bureau": certificate_service.build(0, TOKEN, sources.of("certificate_bureau")),
    }
    for server in servers.values():
        threading.Thread(target=server.serve_forever, daemon=True).start()
    yield {department: int(server.server_address[1]) for department, server in servers.items()}
    for server in servers.values():
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")  # it names its database in the environment: not longer than its own tests run
def city(
    sources: Sources,
    services: dict[str, int],
    new_database: Callable[[], URL],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[LivingCity]:
    from schemas.migrations import upgrade

    folder: Path = tmp_path_factory.mktemp("hub")
    url, own = new_database(), new_database()
    upgrade(url)
    police = police_database.fill(
        own.set(database="postgres"), sources.of("public_security") / "resident.parquet", "pw", "1", str(own.database)
    )
    write_connections(folder / "connections.json", sources, police, {d: (port, TOKEN) for d, port in services.items()})
    wanted = {
        "HUTONG_DATABASE_URL": url.render_as_string(hide_password=False),
        "HUTONG_CONNECTIONS_FILE": str(folder / "connections.json"),
        "HUTONG_LANDING": str(folder / "landing"),
        "HUTONG_SNAPSHOT": str(folder / "snapshot.json"),
    }
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    yield LivingCity(sources, url)
    for name, value in before.items():
        if value is None:
            os.environ.pop(name)
        else:
            os.environ[name] = value
