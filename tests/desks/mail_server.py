"""A small real SMTP server on loopback, in a thread of its own: it keeps what it takes and refuses when it is told to."""

import socketserver
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from ipaddress import ip_address
from pathlib import Path
from threading import Thread
from typing import cast

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass
class Post:
    """What the server says and what it took. `says`: command → the line it answers instead; `on_taken`: called when a mail is in, before it is said."""

    says: dict[str, str] = field(default_factory=dict)
    mails: list[EmailMessage] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    tls: ssl.SSLContext | None = None
    offers_tls: bool = False
    on_taken: Callable[[], None] | None = None
    port: int = 0


class _Talk(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        post = cast("_Server", self.server).post
        self.say("220 post.test ESMTP")
        while line := self.rfile.readline().decode("utf-8", "replace").rstrip("\r\n"):
            verb = line.split()[0].upper()
            post.commands.append(line)
            if told := post.says.get(verb):
                self.say(told)
                if told.startswith("421"):
                    return
            elif verb == "STARTTLS" and post.tls is not None:
                self.say("220 go")
                self.begin_tls(post.tls)
            elif verb == "DATA":
                self.take(post)
            elif verb == "QUIT":
                self.say("221 bye")
                return
            else:
                self.say(_answer(post, verb, line))

    def finish(self) -> None:
        with suppress(OSError):
            super().finish()
        self.request.close()

    def begin_tls(self, tls: ssl.SSLContext) -> None:
        self.wfile.flush()
        self.request = tls.wrap_socket(self.request, server_side=True)
        self.rfile, self.wfile = self.request.makefile("rb"), self.request.makefile("wb", buffering=0)

    def take(self, post: Post) -> None:
        self.say("354 go on")
        lines: list[bytes] = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line[1:] if line.startswith(b"..") else line)
        if told := post.says.get("."):
            self.say(told)
            return
        post.raw.append(b"".join(lines))
        post.mails.append(message_from_bytes(post.raw[-1], policy=policy.default))
        if post.on_taken is not None:
            post.on_taken()
        self.say("250 2.0.0 taken")

    def say(self, line: str) -> None:
        self.wfile.write(line.encode() + b"\r\n")


def _answer(post: Post, verb: str, line: str) -> str:
    if verb == "EHLO":
        return (
            "250-post.test\r\n250-STARTTLS\r\n250 AUTH PLAIN" if post.offers_tls else "250-post.test\r\n250 AUTH PLAIN"
        )
    if verb == "RCPT":
        post.recipients.append(line)
    return "235 2.7.0 welcome" if verb == "AUTH" else "250 2.1.0 ok"


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads, allow_reuse_address, block_on_close = True, True, False

    def __init__(self, post: Post) -> None:
        super().__init__(("127.0.0.1", 0), _Talk)
        self.post = post

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is what some stories are about."""


@contextmanager
def mail_server(**how: object) -> Iterator[Post]:
    """A server that runs until the block ends."""
    post = Post(**how)  # type: ignore[arg-type]
    with _Server(post) as server:
        post.port = int(server.server_address[1])
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield post
        finally:
            server.shutdown()
            thread.join()


def certificate(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """A certificate for 127.0.0.1 that only those trust who are given it, and the server's side of it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "post.test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    public, private = folder / "post.pem", folder / "post.key"
    public.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, private)
    return public, context
