"""A value for each variable of a config that is not set here, fit for the place where it stands: no two secrets alike,
long enough for a key, a URL where a URL has to be, and a host's name within one."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping

from gateway.config.document import Node, Path, read_document
from gateway.config.problem import ConfigError, Findings
from gateway.config.references import place_of

_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_PORT = re.compile(r":\$\{([A-Za-z_][A-Za-z0-9_]*)\}(?=[/,]|$)")
_WORD = "stand-in-for-a-secret-{:04}"
_SECURE = "https://{}.example"
_REDIS = "redis://{}.example:6379/0"
_URLS: dict[Path, str] = {
    ("providers", "*", "base_url"): _SECURE,
    ("providers", "*", "proxy"): _SECURE,
    ("otel", "endpoint"): _SECURE,
    ("redis", "url"): _REDIS,
}
_A_PORT = "8080"
_ALIKE: dict[Path, str] = {("server", "host"): "127.0.0.1", ("server", "port"): _A_PORT}
_SHA256 = ("keys", "*", "sha256")


def stand_ins(data: bytes, env: Mapping[str, str]) -> dict[str, str]:
    """What each variable that is named without a default, and has no value in `env`, counts as. A config that can't be
    read has none: reading it tells why."""
    try:
        root = read_document(data, "", Findings())
    except ConfigError:
        return {}
    words: dict[str, str] = {}
    fitted: dict[str, str] = {}
    for path, text in _texts(root, ()):
        place = place_of(path)
        for name in _REFERENCE.findall(text):
            word = words.setdefault(name, _WORD.format(len(words)))
            if text == f"${{{name}}}" and (value := _whole(place, word)) != word:
                fitted[name] = value
        if place in _URLS:
            fitted |= dict.fromkeys(_PORT.findall(text), _A_PORT)
    return {name: value for name, value in {**words, **fitted}.items() if not env.get(name)}


def _whole(place: Path, word: str) -> str:
    """What stands for a value that is nothing but the variable."""
    if place in _ALIKE:
        return _ALIKE[place]
    if place == _SHA256:
        return hashlib.sha256(word.encode()).hexdigest()
    return _URLS.get(place, "{}").format(word)


def _texts(node: Node, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(node.value, str):
        yield path, node.value
    elif isinstance(node.value, dict):
        for name, child in node.value.items():
            yield from _texts(child, (*path, name))
    elif isinstance(node.value, list):
        for number, child in enumerate(node.value):
            yield from _texts(child, (*path, number))
