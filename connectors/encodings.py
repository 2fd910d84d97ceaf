"""Why: departments deliver text as UTF-8 with and without a byte order mark and as GB18030, mostly without saying so; guessing by sample would turn a
late character into rubbish, so the whole file is held against each encoding strictly. Text formats of this storey come here.
"""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from schemas.errors import Terminal, Transient

CHUNK = 1 << 20
_IDEOGRAPH = re.compile("[\u0800-\U0010ffff]")  # whatever takes three bytes or more in UTF-8
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


@dataclass(frozen=True)
class Trial:
    """How a file fared under a codec: the byte offset of its first error (-1: none), whether only its end is cut off, which characters it holds."""

    offset: int
    truncated: bool = False
    has_ideographs: bool = False
    is_ascii: bool = True


def detect(path: Path, name: str, declared: str | None = None) -> str:
    """Return the codec of a file: as declared, else by its byte order mark, else strict UTF-8, else GB18030 (GB 18030-2022).

    A few GB18030 characters may pass for UTF-8 (末 is ĩ): text whose only characters beyond ASCII are of two bytes is taken as GB18030 when that fits.
    Raises Transient files.incomplete when it ends inside a character, Terminal files.encoding when no encoding fits or it is UTF-8 declared otherwise.
    """
    try:
        candidates = [codecs.lookup(declared).name] if declared else _candidates(path)
    except LookupError:
        raise Terminal("files.encoding", file=name, tried=declared, offset=0) from None
    trial = Trial(0)
    for codec in candidates:
        trial = _try(path, codec)
        if trial.truncated:
            raise Transient("files.incomplete", file=name, reason="it ends inside a character")
        if trial.offset < 0:
            if declared:
                _require_not_utf8(path, name, codec)
            doubtful = len(candidates) > 1 and codec == "utf-8" and not trial.is_ascii and not trial.has_ideographs
            return "gb18030" if doubtful and _try(path, "gb18030").offset < 0 else codec
    raise Terminal("files.encoding", file=name, tried=", ".join(candidates), offset=trial.offset)


def _require_not_utf8(path: Path, name: str, codec: str) -> None:
    """Refuse UTF-8 that was declared as something else: GB18030 makes characters of almost any bytes, and 张 would come in as 寮."""
    if codec.startswith("utf-8"):
        return
    found = _try(path, "utf-8")
    if found.offset < 0 and found.has_ideographs:
        raise Terminal("files.encoding", file=name, tried=codec, offset=0)


def _candidates(path: Path) -> list[str]:
    with path.open("rb") as file:
        start = file.read(4)
    marked = [codec for mark, codec in _MARKS if start.startswith(mark)]
    return marked or ["utf-8", "gb18030"]


def _try(path: Path, codec: str) -> Trial:
    decoder = codecs.getincrementaldecoder(codec)("strict")
    position, ideographs, ascii = 0, False, True
    try:
        for chunk in _chunks(path):
            if not (chunk.isascii() and decoder.getstate()[0] == b"" and codec in ("utf-8", "gb18030")):
                ascii = False
                text = decoder.decode(chunk)
                ideographs = ideographs or _IDEOGRAPH.search(text) is not None
            position += len(chunk)
    except UnicodeDecodeError as error:
        return Trial(position + error.start)
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return Trial(position, truncated=True)
    return Trial(-1, has_ideographs=ideographs, is_ascii=ascii)


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk
