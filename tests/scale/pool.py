"""A PgBouncer before PostgreSQL, in session pooling, as docs/scale.md describes it for far workers: started on loopback, a login of its own for each role."""

import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import make_url

from tests.connectors.servers import answers, free_port, require_program, running

ROLES = ("ingest", "reader")
MOST_SERVER_CONNECTIONS = 4  # far fewer than the clients a worker's tasks open one after another


@dataclass(frozen=True)
class Pool:
    """A running PgBouncer. variables: what a worker is told so that it goes through it."""

    port: int
    variables: dict[str, str]

    def totals(self) -> dict[str, Any]:
        """Return how many transactions went through it and how many clients it has, all databases together."""
        login = make_url(self.variables["HUTONG_DATABASE_URL_INGEST"])
        target = f"host=127.0.0.1 port={self.port} dbname=pgbouncer user={login.username} password={login.password}"
        with psycopg.connect(target, autocommit=True, prepare_threshold=None) as console:
            console.cursor_factory = psycopg.ClientCursor  # its console speaks the simple protocol only
            rows = console.execute("SHOW TOTALS").fetchall()
        return {name: value for name, value in rows}  # noqa: C416 — rows of a result are not pairs to a type checker


@contextmanager
def pool_before(url: str) -> Iterator[Pool]:
    """Start PgBouncer before the server of an owner's URL and make the logins that go through it."""
    program, server, port = require_program("pgbouncer", "pgbouncer"), make_url(url), free_port()
    logins = {role: (f"far_{role}", secrets.token_hex(12)) for role in ROLES}
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as owner:
        for role, (login, password) in logins.items():
            owner.execute(f"CREATE ROLE {login} LOGIN PASSWORD '{password}' IN ROLE hutong_{role}".encode())
    with tempfile.TemporaryDirectory(prefix="hutong-pool-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # it does not run as root
        (folder / "users.txt").write_text("".join(f'"{login}" "{password}"\n' for login, password in logins.values()))
        (folder / "pgbouncer.ini").write_text(
            f"[databases]\n* = host={server.host} port={server.port}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n"
            f"unix_socket_dir =\nauth_type = plain\nauth_file = {folder}/users.txt\npool_mode = session\nserver_reset_query = DISCARD ALL\n"
            f"default_pool_size = {MOST_SERVER_CONNECTIONS}\nreserve_pool_size = {MOST_SERVER_CONNECTIONS}\nmax_client_conn = 100\n"
            f"stats_users = {logins['ingest'][0]}\nignore_startup_parameters = extra_float_digits\n"
        )
        for file in folder.iterdir():
            file.chmod(0o644)
        other = ["-u", "nobody"] if os.geteuid() == 0 else []
        with running([program, *other, str(folder / "pgbouncer.ini")], folder / "log", lambda: answers(port)):
            yield Pool(
                port, {f"HUTONG_DATABASE_URL_{role.upper()}": _through(url, port, *logins[role]) for role in ROLES}
            )


def _through(url: str, port: int, login: str, password: str) -> str:
    through = make_url(url).set(host="127.0.0.1", port=port, username=login, password=password)
    return through.render_as_string(hide_password=False)
