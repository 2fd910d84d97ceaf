"""Many officers at once: each gets his page, none an error, whatever waits for what."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from threading import Semaphore
from typing import Any, cast

import requests
from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from exchange_api.portal import mounting
from schemas.database import engine
from tests.portal.conftest import serving

CONNECTIONS = 20  # of one worker's pool
CROWD = 150  # so many wait for a thread that each thread which becomes free goes to one who wants a connection


class Door:
    """Lets requests in and says how many came."""

    def __init__(self, app: ASGIApp) -> None:
        self.came, self._app = Semaphore(0), app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on."""
        self.came.release()
        await self._app(scope, receive, send)


def test_a_crowd_that_finds_every_connection_taken_gets_its_pages_when_they_come_back(city: Any) -> None:
    """Who waits for a connection must not hold the thread that its holder needs: without turns none would ever get on."""
    cookies, site = dict(city.signed_in("qiming").cookies), FastAPI()
    mounting.mount(site)
    door = Door(site)

    def click(number: int) -> int:
        one = city.browser()
        one.cookies.update(cookies)
        page = ("/", "/demands", "/grants")[number % 3]
        try:
            return int(one.get(f"{address}/portal{page}", timeout=120).status_code)
        except requests.ConnectionError:
            return 0

    with serving(cast("FastAPI", door)) as address, ThreadPoolExecutor(CROWD) as officers:
        with ExitStack() as taken:
            for _ in range(CONNECTIONS):
                taken.enter_context(engine("exchange").connect())
            answers = officers.map(click, range(CROWD))
            for _ in range(CROWD):
                assert door.came.acquire(timeout=60)
        assert set(answers) == {200}
