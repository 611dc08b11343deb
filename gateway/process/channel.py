"""What supervisor and child say to each other: JSON objects, each behind its length, over a socket pair.

The end of either process closes its end, so that a channel that ends is news as well.
"""

from __future__ import annotations

import socket
from typing import Any

import orjson

Message = dict[str, Any]
"""`what` names it. To a child: reload, refused, answer, drain, end. To the supervisor: reload, taken, failed."""

MAX_BYTES = 16 * 1024 * 1024
SEND_TIMEOUT_S = 2.0
_LENGTH = 4


def encode(message: Message) -> bytes:
    body = orjson.dumps(message)
    return len(body).to_bytes(_LENGTH, "big") + body


class Decoder:
    """Bytes as they come to messages."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Message]:
        """Raises ValueError for what is no message of ours."""
        self._buffer += data
        messages: list[Message] = []
        while len(self._buffer) >= _LENGTH:
            end = _LENGTH + int.from_bytes(self._buffer[:_LENGTH], "big")
            if end > MAX_BYTES:
                raise ValueError("a message that is too long")
            if len(self._buffer) < end:
                break
            messages.append(orjson.loads(self._buffer[_LENGTH:end]))
            del self._buffer[:end]
        return messages


class Channel:
    """The supervisor's end: it has no event loop, and waits a moment at most for a child that does not listen."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._sock.settimeout(SEND_TIMEOUT_S)
        self._decoder = Decoder()

    def fileno(self) -> int:
        return self._sock.fileno()

    def send(self, message: Message) -> bool:
        """Whether the child has room for it. After a False the channel is of no use any more."""
        try:
            self._sock.sendall(encode(message))
        except OSError:
            return False
        return True

    def receive(self) -> list[Message] | None:
        """What has come; None once the child has closed its end. Call it when there is something to read."""
        try:
            data = self._sock.recv(65536)
            return self._decoder.feed(data) if data else None
        except (OSError, ValueError):
            return None

    def close(self) -> None:
        self._sock.close()
