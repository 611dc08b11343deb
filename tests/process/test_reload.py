"""A reload reaches every worker or changes nothing, and no request notices."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.process.conftest import ADMIN, Client, Serve, Upstream, begun, call, config_of, config_text, configs_of
from tests.running import until

ALIAS = "aliases: {other: gpt}"


def metric(port: int, name: str) -> str:
    status, text = call(port, "GET", "/metrics", ADMIN)
    assert status == 200
    return next(line.rpartition(" ")[2] for line in text.splitlines() if line.startswith(name))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "c.yaml"


def test_sighup(serve: Serve, upstream: Upstream, file: Path) -> None:
    served = serve("workers: 2, watch: false")
    before = config_of(served.port)
    taken = float(metric(served.port, "gateway_config_reload_timestamp_seconds"))
    file.write_text(config_text(upstream.url, file.parent, "workers: 2, watch: false", ALIAS))
    served.process.send_signal(signal.SIGHUP)
    until(lambda: before not in configs_of(served.port))
    (after,) = configs_of(served.port)
    assert metric(served.port, f'gateway_config_info{{hash="{after}"}}') == "1.0"
    assert float(metric(served.port, "gateway_config_reload_timestamp_seconds")) > taken
    assert metric(served.port, "gateway_config_reload_success") == "1.0"


@pytest.mark.fault(37)
def test_a_bad_file_changes_nothing_and_is_told(serve: Serve, upstream: Upstream, file: Path) -> None:
    served = serve("workers: 2, watch: false")
    before = config_of(served.port)
    good = file.read_text()
    file.write_text(good + "nonsense: 1\nroots: 2\n")
    served.process.send_signal(signal.SIGHUP)
    until(lambda: metric(served.port, "gateway_config_reload_success") == "0.0")
    line = len(good.splitlines()) + 1
    until(lambda: f"c.yaml:{line + 1}:1: unknown key" in served.text)
    assert f"c.yaml:{line}:1: unknown key" in served.text
    assert configs_of(served.port) == {before}
    for child in served.children():
        os.kill(child, signal.SIGKILL)
    assert configs_of(served.port) == {before}
    assert metric(served.port, "gateway_config_reload_success") == "0.0"
    file.unlink()
    served.process.send_signal(signal.SIGHUP)
    until(lambda: "can't be read" in served.text)
    assert configs_of(served.port) == {before}
    file.write_text(good)
    served.process.send_signal(signal.SIGHUP)
    until(lambda: metric(served.port, "gateway_config_reload_success") == "1.0")


def test_a_file_that_changes_in_place(serve: Serve, upstream: Upstream, file: Path) -> None:
    served = serve("workers: 2")
    before = config_of(served.port)
    file.write_text(config_text(upstream.url, file.parent, "workers: 2", ALIAS))
    until(lambda: before not in configs_of(served.port))
    assert "the file changed" in served.text


def test_a_folder_that_is_swapped_as_kubernetes_does_it(serve: Serve, upstream: Upstream, tmp_path: Path) -> None:
    for version, more in (("v1", ""), ("v2", ALIAS)):
        (tmp_path / version).mkdir()
        (tmp_path / version / "c.yaml").write_text(config_text(upstream.url, tmp_path, "workers: 1", more))
    data, file = tmp_path / "..data", tmp_path / "mounted.yaml"
    data.symlink_to("v1")
    file.symlink_to("..data/c.yaml")
    served = serve(file=file)
    before = config_of(served.port)
    swapped = tmp_path / "..new"
    swapped.symlink_to("v2")
    swapped.rename(data)
    until(lambda: config_of(served.port) != before)


def test_the_admin_path(serve: Serve, upstream: Upstream, file: Path) -> None:
    served = serve("workers: 2, watch: false")
    before = config_of(served.port)
    status, body = call(served.port, "POST", "/admin/reload", {"authorization": ""})
    assert (status, body["error"]["type"]) == (401, "invalid_request_error")
    status, body = call(served.port, "POST", "/admin/reload")
    assert (status, body["error"]["code"]) == (403, "admin_key_required")
    assert call(served.port, "GET", "/admin/reload", ADMIN)[0] == 405

    file.write_text(config_text(upstream.url, file.parent, "workers: 5, port: 1, watch: false", ALIAS))
    status, body = call(served.port, "POST", "/admin/reload", ADMIN)
    assert (status, body["object"]) == (200, "config")
    assert {body["hash"]} == configs_of(served.port) != {before}
    told = "\n".join(body["warnings"])
    assert f"{file}: server.workers can't change while the gateway runs: it stays 2" in told
    assert "has no fallback" in told
    assert "server.port" not in told  # the command line says it, before and after

    good = file.read_text()
    file.write_text(good + "nonsense: 1\n")
    status, refused = call(served.port, "POST", "/admin/reload", ADMIN)
    error = refused["error"]
    assert (status, error["type"], error["code"], error["param"]) == (
        400,
        "invalid_request_error",
        "invalid_config",
        None,
    )
    assert f"{file}:{len(good.splitlines()) + 1}:1: unknown key" in error["message"]
    assert configs_of(served.port) == {body["hash"]}


@pytest.mark.fault(38)
def test_requests_under_way_keep_their_config(serve: Serve, upstream: Upstream, file: Path) -> None:
    served = serve("watch: false")
    stream = begun(Client(served.port), upstream, "stream")
    before = stream.headers["x-gateway-config"]
    whole = Client(served.port)
    whole.ask("whole")
    until(lambda: "whole" in upstream.asked())
    file.write_text(config_text("http://127.0.0.1:1", file.parent, "watch: false"))
    status, body = call(served.port, "POST", "/admin/reload", ADMIN)
    assert status == 200
    assert body["hash"] != before
    client = Client(served.port)
    client.ask()
    answer = client.answer()
    assert (answer.status, answer.headers["x-gateway-config"]) == (503, body["hash"])  # nobody listens there
    upstream.release("stream")
    upstream.release("whole")
    assert stream.read().endswith(b"data: [DONE]\n\n")
    answer = whole.answer()
    assert (answer.status, answer.headers["x-gateway-config"]) == (200, before)


def test_a_worker_that_is_started_later_has_the_newest_config(serve: Serve, upstream: Upstream, file: Path) -> None:
    served = serve("workers: 2, watch: false")
    file.write_text(config_text(upstream.url, file.parent, "workers: 2, watch: false", ALIAS))
    status, body = call(served.port, "POST", "/admin/reload", ADMIN)
    assert status == 200
    taken = metric(served.port, "gateway_config_reload_timestamp_seconds")
    file.write_text("nobody may read this anew")
    for child in served.children():
        os.kill(child, signal.SIGKILL)
    assert configs_of(served.port) == {body["hash"]}
    assert metric(served.port, "gateway_config_reload_timestamp_seconds")[:10] == taken[:10]
