"""Verdicts remembered: the steps of an agent session ask about the same text again and again, and so do retries.

Only digests and verdicts are held, never a text. A verdict depends on the text alone, so remembering changes no answer.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict

from gateway.classify.label import TextVerdict
from gateway.classify.text import TrainedModel
from gateway.classify.window import Window, window_of
from gateway.core.chat import ChatRequest
from gateway.core.label import Signals

MOST_REMEMBERED = 4096


class RememberingModel:
    """A TextModel that asks a TrainedModel once per text, as long as it remembers it (the latest MOST_REMEMBERED)."""

    __slots__ = ("_model", "_most", "_verdicts", "unsure_below", "version")

    def __init__(self, model: TrainedModel, most: int = MOST_REMEMBERED) -> None:
        self._model = model
        self._most = most
        self._verdicts: OrderedDict[bytes, TextVerdict] = OrderedDict()
        self.version = model.version
        self.unsure_below = model.unsure_below

    def __len__(self) -> int:
        return len(self._verdicts)

    def read(self, request: ChatRequest, signals: Signals) -> TextVerdict:
        window = window_of(request, in_session=signals.tool_results > 0)
        key = _digest(window)
        verdict = self._verdicts.get(key)
        if verdict is not None:
            self._verdicts.move_to_end(key)
            return verdict
        verdict = self._verdicts[key] = self._model.read_window(window)
        if len(self._verdicts) > self._most:
            self._verdicts.popitem(last=False)
        return verdict


def _digest(window: Window) -> bytes:
    text = f"{len(window.text)} {window.chars} {window.text}{window.context}"
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
