"""Why: who types quickly types what sounds alike (婚因状况), or pinyin (hunyinzhuangkuang, hyzk). A wanted name that no item bears, but that is spoken exactly
like one that an item bears, is read as that one, and the reason says so. Readings come from catalog.search.pinyin. Only `corpus` and `asking` call it.
"""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catalog.search import pinyin

_LATIN, _CHINESE = re.compile(r"[a-z]{3,32}"), re.compile(r"[\u3400-\u9fff]{2,12}")


class Sounds:
    """How the directory's names are spoken. texts: each name once; spread: in how many resources each stands."""

    def __init__(self, texts: Sequence[str], spread: NDArray[Any]) -> None:
        self._texts, self._spread = texts, spread
        written = "\0".join(texts)
        labels = np.repeat(np.arange(len(texts), dtype=np.int32), [len(text) + 1 for text in texts])[: len(written)]
        self._spellings = pinyin.spellings(np.frombuffer(written.encode("utf-32-le"), np.uint32), labels)

    def meant(self, text: str) -> str | None:
        """Return the name that sounds like a text: for Chinese and for whole syllables the most used one, for initials only if there is just one."""
        if _CHINESE.fullmatch(text):
            return self._spoken(pinyin.spelled(text)[:32], pinyin.spelled(text), len(text))
        if not _LATIN.fullmatch(text):
            return None
        return self._spoken(text, text, None) or self._begun(text)

    def _spoken(self, asked: str, whole: str, length: int | None) -> str | None:
        found = pinyin.find(self._spellings, asked)
        names = [
            n
            for n in (found[1].some.tolist() if found else ())
            if (length is None or len(self._texts[n]) == length) and pinyin.spelled(self._texts[n]) == whole
        ]
        return self._texts[max(names, key=lambda n: (int(self._spread[n]), -n))] if names else None

    def _begun(self, asked: str) -> str | None:
        found = pinyin.find(self._spellings, asked)
        names = [n for n in (found[0].whole.tolist() if found else ()) if len(self._texts[n]) == len(asked)]
        return self._texts[names[0]] if len(names) == 1 else None
