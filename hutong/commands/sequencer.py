"""Why: the evidence log has one writer, a process of its own. Called by `hutong sequencer`, which `hutong up` watches."""

import signal
import threading
from types import FrameType


def sequencer() -> None:
    """Put recorded answers into the log until told to stop (Ctrl-C or SIGTERM). 运行存证定序"""
    from exchange_api.evidence.sequencer import run_sequencer
    from exchange_api.evidence.vouching import run_vouching

    stop = threading.Event()

    def leave(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, leave)
    # beside it, never in its way: witnesses and time stamps (a daemon: one that hangs must not keep the process)
    threading.Thread(target=run_vouching, args=(stop,), name="vouching", daemon=True).start()
    run_sequencer(stop)
