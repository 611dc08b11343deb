"""Anthropic's Messages API, as recorded from api.anthropic.com and as its documentation says."""

from gateway.simulator.anthropic.service import Anthropic

__all__ = ["Anthropic"]
