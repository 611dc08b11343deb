"""Keys of a provider, repetitions, breakers and the chains of a route: what they mean, and how they can be wrong."""

from __future__ import annotations

import pytest

from gateway.config.resolved import to_yaml
from gateway.config.snapshot import Breakers, ProviderKey, Retry, Secret, Sticky
from gateway.core.plan import Hedge
from tests.config.reading import (
    config_text,
    examine_text,
    found,
    marked,
    provider,
    route,
    routes,
    snapshot_of,
    top,
)
from tests.config.vendor_rows import KEYS

ENV = KEYS | {"ONE": "canary-one-0123456789", "TWO": "canary-two-0123456789"}
SEVERAL = 'x: {adapter: openai, base_url: "http://gpu:8000/v1", api_keys: %s}'


def several(keys: str) -> str:
    return config_text(
        providers=f'  openai: {{adapter: openai, api_key: "${{OPENAI_API_KEY}}"}}\n  {SEVERAL % keys}\n',
        models="  gpt: {provider: openai, id: gpt-5.4}\n  own: {provider: x, id: own, price: free}\n",
        routes="  - {name: default, chain: [gpt, own]}\n",
    )


def test_the_defaults() -> None:
    snapshot = snapshot_of(config_text())
    assert snapshot.retry == Retry()
    assert snapshot.breakers == Breakers()
    assert snapshot.providers["openai"].keys == (ProviderKey("default", Secret(KEYS["OPENAI_API_KEY"])),)


def test_what_is_given() -> None:
    snapshot = snapshot_of(
        top("retry: {budget: 0.2, base: 100ms, max: 1s}\nbreakers: {consecutive: 2, share: 30%, max_open: 1m}")
    )
    assert snapshot.retry == Retry(0.2, 0.1, 1.0)
    assert snapshot.breakers == Breakers(consecutive=2, share=0.3, max_open_s=60.0)


@pytest.mark.parametrize(
    ("text", "names"),
    [('["${ONE}", "${TWO}"]', ("key-1", "key-2")), ('{blue: "${ONE}", green: "${TWO}"}', ("blue", "green"))],
)
def test_several_keys(text: str, names: tuple[str, ...]) -> None:
    loaded = examine_text(several(text), ENV)
    assert loaded.snapshot is not None, loaded.problems
    keys = loaded.snapshot.providers["x"].keys
    assert [key.name for key in keys] == list(names)
    assert [key.secret.reveal() for key in keys] == [ENV["ONE"], ENV["TWO"]]
    assert loaded.form is not None
    assert "canary" not in to_yaml(loaded.form) + repr(loaded.snapshot)
    assert found(loaded) == []


def test_a_key_that_is_not_set_is_left_out() -> None:
    loaded = examine_text(several('["${ONE}", "${THREE}", "${TWO}"]'), ENV)
    assert loaded.snapshot is not None
    assert [key.name for key in loaded.snapshot.providers["x"].keys] == ["key-1", "key-3"]
    assert [line.split(": ", 1)[1] for line in found(loaded)] == [
        "warning: this key is left out, because the environment variable THREE is not set"
    ]


def test_without_any_key_the_provider_is_off() -> None:
    loaded = examine_text(several('["${THREE}", "${FOUR}"]'), ENV)
    assert loaded.snapshot is not None
    assert loaded.snapshot.off == {"x": "the environment variable THREE is not set"}
    assert loaded.snapshot.routes[0].chain == ("gpt",)
    assert any('provider "x" is off' in line for line in found(loaded))


def test_the_chains_of_a_route() -> None:
    snapshot = snapshot_of(route("on_context_window: [opus], on_content_policy: [gpt]"))
    assert snapshot.routes[0].on_context_window == ("opus",)
    assert snapshot.routes[0].on_content_policy == ("gpt",)
    assert snapshot.routes[1].on_context_window is None


def test_sharing_out() -> None:
    found = snapshot_of(route("prefer: weights, weights: {gpt: 7, opus: 3}, sticky: {header: X-Talk}")).routes[0]
    assert (found.prefer, found.weights) == ("weights", (("gpt", 7.0), ("opus", 3.0)))
    assert found.sticky == Sticky("x-talk")
    assert snapshot_of(route("sticky: session")).routes[0].sticky == Sticky()
    assert snapshot_of(route("prefer: fastest")).routes[0].prefer == "fastest"


def test_hedging() -> None:
    assert snapshot_of(route("hedge: {}")).routes[0].hedge == Hedge(0.95, None, 0.05)
    assert snapshot_of(route("hedge: {after: p90, max_extra: 2%}")).routes[0].hedge == Hedge(0.9, None, 0.02)
    assert snapshot_of(route("hedge: {after: 800ms}")).routes[0].hedge == Hedge(after_s=0.8)
    alone = routes("  - {name: a, when: {task: coding}, chain: [gpt], hedge: {}}")
    assert any("has nobody to run beside a late model" in line for line in found(examine_text(alone)))


def test_models_of_those_chains_are_used() -> None:
    text = config_text(
        models="  gpt: {provider: openai, id: gpt-5.4}\n  opus: {provider: anthropic, id: claude-opus-4-6}\n"
        "  big: {provider: anthropic, id: claude-sonnet-4-6}\n",
        routes="  - {name: default, chain: [gpt, opus], on_context_window: [big]}\n",
    )
    assert found(examine_text(text)) == []


WRONG = [
    (top("retry: {budget: ¶110%}"), '"budget" must lie between 0% and 100%: 10% is 0.1'),
    (top("retry: {budget: ¶a tenth}"), '"budget" must be a share, such as 10% or 0.1'),
    (top("retry: {base: 5s, max: ¶1s}"), "the longest pause can't be shorter than the first, 5s"),
    (top("breakers: {open: 1m, max_open: ¶10s}"), "the longest time can't be shorter than the first, 60s"),
    (top("breakers: {share: ¶0%}"), "a share of 0% would open at the first request: use 1% to 100%"),
    (top("breakers: {consecutive: ¶0}"), '"consecutive" must be at least 1, not 0'),
    (top("breakers: {¶opens: 1s}"), 'unknown key "opens" in "breakers"; did you mean "open"?'),
    (
        provider("adapter: openai, api_keys: ¶one"),
        '"api_keys" must be a list of keys, such as ["${A}", "${B}"], or a mapping of names to keys',
    ),
    (provider("adapter: openai, ¶api_keys: []"), '"api_keys" is empty: give it a key, or remove it'),
    (
        provider('adapter: openai, api_key: "${ONE}", ¶api_keys: ["${TWO}"]'),
        '"api_keys" and "api_key" stand beside each other: put all keys into api_keys',
    ),
    (provider('adapter: openai, ¶api_keys: ["${ONE}", "${ONE}"]'), '"api_keys" holds the same key twice'),
    (route("on_context_window: [¶opsu]"), 'unknown model "opsu"; did you mean "opus"?'),
    (route("¶weights: {gpt: 1, opus: 1}"), "weights are for prefer: weights"),
    (route("prefer: ¶weights"), "prefer: weights needs weights: {model: number} beside it"),
    (route("prefer: weights, weights: ¶{gpt: 1}"), 'give "opus" a weight, too; 0 for only when the others fail'),
    (route("prefer: weights, weights: ¶{gpt: 0, opus: 0}"), "at least one weight must be more than 0"),
    (route("prefer: weights, weights: {gpt: 1, opus: 1, ¶x: 1}"), '"x" is not in the chain of this route'),
    (route("prefer: weights, weights: {gpt: 1, opus: ¶-1}"), '"opus" must be at least 0, not -1'),
    (route("prefer: fastest, ¶sticky: session"), "sticky and prefer: fastest pull apart: use order or weights"),
    (route("sticky: ¶user"), '"sticky" must be session, or {header: x-session-id}'),
    (route("sticky: {header: ¶a b}"), '"a b" is no header name'),
    (route("sticky: {header: ¶Cookie}"), 'rules can\'t see the header "Cookie": use key or team'),
    (route("hedge: {after: ¶p100}"), '"after" must be a quantile from p50 to p99, or a duration such as 800ms'),
    (route("hedge: {max_extra: ¶5}"), '"max_extra" must lie between 0% and 100%: 10% is 0.1'),
    (route("hedge: ¶p95"), '"hedge" must be a mapping of keys, not "p95"'),
    (route("on_content_policy: ¶[]"), '"on_content_policy" must be a list of at least 1'),
]


@pytest.mark.parametrize(("text", "message"), WRONG)
def test_wrong(text: str, message: str) -> None:
    text, place = marked(text)
    assert [line for line in found(examine_text(text, ENV)) if "error" in line] == [f"{place}: error: {message}"]


def test_a_key_that_is_written_out_is_warned_of() -> None:
    loaded = examine_text(several("[plain-0123456789abc]"), ENV)
    assert any("a secret is written out" in line for line in found(loaded))
    assert "plain-0123456789abc" not in "".join(found(loaded))
