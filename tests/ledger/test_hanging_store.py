"""A Redis that hangs: those who ask the ledger wait, and nobody else does."""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx

from gateway.ledger.places import open_journal
from tests.ledger.test_edge import CONFIG, KEYS
from tests.redis_server import needs_redis, redis_server
from tests.running import LoopThread, running_gateway, running_simulators, snapshot_of, until

CROWD = 60


@needs_redis
def test_the_metrics_and_the_chat_answer_while_redis_hangs(tmp_path: Path) -> None:
    with (
        LoopThread() as loop,
        running_simulators(loop, "openai") as simulators,
        redis_server(tmp_path / "redis") as redis,
        ThreadPoolExecutor(CROWD) as crowd,
    ):
        text = CONFIG.format(folder=tmp_path, url=simulators["openai"].base_url)
        snapshot = snapshot_of(f"{text}redis: {{url: '{redis.url}', timeout: 30s}}\n", KEYS)
        with running_gateway(loop, snapshot, journal=open_journal(snapshot, 0)) as running:
            clerks = running.gateway.clerks
            asked = []
            original = clerks.ask

            async def noted(*args: Any) -> Any:
                asked.append(args)
                return await original(*args)

            clerks.ask = noted  # type: ignore[method-assign, assignment]
            redis.send(signal.SIGSTOP)
            url, web = running.url, {"authorization": f"Bearer {KEYS['WEB']}"}
            said = {"request_id": "req_1", "score": 1}

            def tell(_: int) -> httpx.Response:
                return httpx.post(f"{url}/v1/feedback", json=said, headers=web, timeout=60)

            waiting = [crowd.submit(tell, number) for number in range(CROWD)]
            until(lambda: len(asked) == CROWD)
            scraped = httpx.get(f"{url}/metrics", headers={"authorization": f"Bearer {KEYS['OPS']}"})
            assert scraped.status_code == 200
            chat = {"model": "auto", "messages": [{"role": "user", "content": "Hello"}]}
            assert httpx.post(f"{url}/v1/chat/completions", json=chat, headers=web).status_code == 200
            assert not any(one.done() for one in waiting), "Redis hangs still"
            redis.send(signal.SIGCONT)
            assert {one.result().json()["error"]["code"] for one in waiting} <= {
                "request_not_found",
                "ledger_unavailable",
            }
