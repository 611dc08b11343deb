"""Incremental decoder of server-sent events (WHATWG HTML, section 9.2.6 "Interpreting an event stream").

Owns framing only: LF, CRLF and CR line ends, comments, a leading BOM, multi-line data, any split of the bytes. Feeding
a stream in one piece or byte by byte gives the same events. It never decodes UTF-8: `data` stays bytes, so a
character cut in two needs no care.
"""

from __future__ import annotations

from gateway.core.wire import SseEvent

_BOM = b"\xef\xbb\xbf"


class SseTooLarge(ValueError):
    """One event, or one line, is larger than the decoder's cap."""


class SseDecoder:
    """Feed bytes, get the events they complete. One instance per stream.

    `max_event_bytes` bounds what is held: the data lines of the unfinished event, and the unfinished line.
    """

    __slots__ = ("_at_start", "_data", "_data_size", "_event", "_line", "_line_size", "_max", "_skip_lf")

    def __init__(self, max_event_bytes: int = 16 * 1024 * 1024) -> None:
        self._max = max_event_bytes
        self._line: list[bytes] = []  # pieces of the unfinished line; joined once, however many there are
        self._line_size = 0
        self._data: list[bytes] = []
        self._data_size = 0
        self._event = b""
        self._at_start = True
        self._skip_lf = False

    def feed(self, data: bytes) -> list[SseEvent]:
        """Events completed by `data`. Raises SseTooLarge beyond the cap; the decoder is of no use after that."""
        if self._at_start:
            data = self._without_bom(data)
        if self._skip_lf and data:
            data = data.removeprefix(b"\n")
            self._skip_lf = False
        if b"\r" in data:
            self._skip_lf = data.endswith(b"\r")
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        lines = data.split(b"\n")
        rest = lines.pop()
        events: list[SseEvent] = []
        if lines and self._line:
            lines[0] = self._unfinished_line(lines[0])
        for line in lines:
            if line:
                self._take_line(line)
            elif self._data or self._event:
                self._dispatch(events)
        if rest:
            self._line.append(rest)
            self._line_size += len(rest)
            self._check_size()
        return events

    def finish(self) -> list[SseEvent]:
        """The event that the end of the body completes.

        The standard drops an event without its blank line; vendors have ended bodies that way, and what it says
        (a finish reason, [DONE]) is complete when its line parses, so it is given. A cut line is given too: the
        parser of its JSON says whether it is whole.
        """
        events: list[SseEvent] = []
        if self._line:
            self._take_line(self._unfinished_line(b""))
        self._dispatch(events)
        return events

    def _without_bom(self, data: bytes) -> bytes:
        data = self._unfinished_line(data)
        if len(data) < len(_BOM) and _BOM.startswith(data):
            self._line = [data] if data else []
            return b""
        self._at_start = False
        return data.removeprefix(_BOM)

    def _unfinished_line(self, end: bytes) -> bytes:
        line = b"".join((*self._line, end))
        self._line.clear()
        self._line_size = 0
        return line

    def _take_line(self, line: bytes) -> None:
        if line.startswith(b"data:"):
            value = line[6:] if line[5:6] == b" " else line[5:]
            self._data.append(value)
            self._data_size += len(value) + 1
            self._check_size()
        elif line.startswith(b"event:"):
            self._event = line[6:].removeprefix(b" ")
        elif line == b"data":
            self._data.append(b"")
            self._data_size += 1

    def _check_size(self) -> None:
        if self._data_size + self._line_size > self._max:
            raise SseTooLarge(f"a server-sent event is larger than {self._max} bytes")

    def _dispatch(self, events: list[SseEvent]) -> None:
        if self._data:
            data = self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
            events.append(SseEvent(self._event.decode("utf-8", "replace") if self._event else "", data))
            self._data = []
            self._data_size = 0
        self._event = b""
