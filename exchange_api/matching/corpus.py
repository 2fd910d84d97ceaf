"""Why: ten thousand resources are searched while somebody types. The directory's names, made ready once for comparing: each different name once, as numbers
of its features, and for each feature the names and resources that have it. Built by `engine`, read by `likeness` and `relevance`.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import log
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catalog.search.pinyin import distinct
from exchange_api.matching import kinds
from exchange_api.matching.found import Candidate
from exchange_api.matching.sounds import Sounds
from exchange_api.matching.words import canonical, features, folded

Ints = NDArray[np.int64]
Numbers = NDArray[np.int32]
Floats = NDArray[np.float32]
_SINGLE = 0.35  # a single character says a third of what a pair says
_EVERYWHERE = 0.6  # an item of so many resources is one of the platform's own (更新周期), not of the department's
_NAMELESS = re.compile("信息|名单|公示|（.*?）|奖励|登记|情况|目录")
_RAREST = 4.36  # what a feature weighs that one resource has, however many there are
_LONGEST, _LONGEST_NAME = 2_000, 200  # characters of a text and of a name that are read
_AT_ONCE = 250_000  # pairs that are sorted together
_SMALL = 5  # so few resources do not tell what is everywhere


class Lists:
    """Lists of numbers side by side in one array: `values[starts[n]:starts[n + 1]]` is list n."""

    def __init__(self, values: Any, sizes: Any) -> None:
        self.values: Numbers = np.asarray(values, np.int32)
        self.starts: Ints = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)]).astype(np.int64)

    @classmethod
    def made(cls, lists: Iterable[Sequence[int]]) -> "Lists":
        """Return lists from Python's own."""
        found = list(lists)
        return cls([n for one in found for n in one], [len(one) for one in found])

    @classmethod
    def paired(cls, owners: Any, values: Any, count: int) -> "Lists":
        """Return `count` lists from pairs of owner and value in any order, each pair once. Some owners at a time, so that sorting takes little memory."""
        width, found, sizes = int(values.max(initial=0)) + 1, [np.zeros(0, np.int32)], np.zeros(count, np.int32)
        step = max(1, _AT_ONCE * count // max(len(owners), 1))
        for begin in range(0, count, step):
            is_now = (owners >= begin) & (owners < begin + step) if step < count else slice(None)
            pairs = distinct((owners[is_now] - begin).astype(np.int64) * width + values[is_now])
            found.append((pairs % width).astype(np.int32))
            there = np.bincount(pairs // width)
            sizes[begin : begin + len(there)] = there
        return cls(np.concatenate(found), sizes)

    def of(self, numbers: Any) -> tuple[Numbers, Ints]:
        """Return the lists of these numbers one after another, and the size of each."""
        sizes = self.starts[numbers + 1] - self.starts[numbers]
        begins = np.cumsum(sizes) - sizes
        places = np.arange(int(sizes.sum())) + np.repeat(self.starts[numbers] - begins, sizes)
        return self.values[places], sizes

    def sums(self, weights: Floats) -> Floats:
        """Return, list by list, what its values weigh together."""
        return np.bincount(self.owner, weights[self.values], len(self.starts) - 1).astype(np.float32)

    @property
    def owner(self) -> Numbers:
        """Return for each value the number of its list."""
        return np.repeat(np.arange(len(self.starts) - 1, dtype=np.int32), np.diff(self.starts))

    def turned(self, count: int) -> "Lists":
        """Return, for each of `count` values, the numbers of the lists that hold it."""
        return Lists.paired(self.values, self.owner, count)


@dataclass(frozen=True)
class Names:
    """Every different name of an item. texts: canonical; having: by feature the names that have it; in_resources: by name the resources that have it;
    weight: of all its features; kind: by `kinds.numbers`; platform: the platform's own item.
    """

    texts: NDArray[np.str_]
    features: Lists
    having: Lists
    in_resources: Lists
    weight: Floats
    kind: NDArray[np.int16]
    platform: NDArray[np.bool_]


@dataclass(frozen=True)
class Resources:
    """Every resource. named, telling, holding, departments: features of its name, of its name's telling part, of its own items, of its department; the
    `…_having` turned; person, entity: whom its records are about.
    """

    named: Lists
    telling: Lists
    named_having: Lists
    holding_having: Lists
    department_having: Lists
    named_weight: Floats
    telling_weight: Floats
    holding_weight: Floats
    person: NDArray[np.bool_]
    entity: NDArray[np.bool_]
    begins: Ints


class Corpus:
    """The directory ready to be searched; of endless names only the beginning is read. A row is one name of one item; rows stand by resource."""

    def __init__(self, known: Sequence[Candidate]) -> None:
        place = {version: n for n, version in enumerate(dict.fromkeys(one.version_id for one in known))}
        self.known: Sequence[Candidate] = sorted(known, key=lambda one: place[one.version_id])
        self.count = len(place)
        self._number: dict[str, int] = {}
        written, many = list[str](), list[int]()
        for one in self.known:
            names = _names_of(one)
            written += names
            many.append(len(names))
        self.row_item = np.repeat(np.arange(len(self.known), dtype=np.int32), many)
        resource = np.array([place[one.version_id] for one in self.known], np.int32)
        self.row_resource = resource[self.row_item]
        first = np.searchsorted(resource, np.arange(self.count))
        ones = [self.known[n] for n in first]
        named = self._lists(one.resource_name for one in ones)
        about = self._lists(one.context for one in ones)
        self.row_name, self.names = self._names(written)
        own = ~self.names.platform[self.row_name]
        said = self._joined([(self.row_resource[own], self.row_name[own])], [named, about])
        self.weights = self._weighed(said)
        self.names = replace(self.names, weight=self.names.features.sums(self.weights))
        self.resources = self._resources(ones, named, about, own)

    def numbers_of(self, found: Iterable[str]) -> Ints:
        """Return the numbers of those features that occur in the directory."""
        return np.array(sorted(self._number[one] for one in found if one in self._number), np.int64)

    def weight_of(self, found: Iterable[str]) -> float:
        """Return what these features weigh together; one that nobody uses weighs most."""
        rare, known = _RAREST, self._number
        return sum(
            float(self.weights[known[one]]) if one in known else rare * (1 if len(one) > 1 else _SINGLE)
            for one in found
        )

    def numbers_of_resources(self, found: Iterable[str]) -> list[int]:
        """Return the numbers of those resources that the directory has."""
        return sorted(self._places[one] for one in found if one in self._places)

    def complete(self) -> "Corpus":
        """Return it with everything worked out that is otherwise worked out when it is asked for first."""
        for name in ("versions", "_places", "is_pair", "named", "sounds"):
            getattr(self, name)
        return self

    @cached_property
    def versions(self) -> list[tuple[str, str]]:
        """Return each resource's version and department."""
        ones = (self.known[self.row_item[row]] for row in self.resources.begins.tolist())
        return [(one.version_id, one.department_id) for one in ones]

    @cached_property
    def _places(self) -> dict[str, int]:
        return {self.known[self.row_item[row]].resource_id: n for n, row in enumerate(self.resources.begins.tolist())}

    @cached_property
    def is_pair(self) -> NDArray[np.bool_]:
        """Tell of each feature whether it is a pair of characters."""
        return np.array([len(one) > 1 for one in self._number], np.bool_)

    @cached_property
    def named(self) -> frozenset[str]:
        """Return every canonical name of an item."""
        return frozenset(self.names.texts.tolist())

    @cached_property
    def sounds(self) -> Sounds:
        """Return how the items' names are spoken."""
        return Sounds([folded(one[:_LONGEST_NAME]) for one in self._written], np.diff(self.names.in_resources.starts))

    def _lists(self, texts: Iterable[str]) -> Lists:
        return Lists.made(
            sorted(self._number.setdefault(one, len(self._number)) for one in features(text[:_LONGEST])) if text else []
            for text in texts
        )

    def _names(self, written: list[str]) -> tuple[Numbers, Names]:
        place = {name: n for n, name in enumerate(dict.fromkeys(written))}
        lists, self._written = self._lists(place), list(place)
        kind = np.array([kinds.numbers()[kinds.kind_of_offered(name[:_LONGEST_NAME])] for name in place], np.int16)
        row_name = np.array([place[name] for name in written], np.int32)
        inside = Lists.paired(row_name, self.row_resource, len(place))
        spread = np.diff(inside.starts)
        platform = (spread >= _EVERYWHERE * self.count) & ~_identifies(kind) & (self.count >= _SMALL)
        texts = np.array([canonical(name[:_LONGEST_NAME])[:_LONGEST_NAME] for name in place], np.str_)
        weight = np.zeros(len(place), np.float32)
        return row_name, Names(texts, lists, lists.turned(len(self._number)), inside, weight, kind, platform)

    def _joined(self, rows: list[tuple[Numbers, Numbers]], more: list[Lists]) -> Lists:
        """Return, by resource, the features of these rows' names and of further lists by resource."""
        owners, values = [one.owner for one in more], [one.values for one in more]
        for resource, name in rows:
            found, sizes = self.names.features.of(name)
            owners.append(np.repeat(resource.astype(np.int32), sizes))
            values.append(found)
        return Lists.paired(np.concatenate(owners), np.concatenate(values), self.count)

    def _weighed(self, said: Lists) -> Floats:
        """Return each feature's weight: the fewer resources say it, the more it tells (inverse document frequency)."""
        spread = np.bincount(said.values, minlength=len(self._number))
        rarity = np.log(1 + self.count / (1 + spread)) * (_RAREST / log(1 + max(self.count, 1)))
        return (rarity * np.where(self.is_pair, 1.0, _SINGLE)).astype(np.float32)

    def _resources(self, ones: list[Candidate], named: Lists, about: Lists, own: NDArray[np.bool_]) -> Resources:
        size, pairs = len(self._number), np.where(self.is_pair, self.weights, 0).astype(np.float32)
        telling = Lists.made(self._telling(one) for one in ones)
        departments = Lists.made(
            self.numbers_of(features(one.department_name[:_LONGEST_NAME])).tolist() for one in ones
        )
        kind = self.names.kind[self.row_name]
        tells = own & ~_identifies(kind)
        holding = self._joined([(self.row_resource[tells], self.row_name[tells])], [named, about])
        person, entity = (
            np.bincount(self.row_resource[np.isin(kind, [kinds.numbers()[k] for k in which])], minlength=self.count) > 0
            for which in (("citizen_id", "party_id"), ("uscc", "entity_name", "party_name", "party_id"))
        )
        return Resources(
            named, telling, named.turned(size), holding.turned(size), departments.turned(size), named.sums(pairs),
            telling.sums(self.weights), holding.sums(pairs), person, entity, np.searchsorted(self.row_resource, np.arange(self.count)),
        )  # fmt: skip

    def _telling(self, one: Candidate) -> list[int]:
        found = [f for f in features(_NAMELESS.sub("", one.resource_name[:_LONGEST_NAME])) if len(f) > 1]
        numbers: list[int] = self.numbers_of(found or features(one.resource_name[:_LONGEST_NAME])).tolist()
        return numbers


def _identifies(kind: NDArray[np.int16]) -> NDArray[np.bool_]:
    return np.isin(kind, [kinds.numbers()[one] for one in kinds.identity()])


def _names_of(one: Candidate) -> list[str]:
    if not one.synonyms and not one.element_name:
        return [one.item_name]
    return list(dict.fromkeys([one.item_name, *([one.element_name] if one.element_name else []), *one.synonyms]))
