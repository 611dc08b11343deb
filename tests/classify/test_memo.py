"""What is remembered is the verdict alone, for as many texts as there is room, and no answer changes by it."""

from __future__ import annotations

from typing import Any

from gateway.classify.label import TextVerdict
from gateway.classify.memo import RememberingModel
from gateway.classify.signals import read_signals
from gateway.classify.text import TrainedModel, load_text_model
from gateway.classify.window import Window
from gateway.core.chat import ChatRequest

MODEL = load_text_model()
CALL = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}


class Counting(TrainedModel):
    """The trained model, and how often it was asked."""

    asked = 0

    def read_window(self, window: Window) -> TextVerdict:
        self.asked += 1
        return super().read_window(window)


def counting() -> Counting:
    model = Counting.__new__(Counting)
    for name in TrainedModel.__slots__:
        setattr(model, name, getattr(MODEL, name))
    return model


def ask(model: Any, *messages: Any) -> TextVerdict:
    turns = [{"role": "user", "content": m} if isinstance(m, str) else m for m in messages]
    request = ChatRequest({"model": "auto", "messages": turns})
    verdict: TextVerdict = model.read(request, read_signals(request))
    return verdict


def test_the_steps_of_a_session_ask_once() -> None:
    model = counting()
    remembering = RememberingModel(model)
    history: list[Any] = ["Book me a table for two in Prague tomorrow at eight, near the castle."]
    first = ask(remembering, *history, {"role": "tool", "tool_call_id": "a", "content": "0"})
    for step in range(20):
        history += [
            {"role": "assistant", "tool_calls": [CALL]},
            {"role": "tool", "tool_call_id": "a", "content": f"result {step}"},
        ]
        assert ask(remembering, *history) == first
    assert model.asked == 1


def test_answers_are_the_models_own() -> None:
    remembering = RememberingModel(MODEL)
    for text in ("What is the capital of Peru?", "fix my css", "\ud800", "", "x" * 10_000):
        assert ask(remembering, text) == ask(remembering, text) == ask(MODEL, text)


def test_other_context_is_another_question() -> None:
    model = counting()
    remembering = RememberingModel(model)
    ask(remembering, "Translate it, please, as well as you can, into German and French.")
    ask(
        remembering,
        {"role": "system", "content": "You write code."},
        "Translate it, please, as well as you can, into German and French.",
    )
    assert model.asked == 2


def test_room_is_bounded_and_the_oldest_goes() -> None:
    model = counting()
    remembering = RememberingModel(model, most=10)
    for number in range(50):
        ask(remembering, f"What is {number} times seven?")
    assert len(remembering) == 10
    ask(remembering, "What is 49 times seven?")
    assert model.asked == 50
    ask(remembering, "What is 1 times seven?")
    assert model.asked == 51


def test_no_text_is_held() -> None:
    remembering = RememberingModel(MODEL)
    ask(remembering, "canary-in-the-coal-mine, what is your name?")
    assert "canary" not in repr(remembering._verdicts)
