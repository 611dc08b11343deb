"""Keys: hashed, compared in constant time, and never a default caller on failure."""

from __future__ import annotations

import hashlib
import io

import pytest
import yaml

from gateway.auth.keys import ANYONE, Authenticator, mask
from gateway.cli import main
from gateway.config.snapshot import ClientKey
from gateway.core.errors import AuthError

APP, OPS = "sk-app-0123456789abcdef", "sk-ops-0123456789abcdef"


def digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


KEYS = Authenticator(
    [
        ClientKey("app", digest(APP), team="red", tags=("batch",)),
        ClientKey("ops", digest(OPS), admin=True),
    ]
)


def test_a_key_names_its_caller() -> None:
    caller = KEYS.authenticate(f"Bearer {APP}".encode())
    assert (caller.name, caller.team, caller.tags, caller.admin) == ("app", "red", {"batch"}, False)
    assert KEYS.authenticate(f"bearer  {OPS} ".encode()).admin


@pytest.mark.parametrize("header", [None, b"", b"Bearer", b"Bearer ", b"Basic abc", APP.encode()])
def test_no_key(header: bytes | None) -> None:
    with pytest.raises(AuthError) as caught:
        KEYS.authenticate(header)
    assert (caught.value.status, caught.value.code) == (401, None)
    assert caught.value.message.startswith("You didn't provide an API key.")


@pytest.mark.parametrize(
    "token", ["wrong", "' OR '1'='1", APP[:-1], APP + "x", APP.upper(), "\x00", "ü", digest(APP).hex(), "x" * 100_000]
)
def test_a_wrong_key(token: str) -> None:
    with pytest.raises(AuthError) as caught:
        KEYS.authenticate(b"Bearer " + token.encode())
    assert (caught.value.status, caught.value.code) == (401, "invalid_api_key")
    assert len(caught.value.message) < 200
    assert APP[:-1] not in caught.value.message


def test_admin_paths_need_an_admin_key() -> None:
    assert KEYS.authenticate_admin(f"Bearer {OPS}".encode()).name == "ops"
    with pytest.raises(AuthError) as caught:
        KEYS.authenticate_admin(f"Bearer {APP}".encode())
    assert caught.value.status == 403


def test_without_any_keys_everyone_may_call() -> None:
    assert Authenticator([]).authenticate(None) is ANYONE
    assert Authenticator([]).authenticate(b"Bearer anything") is ANYONE


def test_mask_shows_at_most_four_characters() -> None:
    assert mask(b"sk-0123456789abcdef") == "********cdef"
    assert mask(b"short") == "********"
    assert mask("řřřřřřřřřřřřřřř\n".encode()) == "********"


def test_the_key_command_makes_a_key_that_gets_in(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["key", "app", "--team", "red", "--admin"]) == 0
    printed = capsys.readouterr().out
    key = next(line.strip() for line in printed.splitlines() if line.strip().startswith("sk-sy-"))
    entry = yaml.safe_load(io.StringIO(printed[printed.index("  app:") :]))["app"]
    assert entry["team"] == "red"
    assert entry["admin"] is True
    caller = Authenticator([ClientKey("app", bytes.fromhex(entry["sha256"]))]).authenticate(f"Bearer {key}".encode())
    assert caller.name == "app"
