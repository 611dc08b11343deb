"""Google's Gemini API (generateContent), as recorded from generativelanguage.googleapis.com and as documented."""

from gateway.simulator.gemini.service import Gemini

__all__ = ["Gemini"]
