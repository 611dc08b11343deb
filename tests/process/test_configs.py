"""What a reload may change, and when a file has changed."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.config.load import Source
from gateway.config.snapshot import Otel, Snapshot
from gateway.process.configs import Configs, Refused, Watch, keep_fixed
from tests.process.conftest import KEYS, config_text
from tests.running import snapshot_of


def load(source: Source) -> Snapshot:
    return snapshot_of(source.data.decode(), KEYS)


@pytest.fixture
def text(tmp_path: Path) -> Callable[..., str]:
    return lambda server="", more="": config_text("http://127.0.0.1:1", tmp_path, server, more)


def test_what_can_not_change_stays_and_is_told(text: Callable[..., str]) -> None:
    running, new = (snapshot_of(text(server), KEYS) for server in ("port: 1000", "port: 2000, workers: 3, grace: 9s"))
    new = replace(new, ledger=replace(new.ledger, dir="elsewhere"))
    kept, warnings = keep_fixed(running, new)
    assert kept.server == replace(running.server, grace_s=9)
    assert kept.ledger.dir == running.ledger.dir
    assert [warning.partition(" can't change")[0] for warning in warnings] == [
        "server.port",
        "server.workers",
        "ledger.dir",
    ]
    assert keep_fixed(running, running) == (running, ())
    traced, [warning] = keep_fixed(running, replace(running, otel=Otel("http://127.0.0.1:4318")))
    assert traced == running
    assert warning.startswith("otel can't change")


def test_a_reload_without_the_redis_section_leaves_the_ledger_its_store(text: Callable[..., str]) -> None:
    file = text().replace("store: none", "store: auto")
    running = snapshot_of(f"{file}redis: {{url: 'redis://127.0.0.1:1'}}", KEYS)
    assert running.ledger.store == "redis"
    kept, warnings = keep_fixed(running, snapshot_of(file, KEYS))
    assert (kept.redis, kept.ledger.store) == (running.redis, "redis")
    assert [warning.partition(" can't change")[0] for warning in warnings] == ["ledger.store", "redis"]


def test_keys_can_not_vanish_while_others_can_reach_the_port(tmp_path: Path, text: Callable[..., str]) -> None:
    """The file alone would be right: it listens on this machine only. The process still listens where it began."""
    running = snapshot_of(text("host: 0.0.0.0"), KEYS)
    keyless = text().replace("keys:", "unused:").partition("unused:")
    file = tmp_path / "c.yaml"
    file.write_text(keyless[0] + "classify:" + keyless[2].partition("classify:")[2])
    configs = Configs(file, running, load)
    with pytest.raises(Refused) as refused:
        configs.resolve(configs.read())
    assert "still listening on 0.0.0.0" in refused.value.problems[0]
    assert "there are no keys" in refused.value.problems[0]


def test_a_change_counts_once_it_has_settled(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("one")
    watch = Watch(file)
    assert watch.look() == "same"
    file.write_text("two!")
    assert watch.look() == "moving"
    file.write_text("two and a half")
    assert watch.look() == "moving"
    assert watch.look() == "changed"
    assert watch.look() == "same"
    file.unlink()
    assert [watch.look(), watch.look(), watch.look()] == ["moving", "changed", "same"]


def test_a_change_that_is_taken_back_is_none(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("one")
    other = tmp_path / "other.yaml"
    other.write_text("one")
    link = tmp_path / "link.yaml"
    link.symlink_to(file)
    watch = Watch(link)
    link.unlink()
    link.symlink_to(other)
    assert watch.look() == "moving"
    link.unlink()
    link.symlink_to(file)
    assert [watch.look(), watch.look()] == ["same", "same"]


def test_the_same_size_and_time_in_another_file_is_a_change(tmp_path: Path) -> None:
    file, other = tmp_path / "c.yaml", tmp_path / "other.yaml"
    for path in (file, other):
        path.write_text("same")
        os.utime(path, (1, 1))
    watch = Watch(file)
    other.rename(file)
    assert [watch.look(), watch.look()] == ["moving", "changed"]
