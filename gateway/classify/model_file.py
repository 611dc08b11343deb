"""The file of a trained network: read and written. The only place of the classifier that touches a disk.

The magic line, one line of JSON (names, shapes and order of the arrays, and what training fixed), then, packed by zlib,
the words and the arrays' bytes, little endian. No pickle.
"""

from __future__ import annotations

import hashlib
import zlib
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import orjson

from gateway.classify.model import POOLS, REACH, SHAPES, SHORT, Model, Network, Scale
from gateway.classify.tokens import Floats, Vocabulary
from gateway.core.label import TEXT_TASKS

MAGIC = b"switchyard text model 6\n"
DEFAULT_FILE = Path(__file__).with_name("model.bin")
Arrays = dict[str, Any]
"""A network's arrays, by name."""
_FACTS = (
    ("temperature", 0.01, 100.0),
    ("unsure_below", 0.0, 1.0),
    ("stakes_above", 0.0, 1.0),
    ("short_share", 0.0, 1.0),
    ("short_stakes_share", 0.0, 1.0),
    ("short_temperature", 0.01, 100.0),
    ("short_stakes_above", 0.0, 1.0),
)
"""Numbers that a file must state, and between which bounds."""
_SHORT = "short."
"""Before the names of the arrays of the network for short texts."""
_PIECE = 1 << 16
_TYPES = {"int8": np.int8, "float16": np.float16, "float32": np.float32}
_ARRAYS = (
    "table",
    "gate",
    "scan",
    "scan_bias",
    "places",
    "relate",
    "relate_bias",
    "hide",
    "hide_bias",
    "out",
    "out_bias",
)
_HARD = "hard"


class BadModel(Exception):
    """The file is no text model, is cut off, or belongs to another version of the code."""


class Parts(NamedTuple):
    """What is in a file. `facts`: what training wrote down; `version`: its name and the first digits of its SHA-256."""

    vocabulary: Vocabulary
    whole: Arrays
    short: Arrays
    hard: Floats
    facts: dict[str, Any]
    version: str


def save(path: Path, words: list[str], whole: Arrays, short: Arrays, hard: Floats, facts: dict[str, Any]) -> str:
    """Writes a model file and gives its SHA-256 in hex. The same arguments give the same bytes."""
    blob = "\x00".join(words).encode("utf-8", "surrogatepass")
    named = {name: whole[name] for name in _ARRAYS} | {_SHORT + name: short[name] for name in _ARRAYS} | {_HARD: hard}
    body = b"".join((blob, *(np.ascontiguousarray(array).tobytes() for array in named.values())))
    header = {
        **facts,
        "words": len(blob),
        "bytes": len(body),
        "arrays": [[name, str(array.dtype), list(array.shape)] for name, array in named.items()],
    }
    written = MAGIC + orjson.dumps(header, option=orjson.OPT_SORT_KEYS) + b"\n" + zlib.compress(body, 9)
    path.write_bytes(written)
    return hashlib.sha256(written).hexdigest()


def load(path: Path = DEFAULT_FILE) -> Model:
    """Reads a model file. Raises BadModel, or OSError where there is none."""
    parts = read(path)
    facts = parts.facts
    return Model(
        vocabulary=parts.vocabulary,
        tasks=tuple(facts["tasks"]),
        whole=network_of(parts.whole),
        short=network_of(parts.short),
        short_share=float(facts["short_share"]),
        short_stakes_share=float(facts["short_stakes_share"]),
        scale=Scale(float(facts["temperature"]), float(facts["stakes_above"])),
        short_scale=Scale(float(facts["short_temperature"]), float(facts["short_stakes_above"])),
        hard=parts.hard.astype(np.float32),
        facts=facts,
        version=parts.version,
    )


def read(path: Path = DEFAULT_FILE) -> Parts:
    """Reads a model file's parts. Raises BadModel, or OSError where there is none."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            magic, header = file.readline(), file.readline()
            if magic != MAGIC:
                raise BadModel(f"{path}: not a text model of this version")
            digest.update(magic + header)
            facts: dict[str, Any] = orjson.loads(header)
            body = _unpacked(file, digest, facts["bytes"])
        at = facts["words"]
        words = body[:at].decode("utf-8", "surrogatepass").split("\x00")
        arrays: dict[str, Any] = {}
        for name, kind, shape in facts["arrays"]:
            count = int(np.prod(shape))
            arrays[name] = np.frombuffer(body, dtype=_TYPES[kind], count=count, offset=at).reshape(shape)
            at += arrays[name].nbytes
        if at != len(body):
            raise BadModel(f"{path}: {len(body)} bytes, expected {at}")
        vocabulary = Vocabulary(words)
        whole, short = ({name: arrays[part + name] for name in _ARRAYS} for part in ("", _SHORT))
        for network in (whole, short):
            _check(path, vocabulary, network, len(facts["tasks"]))
        for name, array in arrays.items():
            if array.dtype != np.int8 and not np.isfinite(array).all():
                raise BadModel(f"{path}: {name} holds what is no number")
        if arrays[_HARD].shape != (whole["hide"].shape[1] + 1,):
            raise BadModel(f"{path}: {_HARD} is {arrays[_HARD].shape}")
        for name, least, most in _FACTS:
            if not least <= float(facts[name]) <= most:
                raise BadModel(f"{path}: {name} is {facts[name]}")
        if tuple(facts["tasks"]) != TEXT_TASKS:
            raise BadModel(f"{path}: the tasks are {facts['tasks']}")
        version = f"{facts['name']}-{digest.hexdigest()[:8]}"
        told = {name: value for name, value in facts.items() if name not in ("arrays", "bytes", "words")}
        return Parts(vocabulary, whole, short, arrays[_HARD], told, version)
    except (ValueError, KeyError, TypeError) as error:
        raise BadModel(f"{path}: {error}") from error


def _check(path: Path, vocabulary: Vocabulary, arrays: Arrays, tasks: int) -> None:
    """Raises BadModel where a network's arrays don't fit together."""
    width, kinds, hidden = arrays["table"].shape[-1], arrays["scan_bias"].size, arrays["hide_bias"].size
    features = POOLS * width + 4 * kinds + SHAPES
    expected = {
        "table": (vocabulary.rows, width),
        "gate": (vocabulary.rows,),
        "scan": (REACH * width, kinds),
        "scan_bias": (kinds,),
        "places": (SHORT, kinds),
        "relate": (kinds, 2 * kinds),
        "relate_bias": (kinds,),
        "hide": (hidden, features),
        "hide_bias": (hidden,),
        "out": (tasks, hidden),
        "out_bias": (tasks,),
    }
    for name, shape in expected.items():
        if arrays[name].shape != shape:
            raise BadModel(f"{path}: {name} is {arrays[name].shape}, expected {shape}")


def _unpacked(file: BinaryIO, digest: hashlib._Hash, size: int) -> bytes:
    """The `size` bytes that are packed in the rest of the file, which `digest` takes in. Piece by piece, so that a
    worker never holds both forms. Raises ValueError where they are not that many."""
    unpacking = zlib.decompressobj()
    parts: list[bytes] = []
    left = size
    try:
        while piece := file.read(_PIECE):
            digest.update(piece)
            parts.append(unpacking.decompress(piece, left + 1))
            left -= len(parts[-1])
            if left < 0:
                break
    except zlib.error as error:
        raise ValueError(str(error)) from error
    if left or not unpacking.eof or unpacking.unused_data:
        raise ValueError(f"cut off, or not the {size} bytes that the file speaks of")
    return b"".join(parts)


def network_of(arrays: Arrays) -> Network:
    """A network of arrays as they are in a file."""
    floats = {name: arrays[name].astype(np.float32) for name in _ARRAYS if name not in ("table", "gate")}
    return Network(table=arrays["table"], gate=np.exp(arrays["gate"].astype(np.float32)), **floats)
