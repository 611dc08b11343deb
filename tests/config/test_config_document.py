"""YAML as it may come in: hostile, broken, or merely unusual. Errors say where; nothing is executed or blown up."""

from __future__ import annotations

import pytest

from gateway.config.document import MAX_BYTES, plain_scalar, read_document
from gateway.config.problem import ConfigError, Findings
from tests.config.reading import config_text, examine_text, found, marked


def refused(text: str | bytes) -> str:
    """The one error that keeps the text from being read."""
    loaded = examine_text(text)
    assert loaded.snapshot is None
    (only,) = found(loaded)
    return only


def parse(text: str) -> object:
    findings = Findings()
    root = read_document(text.encode(), "test.yaml", findings)
    assert not findings.sorted()
    return root.plain()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "a: ¶!!python/object/apply:os.system [id]\n",
            "the tag !!python/object/apply:os.system is not allowed: write plain values",
        ),
        ("a: ¶!!str 5\n", "the tag !!str is not allowed: write plain values"),
        ("a: ¶!secret {b: 1}\n", "the tag !secret is not allowed: write plain values"),
        ("a: 1\n¶--- \nb: 2\n", "a second document begins here: a config is one document"),
        ("a: ¶*nothing\n", "the alias *nothing has no anchor before it"),
        ("a: &x [¶*x]\n", "the alias *x refers to itself"),
        ("? ¶[a, b]\n: 1\n", "a key must be a plain name, not a list or a mapping"),
        ("k: &k name\n¶*k : 1\n", "an alias can't be a key: write the key out"),
        ("<<: [¶a]\n", "<< takes a mapping or a list of mappings"),
        ("server:\n¶\tport: 1\n", "a tab can't indent YAML: use spaces"),
        ("name: a¶\x00b\n", "control character U+0000: remove it"),
        ("name: a¶\x1b[31mb\n", "control character U+001B: remove it"),
    ],
)
def test_refused_with_its_place(text: str, message: str) -> None:
    text, place = marked(text)
    assert refused(text) == f"{place}: error: {message}"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("[" * 33 + "]" * 33, "1:33"),
        ("[" * 100_000, "1:33"),
        ("- " * 50_000 + "a", "1:65"),
        ("{a: " * 20_000, "1:129"),
    ],
)
def test_nested_too_deep(text: str, place: str) -> None:
    assert refused(text) == f"{place}: error: nested deeper than 32 levels"


@pytest.mark.parametrize(
    ("text", "place"),
    [("a: [1, 2\nb: 3\n", "2:2"), ("a: 'x\n", "2:1"), ("a: b: c\n", "1:5"), ("a: %x\n", "1:4"), ("- a\nb\n", "3:1")],
)
def test_syntax_errors_have_a_place(text: str, place: str) -> None:
    assert refused(text).startswith(f"{place}: error: not valid YAML: ")


def test_a_syntax_error_says_where_the_open_thing_began() -> None:
    assert refused("a: 1\nb: [1, 2\nc: 3\n").endswith("(while parsing a flow sequence that begins on line 2)")


def test_bytes_that_are_not_utf8() -> None:
    assert refused(b"a: 1\nname: caf\xe9\n") == "2:10: error: not UTF-8 text: save the file as UTF-8"
    assert refused("name: é\n".encode("utf-16")).startswith("1:1: error: not UTF-8 text")


def test_a_file_of_ten_megabytes() -> None:
    message = f"1:1: error: the file is larger than {MAX_BYTES} bytes: this is no gateway config"
    assert refused(b"a: 1\n" * 2_000_000) == message


def test_aliases_that_multiply() -> None:
    text = 'a0: &a0 ["x", "x", "x", "x", "x", "x", "x", "x", "x", "x"]\n'
    for level in range(1, 10):
        text += f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]\n"
    assert refused(text) == "5:30: error: more than 50000 values, with aliases expanded"


def test_every_duplicate_key_is_told() -> None:
    text = config_text(top="server: {port: 1000, port: 2000}\nserver: {}\n")
    assert found(examine_text(text)) == [
        '1:22: error: duplicate key "port": it also stands on line 1',
        '2:1: error: duplicate key "server": it also stands on line 1',
    ]


def test_the_python_loader_reads_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    import yaml

    from gateway.config import document

    text = "a: &x {b: [1, 2.5, null, 'c']}\nd: {<<: *x, e: true}\n"
    native = parse(text)
    monkeypatch.setattr(document, "_LOADER", yaml.SafeLoader)
    assert parse(text) == native == {"a": {"b": [1, 2.5, None, "c"]}, "d": {"e": True, "b": [1, 2.5, None, "c"]}}
    with pytest.raises(ConfigError, match=r"1:4: the tag !!python/name:os is not allowed"):
        parse("a: !!python/name:os x\n")


def test_anchors_and_merges_give_what_is_written_first() -> None:
    assert parse("base: &b {a: 1, c: 2}\nmore: {<<: *b, a: 3}\nboth: {<<: [*b, {d: 4}]}\n") == {
        "base": {"a": 1, "c": 2},
        "more": {"a": 3, "c": 2},
        "both": {"a": 1, "c": 2, "d": 4},
    }


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("8080", 8080),
        ("150_000", 150_000),
        ("-3", -3),
        ("0.6", 0.6),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("yes", "yes"),
        ("on", "on"),
        ("12:30", "12:30"),
        ("010", "010"),
        ("0x10", "0x10"),
        (".inf", ".inf"),
        ("2026-01-01", "2026-01-01"),
        ("9" * 5000, "9" * 5000),
    ],
)
def test_scalars(text: str, value: object) -> None:
    read = plain_scalar(text)
    assert read == value
    assert type(read) is type(value)


def test_quoted_scalars_are_text_and_keys_are_text() -> None:
    assert parse("1: \"8080\"\ntrue: 'null'\n") == {"1": "8080", "true": "null"}


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "\ufeff"])
def test_an_empty_file_is_an_empty_config(text: str) -> None:
    assert parse(text) == {}


@pytest.mark.parametrize("text", ["[a, b]\n", "just text\n", "5\n"])
def test_a_config_that_is_no_mapping(text: str) -> None:
    assert found(examine_text(text)) == [
        "1:1: error: a config is a mapping of sections: server, keys, providers, models, routes, ...",
        "1:1: error: there are no routes: add one, such as {name: default, chain: [a-model]}",
    ]
