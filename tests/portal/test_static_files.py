"""Styles and scripts come compressed, are compressed once, and are not sent again to who has them."""

import gzip
from typing import Any

import pytest

CSS = "/portal/static/portal.css"


def asked(city: Any, **headers: str) -> Any:
    return city.browser().get(f"{city.address}{CSS}", headers={"accept-encoding": "gzip", **headers}, stream=True)


def test_a_style_comes_compressed_and_is_the_same(city: Any) -> None:
    plain, packed = asked(city, **{"accept-encoding": "identity"}), asked(city)
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert {one.headers["vary"] for one in (plain, packed)} == {"accept-encoding"}
    body, shown = packed.raw.read(), plain.raw.read()
    assert gzip.decompress(body) == shown
    assert len(body) < len(shown) / 2
    assert packed.headers["content-type"] == plain.headers["content-type"]
    assert packed.headers["content-security-policy"] == plain.headers["content-security-policy"]


@pytest.mark.parametrize("coding", ["gzip", "identity"])
def test_who_has_it_is_told_so(city: Any, coding: str) -> None:
    first = asked(city, **{"accept-encoding": coding})
    again = asked(city, **{"accept-encoding": coding, "if-none-match": first.headers["etag"]})
    assert again.status_code == 304
    assert again.raw.read() == b""


def test_a_part_of_a_file_is_a_part_of_the_file_itself(city: Any) -> None:
    part = asked(city, range="bytes=0-9")
    assert (part.status_code, "content-encoding" in part.headers) == (206, False)
    assert len(part.raw.read()) == 10


def test_there_is_nothing_outside_the_folder(city: Any) -> None:
    assert city.browser().get(f"{city.address}/portal/static/..%2frendering.py").status_code == 404
