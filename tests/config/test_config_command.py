"""`gateway check`: what it prints and with which status it ends."""

from __future__ import annotations

import argparse
import io
from pathlib import Path

import pytest
import yaml

from gateway.config import command
from tests.config.reading import config_text, model, server
from tests.config.vendor_rows import KEYS, ROWS


def check(*args: str, env: dict[str, str] = KEYS) -> tuple[int, str]:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    out = io.StringIO()
    return command.run(parser.parse_args(args), env, out, vendors=ROWS), out.getvalue()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "gateway.yaml"


def test_fine(file: Path) -> None:
    file.write_text(config_text())
    status, out = check(str(file))
    assert status == 0
    assert out.startswith(f"{file}: ok, no warnings (2 providers, 2 models, 1 route, config ")
    assert check(str(file), "--strict")[0] == 0


def test_warnings_fail_only_when_strict(file: Path) -> None:
    file.write_text(model("provider: openai, id: gpt-5.4"))
    warning = f'{file}:7:3: warning: no route, alias or fallback uses model "x": only requests that name it reach it\n'
    status, out = check(str(file))
    assert status == 0
    assert out.startswith(f"{warning}{file}: ok, 1 warning (")
    status, out = check(str(file), "--strict")
    assert status == 1
    assert out.startswith(warning)


def test_errors(file: Path) -> None:
    file.write_text(server("port: x, max_body: y"))
    assert check(str(file), "--print") == (
        1,
        f'{file}:1:16: error: "port" must be a whole number, not "x"\n'
        f'{file}:1:29: error: "max_body" must be a size, such as 32MB, 512KB, or a number of bytes\n'
        f"{file}: 2 errors\n",
    )


def test_a_file_that_is_not_there(file: Path) -> None:
    assert check(str(file)) == (
        1,
        f"{file}:1:1: error: the file can't be read: No such file or directory\n{file}: 1 error\n",
    )


def test_the_print_is_one_yaml_document(file: Path) -> None:
    file.write_text(model("provider: openai, id: gpt-5.4, price: {input: 1.25, output: 2}"))
    status, out = check(str(file), "--print")
    assert status == 0
    assert out.splitlines()[0].startswith(f"# {file}:7:3: warning: ")
    form = yaml.safe_load(out)
    assert form["providers"]["openai"]["api_key"] == "***"
    assert form["models"]["x"]["prices"][0]["input"] == 1.25
    assert form["routes"][0]["timeouts"]["total"] == 600.0
    assert form["aliases"] == {"auto": "route"}


def test_the_default_file() -> None:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    assert parser.parse_args([]).file == "config/gateway.yaml"
