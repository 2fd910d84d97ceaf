"""An annotated copy says on every page whom it is for, for what and until when, and the sealed original stays in it byte for byte."""

from datetime import UTC, date, datetime
from io import BytesIO
from typing import Any

import pytest
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.pdf_utils.writer import PdfFileWriter, copy_into_new_writer

from libraries.certificates import copies, seals
from libraries.certificates.copies import Annotation
from schemas.errors import Terminal
from tests.libraries.certificates.papers import Sealer, paper

WORDS = Annotation(
    "01920000-0000-7000-8000-0123456789ab", "办理施工许可，核验权属（一次性）", "兴和市住房和城乡建设局", "housing.desk",
    "construction_permit", "BJ-2026-0001", datetime(2026, 3, 31, 16, 30, tzinfo=UTC), date(2026, 6, 30),
)  # fmt: skip


def pages(*boxes: tuple[int, ...], turned: int = 0) -> bytes:
    """A PDF of pages that share their resources and inherit their size, as offices' tools make them; the last one is empty."""
    new: Any = PdfFileWriter
    writer = new()
    made = copies._made
    shared = writer.add_object(made({"/Font": {}}))
    for place, box in enumerate(boxes):
        page = {"/Type": "/Page", "/MediaBox": list(box), "/Resources": shared, "/Rotate": turned}
        if place < len(boxes) - 1 or len(boxes) == 1:
            page["/Contents"] = writer.add_object(copies._pdf.StreamObject(stream_data=b"0.5 0 0 0.5 0 0 cm q BT ET"))
        writer.insert_page(made(page))
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


def drawn(content: bytes) -> list[str]:
    """The content streams of every page, joined."""
    reader: Any = PdfFileReader(BytesIO(content))
    found = []
    for place in range(int(reader.root["/Pages"]["/Count"])):
        page = reader.find_page_for_modification(place)[0].get_object()
        found.append(b"\n".join(one.get_object().data for one in page["/Contents"]).decode("latin-1"))
    return found


def hexed(text: str) -> str:
    return text.encode("utf-16-be").hex()


def test_every_page_says_it_in_chinese_and_in_latin() -> None:
    content = copies.annotate(pages((0, 0, 595, 842), (0, 0, 842, 595), (0, 0, 200, 200)), WORDS)
    for shown in drawn(content):
        shown = shown.replace(">", "").replace("\n", "")
        for word in ("办理施工许可", "BJ-2026-0001", "2026-06-30", "2026-04-01 00:30:00"):
            assert any(hexed(word)[at : at + 4] in shown for at in range(0, 8, 4))
        assert "housing.desk, service item construction_permit, case BJ-2026-0001" in shown
        assert "valid until 2026-06-30" in shown
        assert hexed("兴和市住房和城乡建设局") in shown


def test_a_wide_page_carries_each_line_whole() -> None:
    (shown,) = drawn(copies.annotate(pages((0, 0, 2000, 842)), WORDS))
    assert all(hexed(line) in shown for line in WORDS.chinese())
    assert all(copies._latin(line) in shown for line in WORDS.latin())


def test_what_the_page_drew_before_cannot_move_the_words() -> None:
    (shown,) = drawn(copies.annotate(pages((0, 0, 595, 842)), WORDS))
    before, _, after = shown.partition(" Q q 1 0 0 1 0.0 0.0 cm")
    assert before.startswith("q ")
    assert after


@pytest.mark.parametrize(
    ("turned", "matrix"), [(90, "0 1 -1 0 595.0 0 cm"), (180, "-1 0 0 -1 595.0 842.0 cm"), (270, "0 -1 1 0 0 842.0 cm")]
)
def test_on_a_turned_page_the_words_stand_upright(turned: int, matrix: str) -> None:
    (shown,) = drawn(copies.annotate(pages((0, 0, 595, 842), turned=turned), WORDS))
    assert matrix in shown


def test_the_first_page_carries_a_note_in_unicode_for_readers_without_the_font() -> None:
    reader: Any = PdfFileReader(BytesIO(copies.annotate(paper(), WORDS)))
    page = reader.find_page_for_modification(0)[0].get_object()
    (note,) = page["/Annots"]
    assert str(note.get_object()["/Contents"]).split("\n") == [*WORDS.chinese(), *WORDS.latin()]


def test_the_sealed_original_stays_in_the_copy_byte_for_byte(office: Sealer) -> None:
    sealed = office.seal(paper())
    copy = copies.annotate(sealed, WORDS)
    assert copy.startswith(sealed)
    (seal,) = seals.check(copy).signatures
    assert seal.altered
    assert seals.check(copy[: len(sealed)]).seal == "intact"


def test_a_copy_of_a_certificate_of_the_city_is_readable_again() -> None:
    once = copies.annotate(paper(), WORDS)
    other = Annotation(**{**vars(WORDS), "copy_id": "01920000-0000-7000-8000-ffffffffffff"})
    assert len(drawn(copies.annotate(once, other))) == 1


def test_of_a_file_that_cannot_be_opened_no_copy_is_made() -> None:
    writer: Any = copy_into_new_writer(PdfFileReader(BytesIO(paper())))
    writer.encrypt(owner_pass="secret")
    locked = BytesIO()
    writer.write(locked)
    for content in (b"%PDF-1.4 nothing", b"", b"PK\x03\x04", locked.getvalue()):
        with pytest.raises(Terminal) as caught:
            copies.annotate(content, WORDS)
        assert caught.value.code == "certificate.copy_unfit"
