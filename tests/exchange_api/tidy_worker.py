"""A worker that says, whenever the file of TIDY_ASK is there, how many objects only the collector could free, in the file of TIDY_TOLD."""

import gc
import os
import threading
import time
from pathlib import Path

from exchange_api import worker


def _tell() -> None:
    ask, told = Path(os.environ["TIDY_ASK"]), Path(os.environ["TIDY_TOLD"])
    while True:
        if ask.exists():
            ask.unlink()
            part = told.with_suffix(".part")
            part.write_text(str(gc.collect()))
            part.rename(told)
        time.sleep(0.02)


if __name__ == "__main__":
    threading.Thread(target=_tell, daemon=True).start()
    worker.main()
