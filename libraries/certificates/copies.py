"""Why: an annotated copy (加注件, GB/T 36903) says on every page for whom, for what and until when it was made, so that it is worth nothing elsewhere.
Called by the certificate desk of the exchange and `hutong certificate copy`; it only makes bytes, the desk logs them.

The copy is the stored file with an update after its end: the original's bytes and seal stay in it and can still be checked. No Chinese font can be
embedded (none comes with the hub), so text is set in STSong-Light, which PDF readers bring along (ISO 32000-1 §9.7.5.2); Latin words in Helvetica, which
is everywhere, and a note annotation in Unicode say the same where that font is missing.
"""

from dataclasses import dataclass
from datetime import date, datetime
from io import BytesIO
from typing import Any

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader

from schemas.calendar import CHINA
from schemas.errors import HutongError, Terminal

_pdf: Any = generic  # its constructors have no types
CAUSE_LENGTH = 200  # 使用事由, GB/T 36906 as implemented
_MARGIN, _SMALL, _LARGE = 12, 7, 22
_TURNS = {0: "", 90: "0 1 -1 0 {w} 0 cm", 180: "-1 0 0 -1 {w} {h} cm", 270: "0 -1 1 0 0 {h} cm"}
"""How to draw upright on a page that is shown turned, by its /Rotate."""


@dataclass(frozen=True)
class Annotation:
    """What a copy says of itself. cause: at most 200 characters; recipient: the department, its application; made_at: aware."""

    copy_id: str
    cause: str
    recipient: str
    application: str
    service_item: str
    case_number: str | None
    made_at: datetime
    valid_until: date

    def chinese(self) -> list[str]:
        """Return what it says, line by line, as officers read it."""
        made = self.made_at.astimezone(CHINA)
        case = f"（办件 {self.case_number}）" if self.case_number else ""
        return [
            f"电子证照加注件　用途：{self.cause}{case}",
            f"使用单位：{self.recipient}　制作时间：{made:%Y-%m-%d %H:%M:%S}　有效期至：{self.valid_until.isoformat()}　仅限上述用途，他用无效",
        ]

    def latin(self) -> list[str]:
        """Return the same in characters every reader can draw."""
        case = f", case {self.case_number}" if self.case_number else ""
        made = self.made_at.astimezone(CHINA)
        return [
            f"ANNOTATED COPY {self.copy_id} for {self.application}, service item {self.service_item}{case}",
            f"made {made:%Y-%m-%d %H:%M:%S}, valid until {self.valid_until.isoformat()}, for this purpose only",
        ]


def annotate(content: bytes, annotation: Annotation) -> bytes:
    """Return a copy of a PDF that says on every page what it was made for. Raises Terminal `certificate.copy_unfit`."""
    try:
        return _annotate(content, annotation)
    except HutongError:
        raise
    except Exception as error:  # a file from outside: whatever its parser stumbles over, no copy can be made
        raise Terminal("certificate.copy_unfit", reason=type(error).__name__) from error


def _annotate(content: bytes, annotation: Annotation) -> bytes:
    reader = PdfFileReader(BytesIO(content), strict=False)
    if reader.encrypted:
        raise Terminal("certificate.copy_unfit", reason="encrypted")
    writer: Any = IncrementalPdfFileWriter.from_reader(reader)
    fonts = _fonts(writer)
    pages = int(reader.root["/Pages"]["/Count"])
    if not pages:
        raise Terminal("certificate.copy_unfit", reason="no pages")
    for place in range(pages):
        _annotate_page(writer, place, annotation, fonts)
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


def _annotate_page(writer: Any, place: int, annotation: Annotation, fonts: dict[str, Any]) -> None:
    reference, resources = writer.find_page_for_modification(place)
    page = reference.get_object()
    if "/Contents" not in page:  # an empty page is still a page of the copy
        page[_pdf.NameObject("/Contents")] = writer.add_object(_pdf.ArrayObject())
        writer.mark_update(reference)
    if "/Resources" not in page:
        page[_pdf.NameObject("/Resources")] = resources if resources is not None else _pdf.DictionaryObject()
        writer.mark_update(reference)
    # names of our own on every page: pages may share one dictionary of resources
    names = {one: f"/Ht{annotation.copy_id.replace('-', '')[-8:]}{one}{place}" for one in ("C", "L", "G")}
    drawn = _drawing(_box(page), int(_inherited(page, "/Rotate") or 0) % 360, annotation, names)
    writer.add_stream_to_page(place, writer.add_object(_pdf.StreamObject(stream_data=b"q ")), prepend=True)
    writer.add_stream_to_page(place, writer.add_object(_pdf.StreamObject(stream_data=drawn)), _resources(names, fonts))
    if place == 0:
        writer.register_annotation(reference, writer.add_object(_note(_box(page), annotation)))


def _drawing(
    box: tuple[float, float, float, float], turned: int, annotation: Annotation, names: dict[str, str]
) -> bytes:
    """Return the page's last content stream: what was drawn before is closed off, then watermark and lines."""
    left, bottom, width, height = box
    turn = _TURNS.get(turned, "").format(w=width, h=height)
    across, up = (height, width) if turned in (90, 270) else (width, height)
    lines = [part for line in annotation.chinese() for part in _folded(line, int((across - 2 * _MARGIN) // _SMALL))]
    parts = [f" Q q 1 0 0 1 {left} {bottom} cm {turn} {names['G']} gs 0.6 0.1 0.1 rg BT"]
    mark = f"仅限 {annotation.recipient} 使用"
    size = min(_LARGE, (across - 2 * _MARGIN) / len(mark))
    begin = (across - len(mark) * size * 0.9) / 2
    parts.append(f"{names['C']} {size:.2f} Tf 0.9 0.26 -0.26 0.9 {begin:.1f} {up * 0.4:.1f} Tm <{_utf16(mark)}> Tj")
    rows = [(names["L"], _latin(line)) for line in reversed(annotation.latin())]
    rows += [(names["C"], f"<{_utf16(line)}>") for line in reversed(lines)]
    for number, (font, shown) in enumerate(rows):
        parts.append(f"{font} {_SMALL} Tf 1 0 0 1 {_MARGIN} {_MARGIN + number * (_SMALL + 2)} Tm {shown} Tj")
    return "\n".join([*parts, "ET Q"]).encode("ascii")


def _folded(line: str, width: int) -> list[str]:
    return [line[at : at + width] for at in range(0, len(line), max(width, 1))]


def _utf16(text: str) -> str:
    return text.encode("utf-16-be").hex()


def _latin(text: str) -> str:
    plain = text.encode("ascii", "replace").decode()
    for character in "\\()":
        plain = plain.replace(character, "\\" + character)
    return f"({plain})"


def _box(page: Any) -> tuple[float, float, float, float]:
    """Return left, bottom, width and height of what is shown of a page; A4 where it does not say."""
    found = _inherited(page, "/CropBox") or _inherited(page, "/MediaBox") or (0, 0, 595, 842)
    x0, y0, x1, y1 = (float(one) for one in found)
    return min(x0, x1), min(y0, y1), abs(x1 - x0), abs(y1 - y0)


def _inherited(page: Any, name: str) -> Any:
    for _ in range(32):  # a tree of pages that goes round in circles is no reason to wait
        if name in page:
            return page[name]
        if "/Parent" not in page:
            return None
        page = page["/Parent"]
    return None


def _fonts(writer: IncrementalPdfFileWriter) -> dict[str, Any]:
    """Return the fonts and the transparency of the annotation, each stored once."""
    descriptor = {
        "/Type": "/FontDescriptor", "/FontName": "/STSong-Light", "/Flags": 6, "/FontBBox": [-25, -254, 1000, 880], "/ItalicAngle": 0,
        "/Ascent": 880, "/Descent": -120, "/CapHeight": 880, "/StemV": 93,
    }  # fmt: skip
    descendant = {
        "/Type": "/Font", "/Subtype": "/CIDFontType0", "/BaseFont": "/STSong-Light", "/DW": 1000,
        "/CIDSystemInfo": {"/Registry": "Adobe", "/Ordering": "GB1", "/Supplement": 4},
        "/FontDescriptor": writer.add_object(_made(descriptor)),
    }  # fmt: skip
    chinese = {
        "/Type": "/Font", "/Subtype": "/Type0", "/BaseFont": "/STSong-Light", "/Encoding": "/UniGB-UTF16-H",
        "/DescendantFonts": [writer.add_object(_made(descendant))],
    }  # fmt: skip
    latin = {"/Type": "/Font", "/Subtype": "/Type1", "/BaseFont": "/Helvetica"}
    faint = {"/Type": "/ExtGState", "/ca": 0.45}
    return {name: writer.add_object(_made(one)) for name, one in (("C", chinese), ("L", latin), ("G", faint))}


def _resources(names: dict[str, str], fonts: dict[str, Any]) -> Any:
    return _made({"/Font": {names[one]: fonts[one] for one in ("C", "L")}, "/ExtGState": {names["G"]: fonts["G"]}})


def _note(box: tuple[float, float, float, float], annotation: Annotation) -> Any:
    left, bottom, _, height = box
    corner = [left + _MARGIN, bottom + height - 32, left + _MARGIN + 20, bottom + height - _MARGIN]
    words = "\n".join(annotation.chinese() + annotation.latin())
    return _made({"/Type": "/Annot", "/Subtype": "/Text", "/F": 4 | 64, "/Rect": corner, "/Contents": words})


def _made(value: Any) -> Any:
    """Return a PDF object of a plain value: texts that begin with a slash are names, others strings; PDF objects stay as they are."""
    if isinstance(value, _pdf.PdfObject):
        return value
    if isinstance(value, dict):
        return _pdf.DictionaryObject({_pdf.NameObject(name): _made(one) for name, one in value.items()})
    if isinstance(value, list):
        return _pdf.ArrayObject([_made(one) for one in value])
    if isinstance(value, str):
        return _pdf.NameObject(value) if value.startswith("/") else _pdf.pdf_string(value)
    return _pdf.NumberObject(value) if isinstance(value, int) else _pdf.FloatObject(value)
