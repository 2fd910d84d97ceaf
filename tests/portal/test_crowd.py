"""Many officers at once: each gets his page, none an error, whatever waits for what."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

CROWD = 60  # more than a worker has threads


def test_a_crowd_that_clicks_at_the_same_moment_gets_its_pages(city: Any) -> None:
    visitor, together = city.signed_in("qiming"), Barrier(CROWD)
    cookies = dict(visitor.cookies)

    def click(number: int) -> int:
        one = city.browser()
        one.cookies.update(cookies)
        together.wait()
        return int(one.get(f"{city.address}/portal{('/', '/demands', '/grants')[number % 3]}", timeout=60).status_code)

    with ThreadPoolExecutor(CROWD) as officers:
        assert set(officers.map(click, range(CROWD))) == {200}
