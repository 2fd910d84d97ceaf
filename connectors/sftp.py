"""Why: departments that let nobody into their network put their files on an SFTP server. The server must show the key that was agreed on: a hub that
trusts any host can be fed by any host. Only `connectors.transport.open_transport` comes here.
"""

import errno
import io
import posixpath
import stat
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import paramiko
from paramiko.hostkeys import HostKeyEntry
from paramiko.pkey import UnknownKeyType

from connectors.transport import Entry, Readable, Transport, walk
from schemas.errors import HutongError, Terminal, Transient

PORT = 22
TIMEOUT_SECONDS = 30.0
REQUESTS_AHEAD = 64  # of 32 KiB each: fast over a long line, and bounded in memory


class SftpTransport(Transport):
    """The folder `extra.path` on an SFTP server. Login by password or by key (`extra.key_file`, or `extra.private_key` as text, with
    `extra.private_key_passphrase`); the server's key is `extra.host_key` ("ssh-ed25519 AAAA…") or stands in the file `extra.known_hosts`.
    """

    _client: paramiko.SSHClient | None = None
    _files: paramiko.SFTPClient

    @property
    def folder(self) -> str:
        """Return the folder on the server."""
        return str(self.connection.extra.get("path") or ".")

    def find(self, patterns: Sequence[str]) -> Iterator[Entry]:
        """Yield the files the globs mean."""
        if self._called(lambda files: files.stat(self.folder)) is None:
            raise Transient("files.missing", folder=self.folder, pattern="")
        yield from walk(self._listed, patterns)

    def look(self, name: str) -> Entry | None:
        """Return one file by name."""
        found = self._called(lambda files: files.stat(self._path(name)))
        return None if found is None or stat.S_ISDIR(found.st_mode or 0) else _entry(name, found)

    @contextmanager
    def open(self, name: str) -> Iterator[Readable]:
        """Open a file; requests run ahead of the reader."""
        with self._translated():
            try:
                with self._connected().open(self._path(name), "rb") as file:
                    _run_ahead(file)
                    yield file
            except FileNotFoundError:
                raise Transient("files.changed", file=name) from None

    def _listed(self, folder: str) -> Iterator[tuple[Entry, bool]]:
        for found in self._called(lambda files: files.listdir_attr(self._path(folder))) or ():
            name = posixpath.join(folder, found.filename)
            if stat.S_ISLNK(found.st_mode or 0):
                target = self._called(lambda files, name=name: files.stat(self._path(name)))  # type: ignore[misc]
                if target is None:
                    continue  # a link to nothing
                found.st_mode, found.st_size, found.st_mtime = target.st_mode, target.st_size, target.st_mtime
            yield _entry(name, found), stat.S_ISDIR(found.st_mode or 0)

    def _called(self, call: Callable[[paramiko.SFTPClient], Any]) -> Any:
        with self._translated():
            try:
                return call(self._connected())
            except FileNotFoundError:
                return None

    def _path(self, name: str) -> str:
        return posixpath.join(self.folder, name)

    def _connected(self) -> paramiko.SFTPClient:
        if self._client is None:
            self._client = client = self._logged_in()
            weakref.finalize(self, client.close)
            self._files = client.open_sftp()
            channel = self._files.get_channel()
            if channel is not None:
                channel.settimeout(self._timeout)
        return self._files

    def _logged_in(self) -> paramiko.SSHClient:
        given = self.connection
        client = paramiko.SSHClient()
        client.set_missing_host_key_policy(paramiko.RejectPolicy())
        self._know_host(client)
        try:
            client.connect(
                given.host or "", given.port or PORT, given.login, given.password, self._key(), timeout=self._timeout,
                banner_timeout=self._timeout, auth_timeout=self._timeout, channel_timeout=self._timeout,
                allow_agent=False, look_for_keys=False,
            )  # fmt: skip
        except BaseException:
            client.close()
            raise
        return client

    def _know_host(self, client: paramiko.SSHClient) -> None:
        host_key, known = self.connection.extra.get("host_key"), self.connection.extra.get("known_hosts")
        host = self.connection.host or ""
        name = host if self.connection.port in (None, PORT) else f"[{host}]:{self.connection.port}"
        try:
            if known:
                client.load_host_keys(str(known))
            entry = HostKeyEntry.from_line(f"{name} {host_key}") if host_key else None
        except (OSError, paramiko.SSHException):
            raise self._unusable("known_hosts or host_key cannot be read") from None
        if entry is not None and entry.key is not None:
            client.get_host_keys().add(name, entry.key.get_name(), entry.key)
        elif not known:
            raise self._unusable('no host_key ("ssh-ed25519 AAAA…") or known_hosts of the server')

    def _key(self) -> paramiko.PKey | None:
        extra = self.connection.extra
        passphrase = extra.get("private_key_passphrase")
        try:
            if extra.get("key_file"):
                return paramiko.PKey.from_path(extra["key_file"], passphrase and passphrase.encode())
            return _key_of(str(extra["private_key"]), passphrase) if extra.get("private_key") else None
        except (OSError, ValueError, TypeError, paramiko.SSHException, UnknownKeyType):
            raise self._unusable("its private key cannot be read (file, passphrase)") from None

    def _unusable(self, reason: str) -> Terminal:
        return Terminal("connector.bad_connection", connection=self.connection.id, reason=reason)

    @property
    def _timeout(self) -> float:
        return float(self.options.get("timeout_seconds") or TIMEOUT_SECONDS)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except HutongError:
            raise
        except (OSError, EOFError, paramiko.SSHException) as error:
            found = self._named(error)
            if isinstance(found, Transient):
                self._hang_up()
            raise found from None

    def _hang_up(self) -> None:
        """Forget a connection that may be broken; the next call makes a new one."""
        if self._client is not None:
            with suppress(OSError, EOFError, paramiko.SSHException):
                self._client.close()
        self._client = None

    def _named(self, error: Exception) -> HutongError:
        facts = {"connection": self.connection.id, "address": self.connection.address}
        if isinstance(error, paramiko.BadHostKeyException) or "not found in known_hosts" in str(error):
            return Terminal("connector.host_key", **facts)
        if isinstance(error, (paramiko.AuthenticationException, PermissionError)) or _errno(error) == errno.EACCES:
            return Terminal("connector.refused", **facts)
        if isinstance(error, TimeoutError):
            return Transient("connector.timeout", **facts)
        return Transient("connector.unreachable" if self._client is None else "connector.broken_off", **facts)


def _run_ahead(file: Any) -> None:
    """Ask for what will be read, on paramiko's own thread; when the line breaks the reader is told, and the thread need not complain as well."""
    asking = file._prefetch_thread

    def ask(*chunks: Any) -> None:
        with suppress(OSError, EOFError, paramiko.SSHException):
            asking(*chunks)

    file._prefetch_thread = ask
    file.prefetch(file.stat().st_size, max_concurrent_requests=REQUESTS_AHEAD)


def _errno(error: Exception) -> int | None:
    return error.errno if isinstance(error, OSError) else None


def _entry(name: str, found: paramiko.SFTPAttributes) -> Entry:
    return Entry(name, found.st_size or 0, float(found.st_mtime or 0))


def _key_of(text: str, passphrase: str | None) -> paramiko.PKey:
    """Read a private key of whatever kind it is. Raises paramiko.SSHException."""
    for kind in (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey):
        with suppress(paramiko.SSHException, ValueError):
            return kind.from_private_key(io.StringIO(text), passphrase)
    raise paramiko.SSHException("no known kind of key")
