"""Why: a city may own a model that knows which words mean the same. It may be plugged in by HUTONG_MATCHING_EMBEDDER = "package.module:function", a function
from texts to one vector each; it is never needed. One that fails or dawdles is reported once and left aside, and matching goes on without it.

What it says is one more reason beside the others, never the only one. Only `searching` calls it.
"""

import logging
import queue
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from schemas.settings import HutongSettings

log = logging.getLogger("hutong.matching")
Vector = NDArray[np.float32]
Alike = Callable[[str, Sequence[str]], Sequence[float] | None]
Embed = Callable[[list[str]], Any]
_KEPT = 20_000  # vectors of names


class MatchingSettings(HutongSettings):
    """What may be plugged into the matching."""

    matching_embedder: str = Field(
        default="", description='Function from texts to vectors, as "package.module:function"; none: not needed.'
    )
    matching_embedder_seconds: float = Field(
        default=1.0, gt=0, description="How long a demand waits for the function; later it goes on without."
    )


class Embedder:
    """One plugged-in function, asked in a thread of its own, so that nobody waits for it longer than he wants to."""

    def __init__(self, named: str, seconds: float) -> None:
        self.named, self.seconds = named, seconds
        self.is_usable = True
        self._vectors: OrderedDict[str, Vector] = OrderedDict()
        self._asked: queue.Queue[list[str]] = queue.Queue()
        self._done = threading.Event()
        self._done.set()
        self._lock = threading.Lock()
        self._is_slow_reported = False
        threading.Thread(target=self._work, name="hutong-embedder", daemon=True).start()

    def alike(self, text: str, names: Sequence[str]) -> list[float] | None:
        """Return the cosine of a text to each name, below 0 as 0; None while the function fails or has not answered yet."""
        with self._lock:
            missing = [one for one in dict.fromkeys([text, *names]) if one not in self._vectors]
            if missing and not self._ask(missing):
                return None
            found = [self._vectors.get(one) for one in (text, *names)]
            while len(self._vectors) > _KEPT:
                self._vectors.popitem(last=False)
        if any(one is None for one in found):
            return None
        vectors = np.stack([one for one in found if one is not None])
        return np.clip(vectors[1:] @ vectors[0], 0, 1).tolist()  # type: ignore[no-any-return]

    def _ask(self, texts: list[str]) -> bool:
        """Have texts turned into vectors; False where that failed, or takes longer than one waits. A late answer serves the next one who asks."""
        if not self.is_usable or not self._done.is_set():
            return False
        self._done.clear()
        self._asked.put(texts)
        if self._done.wait(self.seconds):
            return self.is_usable
        if not self._is_slow_reported:
            self._is_slow_reported = True
            log.warning("embedder %s has not answered in %s s; matching goes on without it", self.named, self.seconds)
        return False

    def _work(self) -> None:
        embed: Embed | None = None
        while True:
            texts = self._asked.get()
            try:
                embed = embed or _function(self.named)
                self._vectors.update(zip(texts, _vectors(embed(texts), len(texts)), strict=True))
            except Exception as error:  # noqa: BLE001 - whatever a plug-in does, matching goes on
                self.is_usable = False
                log.warning("embedder %s is left aside until restart: %s", self.named, type(error).__name__)
            finally:
                self._done.set()


_plugged: dict[tuple[str, float], Embedder] = {}


def plugged() -> Alike:
    """Return what tells how alike in meaning a text is to each name, 0 to 1; None without a plugged-in function that works."""
    settings = MatchingSettings()
    if not settings.matching_embedder:
        return lambda _text, _names: None
    key = settings.matching_embedder, settings.matching_embedder_seconds
    if key not in _plugged:
        _plugged[key] = Embedder(*key)
    return _plugged[key].alike


def forget() -> None:
    """Forget what was plugged in, failed ones too: the next demand begins anew."""
    _plugged.clear()


def _function(named: str) -> Embed:
    module, _, name = named.partition(":")
    found: Embed = getattr(import_module(module), name)
    return found


def _vectors(given: Any, count: int) -> NDArray[np.float32]:
    """Return vectors of length one. Raises ValueError unless there is one finite vector for each text."""
    vectors = np.asarray(given, np.float32)
    if vectors.ndim != 2 or len(vectors) != count or not np.isfinite(vectors).all():
        raise ValueError(f"{count} finite vectors wanted, got an array of shape {vectors.shape}")
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9), np.float32)
