"""Why: people type names in any width, case and script; what of that is only spelling is folded here, for what is catalogued and what is asked alike.
Called by the other modules of `catalog.search`.
"""

import re
import unicodedata
from dataclasses import dataclass

ASKED_LIMIT = 200  # characters of a question that are read
PIECE_LIMIT = 12  # words of a question that are read
# scripts written without spaces: Han, kana, hangul; each is compared by character pairs
HAN_RANGES = (
    (0x3007, 0x3007), (0x3040, 0x30FF), (0x3400, 0x9FFF), (0xAC00, 0xD7AF), (0xF900, 0xFAFF), (0x20000, 0x323AF),
)  # fmt: skip
_HAN = "".join(f"{chr(first)}-{chr(last)}" for first, last in HAN_RANGES)
_PIECES = re.compile(rf"[{_HAN}]+|[^\W_{_HAN}]+")
_LATIN = re.compile(rf"[^\W_{_HAN}]+")
_NOISE = re.compile(r"[\W_]+")
# words of a question that name nothing: "我要找婚姻登记的数据" asks for 婚姻登记, 数据
_ASIDE = re.compile(r"^(?:请问|我想|我要|想要|需要|查找|寻找|查询|搜索|找)+|(?:的|吗|呢|有哪些|有没有|在哪里|哪里有)")
_GENERAL = {"数据", "信息", "资料", "资源", "目录", "情况"}  # say nothing beside another word


@dataclass(frozen=True)
class Piece:
    """One word of a question: a run of Han characters, or of letters and digits."""

    text: str
    is_han: bool


def folded(text: str) -> str:
    """Return a text in one width, case and form (NFKC, lower case)."""
    return unicodedata.normalize("NFKC", text).lower()


def squeezed(folded_text: str) -> str:
    """Return a folded text without spaces and punctuation."""
    return _NOISE.sub("", folded_text)


def latin_words(folded_text: str) -> set[str]:
    """Return the runs of letters and digits that are not Han."""
    return set(_LATIN.findall(folded_text))


def pieces(asked: str) -> list[Piece]:
    """Return the words of a question; empty when it holds nothing but punctuation. Of a huge one only the beginning is read."""
    text = folded(asked[:ASKED_LIMIT])[: 2 * ASKED_LIMIT]
    plain = _ASIDE.sub(" ", text)
    runs = _PIECES.findall(plain) or _PIECES.findall(text)
    found = [Piece(one, _is_han(one[0])) for one in runs if one not in _GENERAL] or [Piece(one, True) for one in runs]
    return list(dict.fromkeys(found))[:PIECE_LIMIT]


def _is_han(character: str) -> bool:
    return any(first <= ord(character) <= last for first, last in HAN_RANGES)
