"""Tests stay on this machine, and the guard that sees to it works."""

import socket

import pytest
import requests


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1"])  # documentation addresses: nobody's
def test_a_connection_elsewhere_is_refused_by_name(host: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as outside, pytest.raises(OSError, match="not on this machine"):
        outside.connect((host, 80))


def test_libraries_meet_the_guard_too() -> None:
    with pytest.raises(requests.ConnectionError, match="not on this machine"):
        requests.get("http://192.0.2.1/", timeout=1)


def test_this_machine_is_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname(), timeout=5):
        pass
