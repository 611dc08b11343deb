"""References and secrets: what is replaced, from where, and that no value of a secret ever shows."""

from __future__ import annotations

import copy
import io
import pickle
from argparse import Namespace
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path

import pytest

from gateway.config import command
from gateway.config.load import load
from gateway.config.problem import ConfigError
from gateway.config.references import REFERENCE_PLACES, place_of
from gateway.config.snapshot import Secret
from tests.config.reading import config_text, examine_text, found, key, provider, server, snapshot_of, top
from tests.config.vendor_rows import KEYS, ROWS

CANARY = "canary-7f3d9a-0123456789"


class OnlyNamed(Mapping[str, str]):
    """An environment that notes each name it is asked for and can't be listed."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self.values_by_name = values
        self.asked: list[str] = []

    def __getitem__(self, name: str) -> str:
        self.asked.append(name)
        return self.values_by_name[name]

    def __iter__(self) -> Iterator[str]:
        raise AssertionError("the environment was listed")

    def __len__(self) -> int:
        raise AssertionError("the environment was counted")


def test_only_named_variables_are_read() -> None:
    env = OnlyNamed(KEYS | {"PATH": "/bin", "HOME": "/root"})
    assert examine_text(config_text(), env).snapshot is not None
    assert set(env.asked) == {"OPENAI_API_KEY", "ANTHROPIC_API_KEY"}


@pytest.mark.parametrize("text", ["$OPENAI_API_KEY", "$(id)", "`id`", "%OPENAI_API_KEY%", "$$", "~root"])
def test_nothing_else_is_replaced(text: str) -> None:
    snapshot = snapshot_of(provider(f"adapter: openai, base_url: 'https://a.example', headers: {{x-a: '{text}'}}"))
    assert snapshot.providers["x"].headers == (("x-a", text),)


def test_each_place_is_replaced() -> None:
    env = KEYS | {
        "HOST": "127.0.0.5",
        "PORT": "9000",
        "ALLOWED": "api.example.com",
        "CLIENT": CANARY,
        "DIGEST": sha256(b"another").hexdigest(),
        "URL": "https://models.example/v2",
        "REGION": "eu",
        "RETENTION": "zero",
        "HEADER": "header-value",
        "PROXY": "http://user:secret@proxy.example:3128",
    }
    text = config_text(
        top="server: {host: '${HOST}', port: '${PORT}', allowed_hosts: ['${ALLOWED}', b.example]}\n"
        "keys: {a: {key: '${CLIENT}'}, b: {sha256: '${DIGEST}'}}\n",
        providers="  openai: {adapter: openai, base_url: '${URL}', api_key: 'pre-${OPENAI_API_KEY}',\n"
        "    transport: httpx, region: '${REGION}', retention: '${RETENTION:-none}', headers: {x-a: 'v ${HEADER}'},\n"
        "    proxy: '${PROXY}'}\n"
        "  anthropic: {adapter: anthropic, api_key: '${NOWHERE:-default-key}'}\n",
        models="  gpt: {provider: openai, id: a, price: free}\n  opus: {provider: anthropic, id: claude-opus-4-6}\n",
    )
    snapshot = snapshot_of(text, env)
    assert (snapshot.server.host, snapshot.server.port) == ("127.0.0.5", 9000)
    assert snapshot.server.allowed_hosts == {"api.example.com", "b.example"}
    assert [k.sha256 for k in snapshot.keys] == [sha256(CANARY.encode()).digest(), sha256(b"another").digest()]
    openai = snapshot.providers["openai"]
    assert (openai.endpoint.host, openai.endpoint.prefix) == ("models.example", "/v2")
    assert (openai.region, openai.retention) == ("eu", "zero")
    assert openai.api_key.reveal() == "pre-openai-canary-0123456789"
    assert openai.headers == (("x-a", "v header-value"),)
    assert openai.proxy == "http://user:secret@proxy.example:3128"
    assert snapshot.providers["anthropic"].api_key.reveal() == "default-key"


def test_a_replaced_port_is_still_checked() -> None:
    assert found(examine_text(server("port: '${PORT}'"), KEYS | {"PORT": "http"})) == [
        '1:16: error: "port" must be a whole number, not "http"'
    ]


def test_a_default_may_be_empty() -> None:
    assert not snapshot_of(provider("vendor: openai, api_key: '${NOWHERE:-}'")).providers["x"].api_key


def test_secrets_from_files(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"  {CANARY}\n")
    (tmp_path / "digest").write_text("ab" * 32 + "\n")
    absolute = provider(f"vendor: openai, api_key: 'file:{tmp_path}/key'")
    assert snapshot_of(absolute).providers["x"].api_key.reveal() == CANARY
    relative = top("keys: {a: {key: 'file:key'}, b: {sha256: 'file:digest'}}")
    assert [k.sha256 for k in snapshot_of(relative, folder=tmp_path).keys] == [
        sha256(CANARY.encode()).digest(),
        bytes.fromhex("ab" * 32),
    ]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "is empty: it should hold the secret alone"),
        (b" \n", "is empty: it should hold the secret alone"),
        (b"x" * 70_000, "is larger than 65536 bytes: it should hold the secret alone"),
        (b"\xff\xfe", "can't be read: not UTF-8 text"),
    ],
)
def test_files_that_hold_no_secret(tmp_path: Path, content: bytes, problem: str) -> None:
    (tmp_path / "key").write_bytes(content)
    assert found(examine_text(key("key: file:key"), folder=tmp_path)) == [
        f"1:17: error: the file {tmp_path}/key {problem}"
    ]


def test_a_secret_shows_itself_to_nobody() -> None:
    secret = Secret(CANARY)
    shown = [repr(secret), str(secret), f"{secret}", f"{secret!r:>40}", repr([secret]), repr({1: secret})]
    assert all(CANARY not in text and "***" in text for text in shown)
    for attempt in (pickle.dumps, copy.deepcopy):
        with pytest.raises(TypeError, match="a Secret is not serialised"):
            attempt(secret)


SECRET_CONFIG = config_text(
    top="keys: {a: {key: '${A}'}}\n",
    providers="  openai: {adapter: openai, transport: httpx, api_key: '${B}', \n"
    "    proxy: 'http://u:canary-7f3d9a-e@p.example:1', headers: {x-a: '${C}', x-auth-b: '${D:-canary-7f3d9a-d}'}}\n"
    "  anthropic: {adapter: anthropic, api_key: canary-7f3d9a-f}\n",
)
SECRET_ENV = {name: f"canary-7f3d9a-{name}-0123456789" for name in "ABC"}


def test_no_secret_in_any_output(tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text(SECRET_CONFIG)
    out = io.StringIO()
    args = Namespace(file=str(file), strict=False, print_form=True)
    assert command.run(args, SECRET_ENV, out, vendors=ROWS) == 0
    snapshot = load(file, env=SECRET_ENV, vendors=ROWS)
    digest = sha256(SECRET_ENV["A"].encode())
    text = out.getvalue() + repr(snapshot.providers) + repr(snapshot.warnings) + snapshot.hash
    assert "canary" not in text
    assert digest.hexdigest() not in text
    assert "x-auth-b: '***'" in text
    assert "proxy: http://***@p.example:1" in text
    assert snapshot.providers["openai"].secret_headers == {"x-a", "x-auth-b"}


@pytest.mark.parametrize(
    "text",
    [
        provider("adapter: openai, api_key: [canary-7f3d9a-0123456789]"),
        provider("adapter: openai, api_key: canary-7f3d9a é"),
        provider("adapter: openai, api_key: 'canary-7f3d9a\\u0007'".replace("'", '"')),
        provider("adapter: openai, base_url: 'https://u:canary-7f3d9a@a.example'"),
        provider("adapter: openai, base_url: 'https://a.example/?key=canary-7f3d9a'"),
        provider("adapter: openai, base_url: 'canary-7f3d9a'"),
        provider("adapter: openai, base_url: 'https://u:canary-7f3d9a@a.example/" + "x" * 600 + "'"),
        provider("adapter: openai, headers: {authorization: canary-7f3d9a}"),
        provider("adapter: openai, headers: {x-a: \"canary-7f3d9a\\n\"}"),
        provider("adapter: openai, proxy: canary-7f3d9a"),
        provider("adapter: sk-canary-7f3d9a-0123456789"),
        provider("apikey: sk-canary-7f3d9a-0123456789"),
        key("key: canary-7f3d9a"),
        key("key: {canary-7f3d9a: x}").replace("canary-7f3d9a: x", "x: canary-7f3d9a"),
        key("sha256: canary-7f3d9a"),
        top("server: {host: 0.0.0.0, port: sk-canary-7f3d9a-0123456789}"),
    ],
)  # fmt: skip
def test_no_secret_in_an_error(text: str) -> None:
    loaded = examine_text(text)
    assert loaded.snapshot is None
    error = ConfigError(loaded.source, loaded.problems)
    assert "canary" not in str(error) + repr(error) + repr(loaded)


def test_every_place_of_a_reference_is_a_key_of_the_schema() -> None:
    from gateway.config.validate import known_keys

    for place in REFERENCE_PLACES:
        steps = tuple(step for step in place if step != "*") if place[0] == "server" else place
        if steps[-1] == "*":
            steps = steps[:-1]
        assert steps[-1] in known_keys(steps[:-1]), place
        assert place_of(place) == place
