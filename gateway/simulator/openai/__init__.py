"""OpenAI's chat completions, as recorded from api.openai.com and as its API reference documents them."""

from gateway.simulator.openai.service import OpenAI

__all__ = ["OpenAI"]
