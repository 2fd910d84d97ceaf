"""Why: two departments name one thing differently. What of that is only spelling is folded here, before anything is compared.
Only the matching room calls it.
"""

import re
import unicodedata
from functools import lru_cache

_NOISE = re.compile(r"[\s\W_]+")
_BRACKETS = re.compile(r"[（(【\[][^）)】\]]*[）)】\]]")
# words that name no datum of their own: "本人的姓名信息" wants what "姓名" wants
_EMPTY = (
    "申请人的",
    "申请人",
    "当事人",
    "居民的",
    "居民",
    "本人的",
    "本人",
    "个人的",
    "家庭成员",
    "企业的",
    "单位的",
    "的",
    "信息",
    "数据",
    "情况",
    "证明",
    "资料",
)


@lru_cache(maxsize=65536)
def folded(name: str) -> str:
    """Return a name without case, width, punctuation and bracketed remarks (NFKC)."""
    plain = unicodedata.normalize("NFKC", name)
    without = _BRACKETS.sub("", plain)
    return _NOISE.sub("", without or plain).lower()


@lru_cache(maxsize=65536)
def core(name: str) -> str:
    """Return a folded name without words that name no datum; never empty when the name is not."""
    rest = folded(name)
    for word in _EMPTY:
        shorter = rest.replace(word, "")
        rest = shorter or rest
    return rest


@lru_cache(maxsize=65536)
def grams(name: str) -> frozenset[str]:
    """Return the character pairs of a name's core, its ends marked, so that short names still compare."""
    text = f"^{core(name)}$"
    return frozenset(text[i : i + 2] for i in range(len(text) - 1))


@lru_cache(maxsize=16384)
def pairs(text: str) -> frozenset[str]:
    """Return the character pairs of a longer text (purpose, abstract), without marked ends."""
    plain = folded(text)
    return frozenset(plain[i : i + 2] for i in range(len(plain) - 1))
