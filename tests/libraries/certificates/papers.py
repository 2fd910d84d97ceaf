"""Certificate files of our own making: keys, certificates and seals come into being when a test runs, and nothing of them is kept."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import fields, signers
from pyhanko.sign.signers import PdfSignatureMetadata, PdfSigner, SimpleSigner

from hutong.demo.paper import certificate_pdf


def paper(number: str = "XH00000001", identifier: str = "1.2.156.3005.2.X", holder: str = "张三") -> bytes:
    """One unsigned page."""
    fields = {
        "certificate_type": "不动产权证书",
        "holder_name": holder,
        "issuer": "兴和市自然资源局",
        "issued_date": "2026-01-05",
    }
    return certificate_pdf(SimpleNamespace(certificate_number=number, certificate_identifier=identifier, **fields))


@dataclass(frozen=True)
class Sealer:
    """An office that seals: its root in a folder, its signer in hand."""

    signer: SimpleSigner
    root: bytes

    def trust(self, folder: Path) -> Path:
        """Put its root where the hub looks."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "root.pem").write_bytes(self.root)
        return folder

    def seal(self, pdf: bytes, field: str = "Seal") -> bytes:
        """Sign a PDF."""
        writer = IncrementalPdfFileWriter(BytesIO(pdf))
        fields.append_signature_field(writer, fields.SigFieldSpec(field))
        out = BytesIO()
        PdfSigner(PdfSignatureMetadata(field_name=field, md_algorithm="sha256"), self.signer).sign_pdf(
            writer, output=out
        )
        return out.getvalue()


def sealer(folder: Path, name: str = "兴和市自然资源局") -> Sealer:
    """Make a root and an office under it."""
    folder.mkdir(parents=True, exist_ok=True)
    root_key, office_key = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))
    root = _certificate("测试根", "测试根", root_key, root_key, is_root=True)
    office = _certificate(name, "测试根", office_key, root_key, is_root=False)
    for file, content in (("office.pem", _pem(office)), ("root.pem", _pem(root))):
        (folder / file).write_bytes(content)
    (folder / "key.pem").write_bytes(
        office_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    load: Any = signers.SimpleSigner.load
    signer = load(str(folder / "key.pem"), str(folder / "office.pem"), ca_chain_files=(str(folder / "root.pem"),))
    assert signer is not None
    return Sealer(signer, _pem(root))


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _certificate(
    name: str, issuer: str, key: rsa.RSAPrivateKey, by: rsa.RSAPrivateKey, *, is_root: bool
) -> x509.Certificate:
    now = datetime.now(UTC)
    named, issued_by = (x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, one)]) for one in (name, issuer))
    usage = x509.KeyUsage(
        digital_signature=not is_root, content_commitment=not is_root, key_cert_sign=is_root, crl_sign=is_root,
        key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    builder = x509.CertificateBuilder().subject_name(named).issuer_name(issued_by).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).add_extension(usage, critical=True)
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=365))
    builder = builder.add_extension(x509.BasicConstraints(ca=is_root, path_length=None), critical=True)
    return builder.sign(by, hashes.SHA256())
