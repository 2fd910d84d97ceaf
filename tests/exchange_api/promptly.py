"""What must be known within a second: waited for so that a machine that answers slowly is not taken for a hub that hears late."""

import time
from collections.abc import Callable
from typing import TypeVar

Told = TypeVar("Told")
SECOND = 1.0
FEW = 100
"""Answers that a machine with nothing else to do gives in less than a second."""


def within_a_second(ask: Callable[[], Told], is_known: Callable[[Told], bool]) -> Told:
    """Ask until it is known, and return what was told then: within a second, or within FEW answers where a second is too short for so many."""
    deadline, asked = time.monotonic() + SECOND, 0
    while not is_known(told := ask()):
        asked += 1
        assert time.monotonic() < deadline or asked < FEW, f"not known within a second: {told}"
    return told
