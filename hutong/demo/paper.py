"""Why: certificates are files. Each is a small valid PDF made from its own fields, so the index can name a true digest and the service can serve the file.

The generator (digest) and the certificate service (file) make it by the same function, byte for byte. Text is drawn with the standard Chinese font
that PDF readers bring along, so no font is embedded.
"""

from typing import Any

_FIELDS = (
    ("certificate_type", 20), ("certificate_number", 12), ("holder_name", 12), ("issuer", 12), ("issued_date", 12), ("certificate_identifier", 8),
)  # fmt: skip
_HEAD = (
    b"<</Type/Catalog/Pages 2 0 R>>",
    b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
    b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 420 298]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
)
_FONT = (
    b"<</Type/Font/Subtype/Type0/BaseFont/STSong-Light/Encoding/UniGB-UCS2-H/DescendantFonts[6 0 R]>>",
    b"<</Type/Font/Subtype/CIDFontType0/BaseFont/STSong-Light/CIDSystemInfo<</Registry(Adobe)/Ordering(GB1)/Supplement 2>>/DW 1000/FontDescriptor 7 0 R>>",
    b"<</Type/FontDescriptor/FontName/STSong-Light/Flags 6/FontBBox[-25 -254 1000 880]/ItalicAngle 0/Ascent 880/Descent -120/CapHeight 880/StemV 93>>",
)


def certificate_pdf(certificate: Any) -> bytes:
    """Return the file of one certificate (an object with the item ids as attributes): PDF 1.4, one page."""
    lines = b"".join(_line(getattr(certificate, name), size, 250 - 36 * n) for n, (name, size) in enumerate(_FIELDS))
    content = b"BT\n" + lines + b"ET"
    objects = (*_HEAD, b"<</Length %d>>stream\n%b\nendstream" % (len(content), content), *_FONT)
    out, offsets = bytearray(b"%PDF-1.4\n"), []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj%b\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    count = len(objects) + 1
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n%btrailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (
        count,
        table,
        count,
        start,
    )
    return bytes(out)


def _line(text: str | None, size: int, height: int) -> bytes:
    shown = (text or "").encode("utf-16-be", "replace").hex().encode()
    return b"/F1 %d Tf 1 0 0 1 30 %d Tm <%b> Tj\n" % (size, height, shown)
