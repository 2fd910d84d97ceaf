"""Why: two hundred thousand items as objects cost every worker tens of megabytes and half a second. Here each field is a list of its different values and an
array that says which; an item becomes an object when it is looked at. Called by `making`; `engine` reads it as any sequence of candidates.
"""

from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from exchange_api.matching.found import Candidate

_LEFT_OUT = "context"  # read when the directory is made ready, never after
_FIELDS = tuple(one.name for one in fields(Candidate) if one.name != _LEFT_OUT)


class Packed(Sequence[Candidate]):
    """Candidates, to be read only; without the context that the corpus was made of."""

    def __init__(self, known: Sequence[Candidate]) -> None:
        self._count = len(known)
        self._values: list[list[Any]] = []
        self._which: list[NDArray[np.int32]] = []
        for name in _FIELDS:
            place: dict[Any, int] = {}
            which = (place.setdefault(getattr(one, name), len(place)) for one in known)
            self._which.append(np.fromiter(which, np.int32, len(known)))
            self._values.append(list(place))

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> Candidate: ...
    @overload
    def __getitem__(self, index: slice) -> list[Candidate]: ...
    def __getitem__(self, index: int | slice) -> Candidate | list[Candidate]:
        if isinstance(index, slice):
            return [self._at(place) for place in range(*index.indices(self._count))]
        return self._at(int(index))

    def __iter__(self) -> Iterator[Candidate]:
        return (self._at(place) for place in range(self._count))

    def _at(self, place: int) -> Candidate:
        pairs = zip(_FIELDS, self._values, self._which, strict=True)
        return Candidate(**{name: values[which[place]] for name, values, which in pairs})
