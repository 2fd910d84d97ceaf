"""A time stamping authority as the tests run one: `openssl ts` behind a small HTTP server on loopback."""

import contextlib
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

POLICY = "1.2.3.4.1"
_CONFIGURATION = """
[tsa]
default_tsa = one
[one]
serial = {folder}/serial
signer_cert = {folder}/signer.pem
signer_key = {folder}/signer.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
tsa_name = yes
ess_cert_id_chain = no
ess_cert_id_alg = sha256
"""


class Authority:
    """Keys and certificates in a folder; `stamp` answers one request as the real one does."""

    def __init__(self, folder: Path, until: timedelta = timedelta(days=30)) -> None:
        folder.mkdir(parents=True)
        self.folder, self.roots = folder, folder / "root.pem"
        root_key, signer_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        root = _certificate("时间戳根证书", root_key, root_key, None)
        signer = _certificate("时间戳签名", signer_key, root_key, until)
        self.roots.write_bytes(root.public_bytes(serialization.Encoding.PEM))
        (folder / "signer.pem").write_bytes(signer.public_bytes(serialization.Encoding.PEM))
        private = signer_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        (folder / "signer.key").write_bytes(private)
        (folder / "serial").write_text("01\n")
        (folder / "tsa.cnf").write_text(_CONFIGURATION.format(folder=folder))

    def stamp(self, question: bytes) -> bytes:
        """Return the answer to a TimeStampReq."""
        (self.folder / "question").write_bytes(question)
        command = ["openssl", "ts", "-reply", "-config", "tsa.cnf", "-queryfile", "question", "-out", "answer"]
        subprocess.run(command, cwd=self.folder, check=True, capture_output=True)
        return (self.folder / "answer").read_bytes()

    def away(self) -> ThreadingHTTPServer:
        """Return a server on loopback that holds its address, at which nobody answers yet."""
        authority = self

        class Asked(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                answer = authority.stamp(self.rfile.read(int(self.headers["content-length"])))
                self.send_response(200)
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *arguments: object) -> None:
                """Say nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Asked, bind_and_activate=False)
        server.server_bind()
        return server

    @contextlib.contextmanager
    def serving(self, held: ThreadingHTTPServer | None = None) -> Iterator[str]:
        """Serve it, at the address that was held for it or at any; yields the address."""
        with held or self.away() as server:
            server.server_activate()
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            yield f"http://127.0.0.1:{server.server_address[1]}"
            server.shutdown()
            thread.join()


def _certificate(
    name: str, key: ec.EllipticCurvePrivateKey, issuer: ec.EllipticCurvePrivateKey, until: timedelta | None
) -> x509.Certificate:
    now, public = datetime.now(UTC), key.public_key()
    subject, root = (x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, one)]) for one in (name, "时间戳根证书"))
    made = x509.CertificateBuilder(root, subject, public, x509.random_serial_number())
    made = made.not_valid_before(now - timedelta(days=60)).not_valid_after(now + (until or timedelta(days=90)))
    made = made.add_extension(x509.BasicConstraints(until is None, None), critical=True)
    made = made.add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key())
    made = made.add_extension(authority, critical=False)
    usage = x509.KeyUsage(until is not None, False, False, False, False, until is None, until is None, False, False)
    made = made.add_extension(usage, critical=True)
    if until is not None:
        made = made.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
    return made.sign(issuer, hashes.SHA256())
