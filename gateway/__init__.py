"""Switchyard: an OpenAI-compatible LLM gateway that sorts requests onto models."""

__version__ = "0.1.0"
