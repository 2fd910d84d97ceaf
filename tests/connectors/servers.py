"""Source systems' own servers, started for the tests on loopback and a free port, and ended by whoever started them."""

import getpass
import logging
import os
import secrets
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import paramiko
import pyarrow.fs as fs
import pymysql
import pytest
from paramiko.common import AUTH_FAILED, AUTH_SUCCESSFUL, OPEN_SUCCEEDED

from connectors.base import Connection
from hutong.embedded.account import find_account


def require_program(name: str, package: str) -> str:
    """Return where a server's program is; without it the tests are skipped with the remedy, and on the build server they fail."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if found is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(
            f"{name} missing: make servers, or apt-get install {package}"
        )
    return found


def free_port() -> int:
    """Return a port nobody listens on, of those that no connection and no `port 0` is given before somebody listens there."""
    while True:
        port = 20_000 + secrets.randbelow(12_000)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


@contextmanager
def running(
    command: Sequence[str], log: Path, is_ready: Callable[[], bool], **as_whom: Any
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server until the block ends; it must become ready within a minute."""
    with (
        log.open("wb") as out,
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, **as_whom) as process,
    ):
        try:
            _await(process, is_ready, log)
            yield process
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


def _await(process: subprocess.Popen[bytes], is_ready: Callable[[], bool], log: Path) -> None:
    ends = time.monotonic() + 60
    while not is_ready():
        assert process.poll() is None, log.read_text("utf-8", "replace")[-2_000:]
        assert time.monotonic() < ends, log.read_text("utf-8", "replace")[-2_000:]
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.05)


def answers(port: int) -> bool:
    """Say whether something listens on the port."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


@dataclass
class Maria:
    """A running MariaDB; `root` opens a session that may do everything."""

    port: int
    socket: Path

    def root(self, database: str | None = None) -> "pymysql.Connection[pymysql.cursors.Cursor]":
        return pymysql.connect(unix_socket=str(self.socket), user="root", database=database, autocommit=True)

    def run(self, *statements: str, database: str | None = None) -> None:
        with self.root(database) as session, session.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)


@contextmanager
def maria_server(folder: Path) -> Iterator[Maria]:
    """Start MariaDB on a data folder of its own."""
    install, server = (
        require_program("mariadb-install-db", "mariadb-server"),
        require_program("mariadbd", "mariadb-server"),
    )
    user, data = f"--user={getpass.getuser()}", f"--datadir={folder / 'data'}"
    made = [install, "--no-defaults", user, data, "--auth-root-authentication-method=normal", "--skip-test-db"]
    subprocess.run(made, check=True, capture_output=True, timeout=120)
    port = free_port()
    maria = Maria(port, folder / "s")
    command = [
        server, "--no-defaults", user, data, f"--socket={maria.socket}", f"--port={port}", "--bind-address=127.0.0.1",
        "--skip-name-resolve", "--innodb-buffer-pool-size=32M", "--innodb-flush-log-at-trx-commit=0", f"--pid-file={folder / 'pid'}",
        "--character-set-server=utf8mb4",
    ]  # fmt: skip
    with running(command, folder / "log", lambda: maria.socket.exists() and answers(port)):
        yield maria


@dataclass
class Line:
    """The network between the hub and a server: passes bytes on, and is cut when a test says so."""

    target: int
    port: int = 0
    is_cut: bool = False
    passes: int | None = None  # bytes from the server after which the connection is cut, once
    cuts_for_good: bool = False  # then the line stays cut until `mend`
    _open: set[socket.socket] = field(default_factory=set)

    def cut(self) -> None:
        """Break every connection; new ones are refused until `mend`."""
        self.is_cut = True
        for end in list(self._open):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        """Let connections through again."""
        self.is_cut = False

    def serve(self, listener: socket.socket) -> None:
        """Take connections until the listener is closed."""
        with suppress(OSError):
            while True:
                caller, _ = listener.accept()
                if self.is_cut:
                    caller.close()
                    continue
                server = socket.create_connection(("127.0.0.1", self.target), timeout=10)
                server.settimeout(None)
                self._open |= {caller, server}
                for source, sink, counts in ((caller, server, False), (server, caller, True)):
                    threading.Thread(target=self._pump, args=(source, sink, counts), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, counts: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                if counts and self.passes is not None:
                    self.passes -= len(data)
                    if self.passes <= 0:
                        self.passes, self.is_cut = None, self.is_cut or self.cuts_for_good
                        break
                sink.sendall(data)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
            self._open.discard(end)


@contextmanager
def line_to(port: int) -> Iterator[Line]:
    """Put a line that can be cut before a server."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        line = Line(port, listener.getsockname()[1])
        thread = threading.Thread(target=line.serve, args=(listener,), daemon=True)
        thread.start()
        yield line
        line.cut()
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(10)


@dataclass
class Sshd:
    """A running OpenSSH server that serves files below `folder` and lets in whoever has `key_file`."""

    port: int
    folder: Path
    key_file: Path
    host_key: str
    user: str

    def connection(self, **changed: Any) -> Connection:
        """The connection as a department would hand it out; changed: port, or keys of extra (None leaves one out)."""
        extra = {"path": str(self.folder), "key_file": str(self.key_file), "host_key": self.host_key}
        port = changed.pop("port", self.port)
        extra = {name: value for name, value in (extra | changed).items() if value is not None}
        return Connection("tax", "sftp", "127.0.0.1", port, login=self.user, extra=extra)


@contextmanager
def sshd_server(folder: Path) -> Iterator[Sshd]:
    """Start OpenSSH's server under an ordinary account with keys made for it."""
    program = require_program("sshd", "openssh-server")
    account = find_account()
    user = account.name if account else getpass.getuser()
    for name in ("host", "login"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True, timeout=30)
    files, port = folder / "files", free_port()
    files.mkdir()
    config = folder / "config"
    config.write_text(
        f"ListenAddress 127.0.0.1:{port}\nHostKey {folder}/host\nAuthorizedKeysFile {folder}/login.pub\nStrictModes no\nUsePAM no\n"
        f"PasswordAuthentication no\nPidFile none\nForceCommand internal-sftp\nSubsystem sftp internal-sftp\nLogLevel VERBOSE\n"
    )
    folder.chmod(0o755)
    if account:
        for path in (folder / "host", files):
            os.chown(path, account.uid, account.gid)
    host_key = " ".join((folder / "host.pub").read_text().split()[:2])
    as_whom = {"user": account.uid, "group": account.gid, "extra_groups": []} if account else {}
    with running([program, "-D", "-e", "-f", str(config)], folder / "log", lambda: answers(port), **as_whom):
        yield Sshd(port, files, folder / "login", host_key, user)


@dataclass
class Bucket:
    """A bucket on a running S3 server; `files` writes into it."""

    port: int
    name: str = "deliveries"

    @property
    def files(self) -> Any:
        """The bucket's drops/ as a file system that may write."""
        found = fs.S3FileSystem(
            access_key="key", secret_key="secret", endpoint_override=f"127.0.0.1:{self.port}", scheme="http",
            region="us-east-1", allow_bucket_creation=True,
        )  # fmt: skip
        found.create_dir(self.name)
        return fs.SubTreeFileSystem(f"{self.name}/drops", found)

    def write(self, name: str, content: bytes) -> None:
        with self.files.open_output_stream(name, compression=None) as out:
            out.write(content)

    def connection(self, port: int | None = None, **extra: Any) -> Connection:
        """The connection as a department would hand it out."""
        given = {"endpoint_url": f"http://127.0.0.1:{port or self.port}", "path": f"{self.name}/drops"} | extra
        return Connection("cloud", "aws", login="key", password="secret", extra=given)


@contextmanager
def s3_server() -> Iterator[int]:
    """Start an S3 server on loopback and give its port."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    yield int(server.get_host_and_port()[1])
    server.stop()


class _Doorman(paramiko.ServerInterface):
    """Lets in one user with one password, to files only."""

    def __init__(self, login: str, password: str) -> None:
        self._known = (login, password)

    def check_auth_password(self, username: str, password: str) -> int:
        return AUTH_SUCCESSFUL if (username, password) == self._known else AUTH_FAILED

    def get_allowed_auths(self, username: str) -> str:  # noqa: ARG002 — the interface's own
        return "password"

    def check_channel_request(self, kind: str, chanid: int) -> int:  # noqa: ARG002 — the interface's own
        return OPEN_SUCCEEDED


class _Handle(paramiko.SFTPHandle):
    """An opened file."""

    readfile: Any

    def stat(self) -> "paramiko.SFTPAttributes | int":
        return paramiko.SFTPAttributes.from_stat(os.fstat(self.readfile.fileno()))


class _Disk(paramiko.SFTPServerInterface):
    """The files of this machine, read only."""

    def list_folder(self, path: str) -> "list[paramiko.SFTPAttributes] | int":
        return [paramiko.SFTPAttributes.from_stat(one.lstat(), one.name) for one in Path(path).iterdir()]

    def stat(self, path: str) -> "paramiko.SFTPAttributes | int":
        try:
            return paramiko.SFTPAttributes.from_stat(Path(path).stat())
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno or 0)

    lstat = stat

    def open(self, path: str, flags: int, attr: paramiko.SFTPAttributes) -> "paramiko.SFTPHandle | int":  # noqa: ARG002
        handle = _Handle(flags)
        handle.readfile = Path(path).open("rb")  # noqa: SIM115 — the handle closes it
        return handle


@contextmanager
def password_server(login: str, password: str) -> Iterator[tuple[int, str]]:
    """Start an SFTP server that wants a password, which OpenSSH asks the system's own accounts for; give its port and host key."""
    key = paramiko.ECDSAKey.generate()
    transports: list[paramiko.Transport] = []

    def serve(listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                transports.append(transport := paramiko.Transport(listener.accept()[0]))
                transport.add_server_key(key)
                transport.set_subsystem_handler("sftp", paramiko.SFTPServer, _Disk)
                with suppress(paramiko.SSHException, EOFError):
                    transport.start_server(server=_Doorman(login, password))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,), daemon=True)
        thread.start()
        yield listener.getsockname()[1], f"{key.get_name()} {key.get_base64()}"
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(10)
    for transport in transports:
        transport.close()
        transport.join(10)
