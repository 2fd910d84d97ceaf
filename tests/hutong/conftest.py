"""Real installations in folders of their own: a test may start some and leaves nothing running and nothing on disk."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hutong.embedded.home import Home
from tests.hutong.installation import Installation


@pytest.fixture
def new_installation() -> Iterator[Callable[..., Installation]]:
    """Return a maker of installations in open folders; all are reset at the end."""
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
def installation(new_installation: Callable[..., Installation]) -> Installation:
    """Return one installation, not started."""
    return new_installation()
