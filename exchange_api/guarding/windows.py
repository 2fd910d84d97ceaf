"""Why: enumeration shows only in what is asked for, and evidence knows no more than keyed hashes, among which there are no neighbours. So a worker keeps the
last plain keys of each application in its memory, sorted, and nowhere else: nothing of it is stored, logged or told. Called by `guard`.
"""

import re
from bisect import bisect_left, insort
from collections import OrderedDict, deque
from datetime import date

MOST = 2_000
"""Look-ups that a window holds at most: older ones are forgotten sooner."""
WINDOWS = 64
STEP = 3
_CITIZEN = re.compile(r"(\d{6})(\d{4})(\d{2})(\d{2})(\d{3})[\dXx]")
_NOWHERE = (None, None)
_DAYS = 4_000_000
"""More than the days of ten thousand years."""


class Runs:
    """Numbers, sorted, of which one may ask how long a row of neighbours it stands in."""

    __slots__ = ("_numbers",)

    def __init__(self) -> None:
        self._numbers: list[int] = []

    def add(self, number: int) -> None:
        """Put a number in."""
        insort(self._numbers, number)

    def discard(self, number: int) -> None:
        """Take one out."""
        place = bisect_left(self._numbers, number)
        if place < len(self._numbers) and self._numbers[place] == number:
            del self._numbers[place]

    def around(self, number: int) -> int:
        """Return how many numbers stand in the row through this one, each at most STEP from the next."""
        numbers = self._numbers
        here = bisect_left(numbers, number)
        first, last = here, here
        while first > 0 and numbers[first] - numbers[first - 1] <= STEP:
            first -= 1
        while last + 1 < len(numbers) and numbers[last + 1] - numbers[last] <= STEP:
            last += 1
        return last - first + 1


class Window:
    """What one application looked up lately in one library."""

    __slots__ = ("_days", "_events", "_order", "_places", "_seconds", "counts", "unknown")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._events: deque[tuple[float, str]] = deque()
        self._places: dict[str, tuple[int | None, int | None]] = {}
        self._order, self._days = Runs(), Runs()
        self.counts: dict[str, int] = {}
        self.unknown: set[str] = set()

    def add(self, now: float, subject: str, *, is_known: bool) -> None:
        """Note one look-up; `now` in seconds of any clock that only goes forward."""
        while self._events and (self._events[0][0] <= now - self._seconds or len(self._events) >= MOST):
            self._forget(self._events.popleft()[1])
        self._events.append((now, subject))
        times = self.counts[subject] = self.counts.get(subject, 0) + 1
        if not is_known:
            self.unknown.add(subject)
        if times == 1:
            in_order, in_days = self._places[subject] = places(subject)
            if in_order is not None:
                self._order.add(in_order)
            if in_days is not None:
                self._days.add(in_days)

    def run(self, subject: str) -> int:
        """Return how many different keys in a row stand around this one."""
        number = self._places.get(subject, _NOWHERE)[0]
        return 0 if number is None else self._order.around(number)

    def day_run(self, subject: str) -> int:
        """Return how many birth days in a row were asked for with this place and number."""
        number = self._places.get(subject, _NOWHERE)[1]
        return 0 if number is None else self._days.around(number)

    @property
    def unknown_share(self) -> float:
        """Return how much of the different keys asked for is unknown."""
        return len(self.unknown) / max(1, len(self.counts))

    def _forget(self, subject: str) -> None:
        times = self.counts[subject] - 1
        if times:
            self.counts[subject] = times
            return
        del self.counts[subject]
        self.unknown.discard(subject)
        in_order, in_days = self._places.pop(subject, _NOWHERE)
        if in_order is not None:
            self._order.discard(in_order)
        if in_days is not None:
            self._days.discard(in_days)


class Windows:
    """The windows of one worker, by application and library; the longest unused are forgotten."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._held: OrderedDict[tuple[str, str], Window] = OrderedDict()

    def of(self, application_id: str, library: str) -> Window:
        """Return the window of an application in a library."""
        key = application_id, library
        found = self._held.get(key)
        if found is None:
            if len(self._held) >= WINDOWS:
                self._held.popitem(last=False)
            found = self._held[key] = Window(self._seconds)
        self._held.move_to_end(key)
        return found

    def clear(self, application_id: str, library: str) -> None:
        """Begin anew, after something was done about it."""
        self._held.pop((application_id, library), None)


def places(subject: str) -> tuple[int | None, int | None]:
    """Return where a key stands among its neighbours, and where among those with the same place and number on other birth days; check digits apart."""
    if citizen := _CITIZEN.fullmatch(subject):
        area, year, month, day, number = citizen.groups()
        try:
            born = date(int(year), int(month), int(day)).toordinal()
        except ValueError:
            return None, None
        return int(subject[:17]), int(area + number) * _DAYS + born
    if not (subject.isascii() and subject.isalnum()) or len(subject) > 40:
        return None, None
    # GB 32100: the last letter checks all, the one before checks the organisation code
    return int(subject[:16] if len(subject) == 18 else subject, 36), None
