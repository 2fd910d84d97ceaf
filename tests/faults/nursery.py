"""A process that imports what steps need once and then forks a child for every text of Python it is given: killing many costs seconds, not minutes.

It does nothing itself, so that a fork finds no thread and no connection. One JSON object a line: {env, text, out} → its pid, {wait: pid} → how it ended.
"""

import json
import os
import sys
import traceback
from collections.abc import Mapping
from typing import Any


def main() -> None:
    """Serve until the input ends."""
    import great_expectations  # noqa: F401 — what a check waits longest for

    from libraries import ingest, landing
    from libraries.merging import merge, units

    names = {"ingest": ingest, "landing": landing, "merge": merge, "units": units}
    for line in sys.stdin:
        asked = json.loads(line)
        if "wait" in asked:
            answer = os.waitstatus_to_exitcode(os.waitpid(asked["wait"], 0)[1])
        else:
            answer = os.fork()
            if not answer:
                _live(asked, names)
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()


def _live(asked: dict[str, Any], names: Mapping[str, object]) -> None:
    """Be the child: do the text and end."""
    ended = 1
    try:
        out = os.open(asked["out"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for stream in (1, 2):
            os.dup2(out, stream)
        os.environ.clear()
        os.environ.update(asked["env"])
        exec(asked["text"], dict(names))
        sys.stdout.flush()
        ended = 0
    except BaseException:  # noqa: BLE001 — whatever it was, the test wants to read it
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(ended)


if __name__ == "__main__":
    main()
