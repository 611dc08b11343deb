"""Anthropic's Messages API, both ways, whole and streamed."""
