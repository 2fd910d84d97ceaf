"""Why: an officer waits for pages all day. With a directory of 10,000 resources, 5,000 demands and a million evidence entries: what the server takes for every
page, what a browser takes until something is seen, what a page weighs, and what is left of it when two hundred officers click at once.

`python -m benchmarks.portal [--resources 10000] [--demands 5000] [--entries 1000000] [--officers 200]`; one JSON line per measure.
"""

import argparse
import json
import os
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import Any

import requests

from benchmarks.ground import against, measured, new_database, own_server, set_environment, stopwatch
from benchmarks.query_servers import two_workers

ROUNDS, THINKS_S, CLICKS = 40, 5.0, 6
MAPPED, STAYS_S = 2, 20.0
CASE, TASK, GRANT = "XQ-2026-000011", "GJ-2026-000011", "SQ-2026-000014"
PAGES = {
    "desk": (
        "/", "/demands", "/demands?q=第11批", "/demands?sort=-created&page=3", "/demands/new?service_item=s1", "/tasks", "/grants", "/notices",
        "/resources", "/resources?q=婚姻登记", "/resources/d3.r3", "/resources/d3.r3/changes", "/supervision/own", "/pipelines", "/verify", "/account",
    ),
    "authority": ("/", "/demands", "/demands?q=公安", f"/demands/{CASE}", f"/tasks/{TASK}", "/grants",
        f"/grants/{GRANT}", "/supervision", "/reports"),
    "steward": ("/", "/pipelines", "/quality", "/conflicts"),
    "auditor": ("/", "/trail"),
    "system_admin": ("/accounts",),
}  # fmt: skip
CLICKED = (
    "/",
    "/demands",
    "/demands?page=2",
    "/tasks",
    "/grants",
    "/resources?q=婚姻登记",
    "/resources/d3.r3",
    "/notices",
)
BARS = {
    "portal.page": {"p95_ms": 100.0, "page_kb": 500.0},
    "portal.paint": {"p95_ms": 300.0},
    "portal.crowd": {"p95_ms": 500.0},
}


def main() -> None:
    """Measure on a server of its own."""
    parser = argparse.ArgumentParser(description="The portal's pages.")
    for name, default in (("resources", 10_000), ("demands", 5_000), ("entries", 1_000_000), ("officers", 200)):
        parser.add_argument(f"--{name}", type=int, default=default)
    asked = parser.parse_args()
    with own_server() as (folder, uri):
        hub = new_database(uri, "hub").replace("postgresql://", "postgresql+psycopg://")
        set_environment(HUTONG_DATABASE_URL=hub, HUTONG_ROOT=str(folder), HUTONG_KEYS_FOLDER=str(folder / "keys"))
        cookies = measured(_build, asked.resources, asked.demands, asked.officers, asked.entries)
        with two_workers(folder) as (port, _):
            address = f"http://127.0.0.1:{port}/portal"
            _wait_until_ready(folder / "var" / "shelf")
            _pages(address, cookies)
            _paint(address, cookies)
            _crowd(address, cookies["desk"])


def _build(resources: int, demands: int, officers: int, entries: int) -> dict[str, list[str]]:
    from benchmarks.evidence import fill, sequence
    from benchmarks.portal_city import build
    from exchange_api.supervision.weekly import keep_weeks

    cookies = build(resources, demands, officers)
    fill(entries)
    sequence()
    with stopwatch("portal.scores", demands) as line:
        line["weeks"] = len(keep_weeks())
    return cookies


def _wait_until_ready(shelf: Path) -> None:
    """Wait until what all workers map to search and to match is made and stays: with a directory this large the first start ever makes it for a while,
    beside the pages.
    """
    seen, since, begun = set[tuple[str, float]](), time.monotonic(), time.monotonic()
    while len(seen) < MAPPED or time.monotonic() - since < STAYS_S:
        if time.monotonic() - begun > 180:
            raise SystemExit(f"search and matching were not ready after three minutes: {list(shelf.iterdir())}")
        time.sleep(0.5)
        found = {(one.name, one.stat().st_mtime) for one in shelf.glob("*.bin")}
        if found != seen:
            seen, since = found, time.monotonic()
    print(json.dumps({"bench": "portal.first_start", "peer": None, "seconds": round(since - begun, 1)}), flush=True)


def _pages(address: str, cookies: dict[str, list[str]]) -> None:
    """Ask for every page again and again, one after the other."""
    for role, paths in PAGES.items():
        visitor = _visitor(cookies[role][0])
        for path in paths:
            answers = [visitor.get(address + path) for _ in range(ROUNDS + 3)][3:]
            if answers[-1].status_code != 200:
                raise SystemExit(f"{role} gets {answers[-1].status_code} for {path}: {answers[-1].text[:300]}")
            times = [one.elapsed.total_seconds() * 1000 for one in answers]
            _say("portal.page", times, role=role, page=path, page_kb=_weight(address, answers[-1].text))


def _weight(address: str, html: str) -> float:
    """Return what a first visit to a page transfers: itself and its scripts and styles, compressed where the server does."""
    parts = set(re.findall(r'(?:src|href)="(/portal/static/[^"]+)"', html))
    origin = address.removesuffix("/portal")
    fetched = [
        requests.get(origin + part, headers={"accept-encoding": "gzip"}, stream=True, timeout=30).raw.read()
        for part in sorted(parts)
    ]
    return round((len(html.encode()) + sum(len(one) for one in fetched)) / 1024, 1)


def _paint(address: str, cookies: dict[str, list[str]]) -> None:
    """Open pages in a real browser and ask it when it showed something first."""
    from playwright.sync_api import sync_playwright

    chromium = Path("/usr/bin/chromium")
    if not chromium.exists():
        print("portal.paint left out: no Chromium; `make browser` installs it", flush=True)
        return
    with sync_playwright() as play:
        browser = play.chromium.launch(
            executable_path=str(chromium), args=["--no-sandbox", "--disable-gpu", "--no-proxy-server"]
        )
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        context.add_cookies([{"name": "hutong_session", "value": cookies["desk"][1], "url": address}])
        page = context.new_page()
        for path in ("/", "/demands", "/tasks", "/resources?q=婚姻登记", "/demands/new?service_item=s1"):
            times = []
            for _ in range(12):
                page.goto(address + path)
                times.append(_first_paint(page))
            _say("portal.paint", times[2:], page=path)
        browser.close()


def _first_paint(page: Any) -> float:
    """Return when the page that was opened showed something first, in milliseconds."""
    for _ in range(200):  # the page's policy forbids the driver's own waiting, which evaluates texts
        if seen := page.evaluate("performance.getEntriesByName('first-contentful-paint').map(one => one.startTime)"):
            return float(seen[0])
        time.sleep(0.02)
    raise SystemExit(f"{page.url} showed nothing for four seconds")


def _crowd(address: str, cookies: list[str]) -> None:
    """Let every officer click, read for some seconds, click again; then all at the very same moment."""
    chance = Random(1)
    plans = [
        (cookie, [(chance.choice(CLICKED), chance.uniform(0.2, 2 * THINKS_S)) for _ in range(CLICKS)])
        for cookie in cookies
    ]
    with ThreadPoolExecutor(len(plans)) as officers:
        times = [time for found in officers.map(lambda plan: _work(address, *plan), plans) for time in found]
        _say("portal.crowd", times, officers=len(plans), thinks_s=THINKS_S)
        together = threading.Barrier(len(plans))
        burst = list(officers.map(lambda plan: _click(address, plan, together), plans))
        _say("portal.same_moment", burst, officers=len(plans))


def _work(address: str, cookie: str, plan: list[tuple[str, float]]) -> list[float]:
    visitor, times = _visitor(cookie), []
    for path, wait in plan:
        time.sleep(wait)
        begun = time.perf_counter()
        visitor.get(address + path).raise_for_status()
        times.append((time.perf_counter() - begun) * 1000)
    return times


def _click(address: str, plan: tuple[str, list[tuple[str, float]]], together: threading.Barrier) -> float:
    visitor = _visitor(plan[0])
    visitor.get(address + "/verify").raise_for_status()  # its connection is open
    together.wait()
    begun = time.perf_counter()
    visitor.get(address + plan[1][0][0]).raise_for_status()
    return (time.perf_counter() - begun) * 1000


def _visitor(cookie: str) -> requests.Session:
    visitor = requests.Session()
    visitor.trust_env = False
    visitor.cookies.set("hutong_session", cookie)
    return visitor


def _say(bench: str, times: list[float], **facts: Any) -> None:
    ordered = sorted(times)
    places = {"p50_ms": len(ordered) // 2, "p95_ms": len(ordered) * 95 // 100, "worst_ms": -1}
    line: dict[str, Any] = {
        "bench": bench,
        **facts,
        "rows": len(ordered),
        **{name: round(ordered[at], 1) for name, at in places.items()},
    }
    line["load"] = round(os.getloadavg()[0], 1)
    print(json.dumps(line | against(line, BARS.get(bench)), ensure_ascii=False), flush=True)


if __name__ == "__main__":
    main()
