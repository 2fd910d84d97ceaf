"""Why: a date never answers for an amount, however alike the names. What kind of datum a name stands for, and how far one kind answers for another.
Only the matching room calls it; the kinds are in `vocabulary.yml`.
"""

import re
import unicodedata
from functools import cache

import numpy as np
from numpy.typing import NDArray

from exchange_api.matching.words import canonical, core, kept, vocabulary

EXISTENCE, UNKNOWN = "existence", "none"
_BOTH = re.compile("身份证号?或|或统一社会信用")
_REMARK = re.compile(r"\([^)]{0,100}\)")


@kept
def kind_of(name: str) -> str:
    """Return the kind of datum that a name stands for, UNKNOWN when it does not tell."""
    plain = re.sub(r"\s", "", unicodedata.normalize("NFKC", name)).lower()
    if _BOTH.search(plain):
        return "party_id"
    if _kinds()["uscc"].search(plain):
        return "uscc"
    found = _first(_REMARK.sub("", plain) or plain)
    if found == EXISTENCE and (of := _first(core(name))) in identity():
        return of  # 本人的姓名信息 wants a name, not to know whether there is one
    return _first(canonical(name)) if found == UNKNOWN else found


def kind_of_offered(name: str) -> str:
    """Return the kind of a catalogued item: what tells of a situation is a result, never a question."""
    kind = kind_of(name)
    return "result" if kind == EXISTENCE else kind


@cache
def numbers() -> dict[str, int]:
    """Return every kind's number, as `answers` counts them."""
    return {kind: n for n, kind in enumerate([*_kinds(), "party_id", UNKNOWN])}


@cache
def identity() -> frozenset[str]:
    """Return the kinds that identify a subject and so occur everywhere."""
    return frozenset(vocabulary()["identity"])


@cache
def answers() -> NDArray[np.float32]:
    """Return how far a kind (column) answers for a wanted kind (row), 0 to 1, by `numbers`."""
    known = numbers()
    table = np.full((len(known), len(known)), 0.25, np.float32)
    table[known[UNKNOWN], :] = table[:, known[UNKNOWN]] = 0.8
    for one, other, share in vocabulary()["alike"]:
        table[known[one], known[other]] = table[known[other], known[one]] = share
    np.fill_diagonal(table, 1.0)
    return table


@cache
def telling() -> NDArray[np.float32]:
    """Return by kind how well an item answers whether something exists; what identifies a subject does not."""
    share = vocabulary()["telling"]
    table = np.array([share.get(kind, share["other"]) for kind in numbers()], np.float32)
    table[[numbers()[kind] for kind in identity()]] = 0
    return table


def _first(text: str) -> str:
    return next((kind for kind, pattern in _kinds().items() if pattern.search(text)), UNKNOWN)


@cache
def _kinds() -> dict[str, re.Pattern[str]]:
    return {kind: re.compile(pattern) for kind, pattern in vocabulary()["kinds"]}
