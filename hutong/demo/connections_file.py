"""Why: addresses and secrets of the departments' systems belong into the file Airflow and the command line read, and nowhere else.

Called by hutong/demo/story.py and tests. Entries of other systems stay as they are; the file is for its owner only.
"""

from pathlib import Path
from typing import Any

from sqlalchemy import URL

from hutong.demo.sources import Sources
from hutong.embedded.home import read_json, write_json


def write_connections(path: Path, sources: Sources, police: URL, services: dict[str, tuple[int, str]]) -> None:
    """Put the city's connections into `path`. services: department → port and token of its HTTP service."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, (read_json(path) or {}) | _connections(sources, police, services))


def _connections(sources: Sources, police: URL, services: dict[str, tuple[int, str]]) -> dict[str, Any]:
    found: dict[str, Any] = {"public_security": _police(police)}
    for department, file in (("civil_affairs", "hydj.db"), ("education", "xjxl.db")):
        url = f"sqlite:///{sources.of(department) / file}"
        found[department] = {"conn_type": "sqlite", "extra": {"url": url}}
    for department in ("credit_office", "human_resources", "organisation_office"):
        found[department] = {"conn_type": "fs", "extra": {"path": str(sources.of(department))}}
    for department, (port, token) in services.items():
        found[department] = {"conn_type": "http", "host": "127.0.0.1", "port": port, "password": token}
    return found


def _police(url: URL) -> dict[str, Any]:
    if url.host:
        parts = {"host": url.host, "port": url.port, "login": url.username, "schema": url.database}
        return {"conn_type": "postgres", "password": url.password, **parts}
    plain = url.set(password=None).render_as_string()  # a server behind a socket has no host
    return {"conn_type": "postgres", "password": url.password, "extra": {"url": plain}}
