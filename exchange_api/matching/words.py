"""Why: two departments name one thing differently. What of that is spelling or habit is folded here, before anything is compared: width and case, misread
characters, known synonyms, words that name nothing. Only the matching room calls it; the words themselves are `vocabulary.yml`.
"""

import re
import unicodedata
from collections.abc import Callable
from functools import cache, lru_cache, wraps
from importlib.resources import files
from typing import Any, TypeVar

from schemas import yaml_data

_NOISE = re.compile(r"[\s\W_]+")
# a remark in brackets, and a list in them; bounded, so that a text of nothing but brackets is read in one go
_BRACKETS = re.compile(r"[（(【\[][^）)】\]]{0,100}[）)】\]]")
_LIST_IN_BRACKETS = re.compile(r"[(（]([^)）、,，]{0,50}[、,，][^)）]{0,150})[)）]")
_AND = re.compile(r"及其|[及、与和]|(?<=.)/(?=.)")
Features = frozenset[str]
Answered = TypeVar("Answered")
_KEPT = 4096  # words of demands come again and again, names of the directory are taken apart once
_LONG = 100  # characters; what is longer is not kept, so that nobody fills the memory with texts


def kept(work: Callable[[str], Answered]) -> Callable[[str], Answered]:
    """Return a function that remembers what it said of short texts lately."""
    short = lru_cache(maxsize=_KEPT)(work)

    @wraps(work)
    def answered(text: str) -> Answered:
        return short(text) if len(text) <= _LONG else work(text)

    return answered


@cache
def vocabulary() -> dict[str, Any]:
    """Return the matcher's words as `vocabulary.yml` has them."""
    found: dict[str, Any] = yaml_data.parse(
        files("exchange_api.matching").joinpath("vocabulary.yml").read_text("utf-8")
    )
    return found


@kept
def folded(name: str) -> str:
    """Return a name without case, width, punctuation and bracketed remarks (NFKC)."""
    plain = unicodedata.normalize("NFKC", name).replace("—", "一")
    without = _BRACKETS.sub("", plain)
    return _NOISE.sub("", without).lower() or _NOISE.sub("", plain).lower()


@kept
def canonical(name: str) -> str:
    """Return a name, remarks included, in the words the hub compares by."""
    plain = _NOISE.sub("", unicodedata.normalize("NFKC", name).replace("—", "一")).lower()
    written, words = _synonyms()
    return written.sub(lambda found: words[found[0]], plain)


@kept
def core(name: str) -> str:
    """Return a canonical name without words that name no datum; never empty when the name is not."""
    whole = canonical(name)
    return _filling().sub("", whole) or whole


@kept
def features(name: str) -> Features:
    """Return what names are compared by: the character pairs of the core, and its single characters, which weigh less."""
    text = core(name)
    return frozenset(text[i : i + 2] for i in range(len(text) - 1)) | frozenset(text)


@kept
def topic(name: str) -> Features:
    """Return the character pairs of what a name is about, general words such as 日期 or 编号 left out; empty when nothing is left."""
    rest = _filling().sub(" ", _general().sub(" ", canonical(name)))
    return frozenset(word[i : i + 2] for word in rest.split() for i in range(max(1, len(word) - 1)))


@kept
def parts(name: str) -> tuple[str, ...]:
    """Return the single wishes of a composite one: 姓名及身份证号 → 姓名, 身份证号; 缴费起止时间 → its beginning and its end."""
    plain = re.sub(r"\s", "", unicodedata.normalize("NFKC", name))
    if listed := _LIST_IN_BRACKETS.search(plain):
        wishes = [part for part in re.split("[、,]", listed[1]) if part]
    else:
        bare = _BRACKETS.sub("", plain) or plain
        pieces = [part for part in _AND.split(bare) if part]
        wishes = pieces if len(pieces) > 1 and min(map(len, pieces)) >= 2 else [bare]
    split = [[w.replace("起止", "开始"), w.replace("起止", "截止")] if "起止" in w else [w] for w in wishes]
    return tuple(wish for both in split for wish in both)


@cache
def _synonyms() -> tuple[re.Pattern[str], dict[str, str]]:
    words: dict[str, str] = {}
    for word, written in vocabulary()["words"].items():
        for one in (word, *written):
            words.setdefault(one, word)
    return re.compile("|".join(map(re.escape, sorted(words, key=len, reverse=True)))), words


@cache
def _filling() -> re.Pattern[str]:
    return re.compile("|".join(vocabulary()["filling"]))


@cache
def _general() -> re.Pattern[str]:
    return re.compile("|".join(sorted(vocabulary()["general"], key=len, reverse=True)))
