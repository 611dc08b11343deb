"""What the cases ask with: messages, tools, schemas and small real files."""

from __future__ import annotations

import base64
import struct
import zlib
from typing import Any

from pydantic import BaseModel

Json = dict[str, Any]


def user(text: str) -> list[Json]:
    return [{"role": "user", "content": text}]


def function(name: str, description: str, strict: bool | None = None, **properties: Json) -> Json:
    """A function tool whose properties are all required."""
    schema = {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
    made: Json = {"name": name, "description": description, "parameters": schema}
    if strict is not None:
        made["strict"] = strict
    return {"type": "function", "function": made}


CITY = {"type": "string", "description": "A city."}
WEATHER = function("get_weather", "The weather in a city.", city=CITY)
CLOCK = function("get_time", "The local time in a city.", city=CITY)
STRICT_WEATHER = function("get_weather", "The weather in a city.", strict=True, city=CITY)
STRICT_CLOCK = function("get_time", "The local time in a city.", strict=True, city=CITY)


class Wagon(BaseModel):
    number: int
    cargo: str


class Train(BaseModel):
    name: str
    wagons: list[Wagon]
    late: bool


class GetWeather(BaseModel):
    """The weather in a city."""

    city: str


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png() -> bytes:
    """A red picture of 2 x 2 pixels."""
    header = struct.pack(">IIBBBBB", 2, 2, 8, 2, 0, 0, 0)
    rows = zlib.compress(b"\0\xff\0\0\xff\0\0" * 2)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", rows) + _chunk(b"IEND", b"")


def pdf() -> bytes:
    """A PDF with one empty page."""
    objects = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 72 72] >>",
    )
    text, places = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        places.append(len(text))
        text += b"%d 0 obj\n%b\nendobj\n" % (number, content)
    rows = b"".join(b"%010d 00000 n \n" % place for place in places)
    table = b"xref\n0 4\n0000000000 65535 f \n%btrailer\n<< /Size 4 /Root 1 0 R >>\n" % rows
    return text + table + b"startxref\n%d\n%%%%EOF\n" % len(text)


def wav() -> bytes:
    """A tenth of a second of silence, 8 kHz, 16 bit, mono."""
    sound = bytes(1600)
    return (
        struct.pack("<4sI4s4sIHHIIHH", b"RIFF", 36 + len(sound), b"WAVE", b"fmt ", 16, 1, 1, 8000, 16000, 2, 16)
        + struct.pack("<4sI", b"data", len(sound))
        + sound
    )


def data_url(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"
