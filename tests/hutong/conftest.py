"""Real installations in folders of their own: a test may start some and leaves nothing running and nothing on disk."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hutong.embedded.home import Home
from tests.hutong.installation import Installation


@contextmanager
def _installations() -> Iterator[Callable[..., Installation]]:
    made: list[Installation] = []

    def make(mode: int = 0o755, **variables: str) -> Installation:
        root = Path(tempfile.mkdtemp(prefix="hutong-test-"))
        root.chmod(mode)
        made.append(Installation(Home(root), variables))
        return made[-1]

    yield make
    for installation in made:
        done = installation.run("reset", "--yes")
        assert done.returncode == 0, done.stderr
        assert installation.is_quiet
        shutil.rmtree(installation.home.root)


@pytest.fixture
def new_installation() -> Iterator[Callable[..., Installation]]:
    """Return a maker of installations in open folders; all are reset at the end."""
    with _installations() as make:
        yield make


@pytest.fixture(scope="module")
def _lasting() -> Iterator[Installation]:
    with _installations() as make:
        yield make()


@pytest.fixture
def running(_lasting: Installation) -> Installation:
    """Return the bare installation that a module's tests share, running: making a server anew costs more than most tests."""
    if not _lasting.is_running:
        _lasting.up()
    return _lasting


@pytest.fixture
def stopped(_lasting: Installation) -> Installation:
    """Return the same one, stopped."""
    if not _lasting.is_quiet:
        assert _lasting.run("down").returncode == 0
    return _lasting


@pytest.fixture
def installation(new_installation: Callable[..., Installation]) -> Installation:
    """Return one installation, not started."""
    return new_installation()
