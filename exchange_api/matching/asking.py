"""Why: a demander writes wishes, not item names. Each wanted item is taken apart into single wishes, each with its features, its kind and its topic, and the
whole demand into the words by which resources are judged. Only `engine` calls it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from exchange_api.matching import kinds
from exchange_api.matching.corpus import Corpus, Floats, Ints
from exchange_api.matching.found import Wanted
from exchange_api.matching.words import canonical, features, folded, parts, topic, vocabulary

# what words of the service item, of identifying wishes and of notes weigh beside those of purpose and telling wishes
_SERVICE, _IDENTITY, _NOTE = 0.5, 0.6, 0.3
_REGISTER = 0.7
_LONGEST, _LONGEST_NAME, _PARTS = (
    2_000,
    200,
    8,
)  # characters of a purpose and of a name that are read; wishes in one wanted item
_CERTIFICATE_OR_ID = re.compile("(身份)?证件号码?")


@dataclass(frozen=True)
class Wish:
    """One single wish: which wanted item it belongs to, its text, features (numbers, those the directory has), what all of them weigh, kind and topic;
    whether it only identifies the subject: 地址 does, 户籍地址 does not where an item has just that name.
    """

    item: int
    text: str
    canonical: str
    features: Ints
    weight: float
    kind: str
    topic: tuple[str, ...]
    is_identity: bool
    heard: str = ""


@dataclass(frozen=True)
class Asked:
    """A demand as compared. context: the weight of each of the directory's features in purpose, service item and wishes."""

    wishes: tuple[Wish, ...]
    context: Floats
    of_person: bool
    of_entity: bool


def ask(corpus: Corpus, wanted: Sequence[Wanted], purpose: str, service_item: str = "") -> Asked:
    """Return a demand ready to be compared with the directory."""
    texts = [(n, part) for n, item in enumerate(wanted) for part in parts(item.name[:_LONGEST_NAME])[:_PARTS]]
    known = [kinds.kind_of(text) for _, text in texts]
    wishes = tuple(_wish(corpus, n, _plainly(text, known)) for n, text in texts)
    of = {wish.kind for wish in wishes}
    person, entity = of & {"citizen_id", "person_name"}, of & {"uscc", "entity_name", "party_name"}
    said = [
        (purpose, 1.0),
        (service_item, _SERVICE),
        *((item.note[:_LONGEST_NAME], _NOTE) for item in wanted if item.note),
    ]
    return Asked(wishes, _context(corpus, wishes, said), bool(person), bool(entity))


def _plainly(text: str, known: list[str]) -> str:
    """Return what a short word means beside the others: 证件号码 of a person is the citizen id, 代码 of an entity its credit code."""
    is_person = bool({"person_name", "legal_rep"} & set(known)) and "citizen_id" not in known
    if is_person and _CERTIFICATE_OR_ID.fullmatch(text):
        return "身份证号"
    if text == "代码" and "entity_name" in known and "uscc" not in known:
        return "统一社会信用代码"
    return text


def _wish(corpus: Corpus, item: int, written: str) -> Wish:
    meant = None if canonical(written) in corpus.named else corpus.sounds.meant(folded(written))
    text = meant or written
    found, plain, kind, about = features(text), canonical(text), kinds.kind_of(text), tuple(sorted(topic(text)))
    is_own = bool(about) and plain in corpus.named
    return Wish(
        item, text, plain, corpus.numbers_of(found), corpus.weight_of(found) or 1.0, kind, about, kind in kinds.identity() and not is_own,
        written if meant else "",
    )  # fmt: skip


def _context(corpus: Corpus, wishes: Sequence[Wish], said: Sequence[tuple[str, float]]) -> Floats:
    texts = [(text[:_LONGEST], weight) for text, weight in said]
    texts += [(wish.text, _IDENTITY if wish.is_identity else 1.0) for wish in wishes]
    whole = " ".join(text for text, _ in texts)
    texts += [(words, weight * _REGISTER) for spoken, words, weight in _registers() if spoken.search(whole)]
    context = np.zeros(len(corpus.weights), np.float32)
    for text, weight in texts:
        numbers = corpus.numbers_of(features(text))
        context[numbers] = np.maximum(context[numbers], weight)
    return context


@cache
def _registers() -> list[tuple[re.Pattern[str], str, float]]:
    return [(re.compile(spoken), words, weight) for spoken, words, weight in vocabulary()["registers"]]
