"""A request leaves nothing behind for the garbage collector: circles would be walked again and again under load, and
cost more than routing does."""

from __future__ import annotations

import gc
import http.client
import json
from collections import Counter
from urllib.parse import urlsplit

import pytest

from tests.e2e.conftest import KEY
from tests.running import RunningGateway


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", ["gpt", "claude", "gemini"])
def test_no_circles(gateway: RunningGateway, model: str, stream: bool) -> None:
    body = json.dumps({"model": model, "stream": stream, "messages": [{"role": "user", "content": "hi"}]})
    headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
    connection = http.client.HTTPConnection(urlsplit(gateway.url).netloc, timeout=20)

    def ask() -> None:
        connection.request("POST", "/v1/chat/completions", body, headers)
        answer = connection.getresponse()
        assert answer.status == 200
        answer.read()
        gateway.records.last()

    ask()
    gc.collect()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        for _ in range(20):
            ask()
        gc.collect()
        ours = Counter(type(thing).__name__ for thing in gc.garbage if type(thing).__module__.startswith("gateway."))
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        connection.close()
    assert not ours
