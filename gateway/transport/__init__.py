"""Bytes in, bytes out: connections, error phases, SSE framing. Knows no vendor and no OpenAI. May import core only."""
