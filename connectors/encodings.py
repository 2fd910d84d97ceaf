"""Why: departments deliver text as UTF-8 with and without a byte order mark and as GB18030, mostly without saying so; guessing by sample would turn a
late character into rubbish, so the whole file is held against each encoding strictly. Text formats of this storey come here.
"""

import codecs
from collections.abc import Iterator
from pathlib import Path

from schemas.errors import Terminal, Transient

CHUNK = 1 << 20
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


def detect(path: Path, name: str, declared: str | None = None) -> str:
    """Return the codec of a file: as declared, else by its byte order mark, else strict UTF-8, else GB18030 (GB 18030-2022).

    Raises Transient files.incomplete when it ends inside a character, Terminal files.encoding when no encoding fits.
    """
    try:
        candidates = [codecs.lookup(declared).name] if declared else _candidates(path)
    except LookupError:
        raise Terminal("files.encoding", file=name, tried=declared, offset=0) from None
    offset = 0
    for codec in candidates:
        offset, truncated = _first_error(path, codec)
        if offset < 0:
            return codec
        if truncated:
            raise Transient("files.incomplete", file=name, reason="it ends inside a character")
    raise Terminal("files.encoding", file=name, tried=", ".join(candidates), offset=offset)


def _candidates(path: Path) -> list[str]:
    with path.open("rb") as file:
        start = file.read(4)
    marked = [codec for mark, codec in _MARKS if start.startswith(mark)]
    return marked or ["utf-8", "gb18030"]


def _first_error(path: Path, codec: str) -> tuple[int, bool]:
    """Return the byte offset of the first undecodable chunk's error, -1 for none, and whether only the end of the file is cut off."""
    decoder = codecs.getincrementaldecoder(codec)("strict")
    position = 0
    for chunk in _chunks(path):
        try:
            if not (chunk.isascii() and decoder.getstate()[0] == b"" and codec in ("utf-8", "gb18030")):
                decoder.decode(chunk)
        except UnicodeDecodeError as error:
            return position + error.start, False
        position += len(chunk)
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return position, True
    return -1, False


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk
