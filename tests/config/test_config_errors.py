"""Every way a config can be wrong, the exact place and the exact words. ¶ marks the place.

Each case has one fault; the exact list of problems is compared, so that one fault is told once.
"""

from __future__ import annotations

import pytest

from tests.config.reading import (
    MODELS,
    ROUTES,
    bottom,
    config_text,
    examine_text,
    found,
    key,
    marked,
    model,
    models,
    provider,
    route,
    routes,
    server,
    top,
    when,
)

HEX = "ab" * 32
TOP_LEVEL = (
    "aliases, baselines, breakers, classify, keys, ledger, max_attempts, models, otel, providers, redis, retry, "
    "routes, server, strict_prices, tasks, timeouts"
)

SHAPE = [
    (
        top("¶colour: red"),
        f'unknown key "colour"; one of: {TOP_LEVEL}',
    ),
    (top("¶sever: {port: 1}"), 'unknown key "sever"; did you mean "server"?'),
    (
        top("¶mysql: {url: x}"),
        f'unknown key "mysql"; one of: {TOP_LEVEL}',
    ),
    (top("server: ¶[a]"), '"server" must be a mapping of keys'),
    (top("keys: ¶5"), '"keys" must be a mapping, such as {name: value}, not 5'),
    (top("max_attempts: ¶0"), '"max_attempts" must be at least 1, not 0'),
    (top('server:\n  port: ¶"8080"'), '"port" must be a whole number, not "8080"'),
    (server("port: ¶x"), '"port" must be a whole number, not "x"'),
    (server("port: ¶80.5"), '"port" must be a whole number, not 80.5'),
    (server("port: ¶70000"), '"port" must be at most 65535, not 70000'),
    (server("host: ¶127"), '"host" must be a string, not 127; put it in quotes'),
    (server("headers: ¶yes"), '"headers" must be true or false, not "yes"'),
    (server("¶prot: 80"), 'unknown key "prot" in "server"; did you mean "port"?'),
    (server("port: ¶"), '"port" is empty: give it a value, or remove the line'),
    (server("max_body: ¶32 megabytes"), '"max_body" must be a size, such as 32MB, 512KB, or a number of bytes'),
    (server("max_body: ¶2GB"), '"max_body" must be at least 1KB and at most 1GB'),
    (
        server("body_timeout: ¶soon"),
        '"body_timeout" must be a duration, such as 30s, 500ms, 2m, or a number of seconds',
    ),
    (server("body_timeout: ¶0"), '"body_timeout" must be more than 0 and at most 24h'),
    (server("max_json_depth: ¶2000"), '"max_json_depth" must be at most 200, not 2000'),
    (server("allowed_hosts: [a, ¶5]"), 'each of "allowed_hosts" must be a string, not 5; put it in quotes'),
    (
        top("keys:\n  ¶a b: {sha256: " + HEX + "}"),
        '"a b" is no name: letters, digits and . _ : @ -, at most 64, no "/" or spaces',
    ),
    (
        key("sha256: " + HEX + ", admin: ¶1"),
        '"admin" must be true or false, not 1',
    ),
    (key("key: ¶1234567890123456"), '"key" must be a string; put it in quotes'),
    (key("key: ¶[x]"), '"key" must be a string'),
    (provider("adapter: ¶opanai"), 'unknown adapter "opanai"; did you mean "openai"?'),
    (provider("adapter: openai, transport: ¶curl"), 'unknown transport "curl"; one of: httpx, native'),
    (provider("adapter: openai, ¶baseurl: u"), 'unknown key "baseurl" in provider "x"; did you mean "base_url"?'),
    (provider("adapter: openai, headers: ¶5"), '"headers" must be a mapping, such as {name: value}, not 5'),
    (provider("adapter: openai, headers: {x-a: ¶5}"), '"x-a" must be a string; put it in quotes'),
    (
        provider('adapter: openai, region: ¶"a\\u001b[31m"'),
        '"region" must be text without control characters, not "a\\x1b[31m"',
    ),
    (provider('adapter: openai, region: ¶""'), '"region" must be longer than nothing, not ""'),
    (
        models("  ¶a/b: {provider: openai, id: x}"),
        '"a/b" is no name: letters, digits and . _ : @ -, at most 64, no "/" or spaces',
    ),
    (models("  ¶auto: {provider: openai, id: x}"), '"auto" is reserved for routing: choose another name'),
    (models("  ¶route: {provider: openai, id: x}"), '"route" is reserved for routing: choose another name'),
    (
        models("  ¶none: {provider: openai, id: x}"),
        '"none" is what the ledger\'s sums call nothing: choose another name',
    ),
    (models("  ¶x: {provider: openai}"), '"id" is missing in model "x"'),
    (model("provider: openai, id: ¶4.1"), '"id" must be a string, not 4.1; put it in quotes'),
    (model("provider: openai, id: y, context: ¶128k"), '"context" must be a whole number, not "128k"'),
    (
        model("provider: openai, id: y, capabilities: [tools, ¶vision]"),
        'unknown capability "vision"; one of: audio_in, audio_out, computer, images, json_schema, '
        "logprobs, n, pdf, tools",
    ),
    (
        model("provider: openai, id: y, capabilities: ¶{only: [tools]}"),
        "write the list itself instead of {only: [...]}",
    ),
    (
        model("provider: openai, id: y, capabilities: ¶5"),
        '"capabilities" must be a list, such as [tools, images], or {add: [...], remove: [...]}',
    ),
    (
        model("provider: openai, id: y, capabilities: {¶ad: [tools]}"),
        'unknown key "ad" in "capabilities"; did you mean "add"?',
    ),
    (
        model("provider: openai, id: y, price: ¶cheap"),
        '"price" must be free, or {input: x, output: y} in USD per million tokens',
    ),
    (model("provider: openai, id: y, ¶price: {input: 1}"), '"output" is missing in "price"'),
    (model("provider: openai, id: y, price: {input: ¶-1, output: 2}"), '"input" must be at least 0, not -1'),
    (model("provider: openai, id: y, price: {input: 1, output: ¶$2}"), '"output" must be a number, not "$2"'),
    (model("provider: openai, id: y, fallbacks: ¶gpt"), '"fallbacks" must be a list, such as [a, b], not "gpt"'),
    (model("provider: openai, id: y, options: {a: ¶[b]}"), '"a" must be a string'),
    (routes("  - ¶{chain: [gpt]}"), '"name" is missing in this route'),
    (routes("  - ¶{name: a, when: {task: coding}}"), '"chain" is missing in this route'),
    (routes("  - {name: a, when: {task: coding}, chain: ¶[]}"), '"chain" must be a list of at least 1'),
    (
        routes("  - {name: a, when: {task: coding}, chain: ¶[a, b, c, d, e, f, g, h, i, j, k]}"),
        '"chain" must be a list of at most 10',
    ),
    (when("task: ¶codign"), 'unknown task "codign"; did you mean "coding"?'),
    (when("task: [coding, ¶5]"), 'each of "task" must be a string, not 5; put it in quotes'),
    (
        when("has: ¶pictures"),
        'unknown word "pictures"; one of: audio, code, computer, documents, images, json_schema, tools',
    ),
    (
        when("¶budget: 5"),
        'unknown key "budget" in "when"; one of: confidence, difficulty, has, '
        "header, hour, input_tokens, key, model, tags, task, team",
    ),
    (when("confidence: ¶0.6"), '"confidence" must be a range: {over: x}, {under: y} or {over: x, under: y}'),
    (when("hour: {¶from: 6}"), 'unknown key "from" in "hour"; one of: over, under'),
    (when("hour: {over: ¶six}"), '"over" must be a number, not "six"'),
    (route("prefer: ¶cheap"), 'unknown preference "cheap"; did you mean "cheapest"?'),
    (
        route("¶colour: x"),
        'unknown key "colour" in this route; one of: chain, fallback_on, hedge, max_attempts, name, '
        "on_content_policy, on_context_window, "
        "prefer, require, sticky, timeouts, weights, when",
    ),
    (route("timeouts: {idle: ¶5 days}"), '"idle" must be a duration, such as 30s, 500ms, 2m, or a number of seconds'),
    (route("fallback_on: [¶caller_fault]"), "caller_fault never falls back: the request would be as wrong elsewhere"),
    (route("fallback_on: [timeout, ¶ratelimit]"), 'unknown failure class "ratelimit"; did you mean "rate_limit"?'),
    (route("require: {capabilities: ¶tool}"), 'unknown capability "tool"; did you mean "tools"?'),
    (
        routes("  - {name: ¶a b, when: {task: coding}, chain: [gpt, opus]}"),
        '"a b" is no name: letters, digits and . _ : @ -, at most 64, no "/" or spaces',
    ),
    (bottom("aliases: {gpt-4o: ¶5}"), '"gpt-4o" must be a string, not 5; put it in quotes'),
    (bottom('aliases: {¶"a b": route}'), '"a b" can\'t be an alias: at most 128 visible ASCII characters'),
]


@pytest.mark.parametrize(("text", "message"), SHAPE, ids=lambda value: value if '"' in value[:9] else None)
def test_shape(text: str, message: str) -> None:
    text, place = marked(text)
    assert found(examine_text(text)) == [f"{place}: error: {message}"]


def test_all_errors_are_told_at_once() -> None:
    text = config_text(
        top="server: {port: x, hots: y}\n",
        models=MODELS + "  bad: {provider: opena, id: 5}\n",
        routes="  - {name: a, when: {task: codin}, chain: [gpt]}\n"
        "  - {name: b, when: {task: coding}, chain: [bad, gpd]}\n" + ROUTES,
        bottom="aliases: {x: gpd}\n",
    )
    assert found(examine_text(text)) == [
        '1:16: error: "port" must be a whole number, not "x"',
        '1:19: error: unknown key "hots" in "server"; did you mean "host"?',
        '8:30: error: "id" must be a string, not 5; put it in quotes',
        '10:28: error: unknown task "codin"; did you mean "coding"?',
        '11:50: error: unknown model "gpd"; did you mean "gpt"?',
        '13:14: error: unknown model "gpd"; did you mean "gpt"?',
    ]


def test_sections_that_are_commented_out_count_as_left_out() -> None:
    text = config_text(top="server:\n#  port: 1\nkeys:\naliases:\ntimeouts:\n")
    assert found(examine_text(text)) == []


def test_a_config_without_anything() -> None:
    assert found(examine_text("")) == [
        "1:1: error: there are no routes: add one, such as {name: default, chain: [a-model]}"
    ]
