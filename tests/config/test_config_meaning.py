"""What each part of a config must mean beside its shape: names that lead somewhere, addresses, keys, ranges. ¶ marks
the place of the one error; the exact list of errors is compared.
"""

from __future__ import annotations

import pytest

from tests.config.reading import (
    MODELS,
    PROVIDERS,
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

LONG_KEY = "0123456789abcdef"
ENV = {
    "OPENAI_API_KEY": "openai-canary-0123456789",
    "ANTHROPIC_API_KEY": "anthropic-canary-0123456789",
    "SHORT": "short",
    "SPACED": "a key with spaces in it",
    "CLIENT": LONG_KEY,
    "TWO_LINES": "one\ntwo",
    "EMPTY": "",
    "SLASHED": "Zm9vsecret/YmFy",
}
URL = '"base_url" must be a URL such as https://api.example.com/v1'
NO_KEYS = "can be reached from other machines, and there are no keys: add keys, listen on 127.0.0.1, or say "
NO_KEYS += "allow_unauthenticated: true"

UNREADABLE = "this address is no use: it can't be read: / ? # @ : % in a user or a password are written as "
UNREADABLE += "%2F %3F %23 %40 %3A %25"

ERRORS = [
    # server
    (server("host: ¶0.0.0.0"), f"0.0.0.0 {NO_KEYS}"),
    (server('host: ¶"::"'), f":: {NO_KEYS}"),
    (server("host: ¶gateway.example.com"), f"gateway.example.com {NO_KEYS}"),
    (server("host: ¶http://0.0.0.0"), '"http://0.0.0.0" is no host name or address'),
    (server("allowed_hosts: [a.example.com, ¶http://b]"), '"http://b" is no host name: leave out scheme and port'),
    (
        top("server: {allow_unauthenticated: ¶true}\nkeys: {a: {key: '${CLIENT}'}}"),
        "allow_unauthenticated contradicts keys: with keys, every request needs one; remove either",
    ),
    # keys
    (top("keys: {¶a: {team: x}}"), 'key "a" needs one of key: ${VARIABLE} and sha256: <64 hex digits>'),
    (
        top("keys: {¶a: {key: '${CLIENT}', sha256: abc}}"),
        'key "a" needs one of key: ${VARIABLE} and sha256: <64 hex digits>',
    ),
    (
        top("keys: {a: {key: '${CLIENT}', models: [gpt, ¶gtp]}}"),
        '"gtp" is no model of the catalogue; did you mean "gpt"?',
    ),
    (
        top("keys: {¶a: {key: '${CLIENT}', require: {region: eu}}}"),
        'key "a" may use no model at all: none fits "eu"',
    ),
    (key("sha256: ¶abc"), "sha256 is 64 hex digits: printf %s KEY | sha256sum"),
    (key("key: ¶'${SHORT}'"), "a key has at least 16 characters: this one can be guessed"),
    (key("key: ¶'${SPACED}'"), "a key is visible ASCII characters without spaces"),
    (key("key: ¶'${NOWHERE}'"), "the environment variable NOWHERE is not set: set it, or give a default"),
    (key("key: ¶'${EMPTY}'"), "the environment variable EMPTY is not set: set it, or give a default"),
    (
        top("keys:\n  a: {key: '${CLIENT}'}\n  ¶b: {key: '${CLIENT}'}"),
        'key "b" is the same as key "a": give each its own',
    ),
    # references
    (provider("adapter: openai, api_key: ¶'${a b}'"), "a reference is written ${NAME} or ${NAME:-default}"),
    (provider("adapter: openai, api_key: ¶'${OPENAI_API_KEY'"), "a reference is written ${NAME} or ${NAME:-default}"),
    (
        provider("adapter: openai, base_url: ¶'https://${NOWHERE}/v1'"),
        "the environment variable NOWHERE is not set: set it, or give a default",
    ),
    (
        model("provider: openai, id: ¶'${PATH}'"),
        "${PATH} is not replaced here: references stand in the server's, keys' and providers' values",
    ),
    (
        when("header: {x-app: ¶'${HOME}'}"),
        "${HOME} is not replaced here: references stand in the server's, keys' and providers' values",
    ),
    (
        provider("adapter: openai, api_key: ¶file:/nowhere/key"),
        "the file /nowhere/key can't be read: No such file or directory",
    ),
    (provider("vendor: openai, region: ¶file:/etc/hostname"), "file: is for secrets only: write the value, or ${NAME}"),
    (provider("adapter: openai, api_key: ¶''"), '"api_key" is empty: give it a value, or remove the line'),
    (provider("adapter: openai, api_key: ¶"), '"api_key" is empty: give it a value, or remove the line'),
    # providers
    (
        config_text(providers=PROVIDERS + "  ¶x: {region: us}\n"),
        'provider "x" needs an adapter (openai, anthropic, gemini) or a vendor',
    ),
    (provider("vendor: ¶opnai"), 'unknown vendor "opnai"; did you mean "openai"?'),
    (provider("vendor: meta, adapter: ¶anthropic"), 'vendor "meta" speaks openai: leave the adapter out'),
    (
        config_text(providers=PROVIDERS + "  ¶x: {vendor: azure}\n"),
        '"base_url" is missing in provider "x": azure has no fixed address',
    ),
    (provider("adapter: openai, base_url: ¶api.example.com/v1"), URL),
    (provider("adapter: openai, base_url: ¶ftp://api.example.com"), URL),
    (provider("adapter: openai, base_url: ¶'https://'"), URL),
    (provider("adapter: openai, base_url: ¶'https://[::1/v1'"), URL),
    (provider("adapter: openai, base_url: ¶'https://a.example:99999/v1'"), URL),
    (provider("adapter: openai, base_url: ¶'https://a.example/v 1'"), URL),
    (
        provider("adapter: openai, base_url: ¶'https://a.example/\\tv1'".replace("'", '"')),
        '"base_url" must be text without control characters',
    ),
    (provider("adapter: openai, base_url: ¶https://bücher.example/v1"), URL),
    (
        provider("adapter: openai, base_url: ¶'https://user:pass@a.example/v1'"),
        '"base_url" holds a user or password: use api_key or headers',
    ),
    (
        provider("adapter: openai, base_url: ¶'https://a.example/v1?key=1'"),
        '"base_url" ends at its path: remove what begins with ? or #',
    ),
    (
        provider("adapter: openai, base_url: ¶'https://a.example/v1#x'"),
        '"base_url" ends at its path: remove what begins with ? or #',
    ),
    (
        provider("adapter: openai, api_key: ¶'${SPACED}'"),
        '"api_key" holds spaces or characters that no HTTP header can carry',
    ),
    (
        provider("adapter: openai, api_key: ¶'${TWO_LINES}'"),
        '"api_key" holds spaces or characters that no HTTP header can carry',
    ),
    (
        provider("adapter: openai, api_key: '${CLIENT}', headers: {¶Authorization: x}"),
        'the header "Authorization" is set by the gateway: use api_key',
    ),
    (
        provider("adapter: openai, api_key: '${CLIENT}', headers: {¶x-api-key: x}"),
        'the header "x-api-key" is set by the gateway: use api_key',
    ),
    (
        provider("adapter: openai, api_key: '${CLIENT}', headers: {¶Transfer-Encoding: x}"),
        'the header "Transfer-Encoding" is set by the gateway: remove it',
    ),
    (
        provider("adapter: openai, api_key: '${CLIENT}', headers: {¶x-gateway-model: x}"),
        'the header "x-gateway-model" is set by the gateway: remove it',
    ),
    (
        provider("adapter: openai, api_key: '${CLIENT}', headers: {¶'x y': x}"),
        '"x y" is no header name',
    ),
    (
        provider("adapter: openai, api_key: '${CLIENT}', headers: {x-a: b, ¶X-A: c}"),
        'the header "X-A" is given twice',
    ),
    (
        provider("adapter: openai, api_key: '${CLIENT}', headers: {x-a: ¶'${TWO_LINES}'}"),
        'the value of header "x-a" holds control characters or is not Latin-1',
    ),
    (
        provider("adapter: openai, api_key: '${CLIENT}', ¶proxy: http://p:3128"),
        '"proxy" needs "transport: httpx"',
    ),
    (
        provider("adapter: openai, api_key: '${CLIENT}', transport: httpx, proxy: ¶p:3128"),
        '"proxy" must be a URL such as http://proxy.internal:3128',
    ),
    (
        provider("adapter: openai, api_key: '${CLIENT}', ca_file: ¶/nowhere/ca.pem"),
        "the file /nowhere/ca.pem does not exist",
    ),
    (
        provider("adapter: openai, api_key: '${CLIENT}', ca_file: ¶/etc/hostname"),
        "the file /etc/hostname holds no PEM certificates",
    ),
    (
        provider("adapter: openai, api_key: '${CLIENT}', client_cert: ¶/etc/hostname"),
        "the client certificate and its key can't be loaded: PEM, no password",
    ),
    (
        provider("adapter: openai, api_key: '${CLIENT}', ¶client_key: /etc/hostname"),
        '"client_key" needs "client_cert" beside it',
    ),
    (
        provider("adapter: openai, base_url: 'http://127.0.0.1:9/v1', ¶ca_file: /etc/hostname"),
        '"ca_file" has no effect on http://: use https://, or remove it',
    ),
    # models and aliases
    (model("provider: ¶opnai, id: y"), 'unknown provider "opnai"; did you mean "openai"?'),
    (model("provider: openai, id: y, fallbacks: [¶gpd]"), 'unknown model "gpd"; did you mean "gpt"?'),
    (model("provider: openai, id: y, fallbacks: [gpt, ¶gpt]"), 'model "gpt" stands in this chain twice'),
    (model("provider: openai, id: y, ¶fallbacks: [x]"), "fallbacks form a loop: x -> x"),
    (
        models("  x: {provider: openai, id: y, ¶fallbacks: [z]}\n  z: {provider: openai, id: y, fallbacks: [gpt, x]}"),
        "fallbacks form a loop: x -> z -> x",
    ),
    (
        model("provider: openai, id: y, capabilities: ¶{add: [tools, n], remove: [n]}"),
        '"n" is both added and removed',
    ),
    (bottom("aliases: {¶gpt: route}"), 'alias "gpt" hides the model of that name: rename either'),
    (bottom("aliases: {auto: ¶gpt}"), '"auto" always means route: give the model an alias of its own'),
    (bottom("aliases: {gpt-4o: ¶gpd}"), 'unknown model "gpd"; did you mean "gpt"?'),
    (bottom("aliases: {gpt-4o: ¶rout}"), 'unknown model "rout"; did you mean "route"?'),
    # routes
    (
        config_text().replace("routes:\n" + ROUTES, "¶routes: []\n"),
        "there are no routes: add one, such as {name: default, chain: [a-model]}",
    ),
    (
        config_text(routes="  - {name: a, ¶when: {task: coding}, chain: [gpt, opus]}\n"),
        "the last route has a `when`: requests that match no rule would have no route; remove it, or add one",
    ),
    (routes("  - {name: a, when: {task: coding}, chain: [gpt, ¶opsu]}"), 'unknown model "opsu"; did you mean "opus"?'),
    (routes("  - {name: a, when: {task: coding}, chain: [gpt, opus, ¶gpt]}"), 'model "gpt" stands in this chain twice'),
    (
        routes("  - {name: a, when: {task: coding}, chain: [gpt, opus]}\n  - {name: ¶a, chain: [gpt, opus]}"),
        'a route named "a" already stands on line 8',
    ),
    (routes("  - {name: a, when: ¶{}, chain: [gpt, opus]}"), "`when` asks nothing: leave it out"),
    (when("confidence: ¶{}"), '"confidence" needs over, under, or both'),
    (when("confidence: {over: ¶60}"), '"confidence" lies between 0 and 1, not at 60'),
    (when("hour: {under: ¶25}"), '"hour" lies between 0 and 24, not at 25'),
    (when("hour: ¶{over: 22, under: 6}"), '"hour" can\'t be over 22 and under 6 at once'),
    (when("confidence: ¶{over: 1}"), '"confidence" never lies beyond 1'),
    (when("difficulty: ¶{under: 0}"), '"difficulty" never lies beyond 0'),
    (when("header: {¶'x y': z}"), '"x y" is no header name'),
    (when("header: {¶Authorization: z}"), 'rules can\'t see the header "Authorization": use key or team'),
    (when("key: ¶web"), 'unknown key "web"; there is none yet'),
    (when("team: ¶web"), 'no key has the team "web"; there is none yet'),
    (route("require: {region: ¶eu}"), 'no model of the chain is in region "eu"'),
    (route("require: {retention: ¶zero}"), 'no model of the chain has retention "zero"'),
    (
        routes("  - {name: a, when: {task: coding}, chain: [opus], require: {capabilities: ¶[audio_in]}}"),
        'no model of the chain has "audio_in"',
    ),
    # redis
    (bottom("redis: {url: ¶localhost}"), "a Redis URL begins with redis://, rediss://, unix://"),
    (bottom("redis: {url: ¶'redis://:${SLASHED}@127.0.0.1/0'}"), UNREADABLE),
    (
        bottom("redis: {url: ¶'redis://127.0.0.1/0?sockettimeout=5'}"),
        "this address is no use: redis-py knows no such option: 'sockettimeout'",
    ),
    (bottom("redis: {mode: sentinel, master: m, url: ¶'redis://a:26379,b:x'}"), UNREADABLE),
]


@pytest.mark.parametrize(("text", "message"), ERRORS)
def test_meaning(text: str, message: str) -> None:
    text, place = marked(text)
    errors = [problem for problem in found(examine_text(text, ENV)) if ": error: " in problem]
    assert errors == [f"{place}: error: {message}"]


def test_the_last_route_counts_also_beside_broken_ones() -> None:
    text = config_text(routes="  - {name: a, when: {task: coding}, chain: [gpt, opus]}\n  - {name: b, chain: 5}\n")
    assert found(examine_text(text)) == ['9:22: error: "chain" must be a list, such as [a, b], not 5']


def test_names_of_broken_entries_are_known() -> None:
    """One mistake in a provider doesn't make each of its models, and each of their routes, a mistake."""
    text = config_text(providers="  openai: {adapter: opnai}\n" + PROVIDERS.splitlines(keepends=True)[1])
    assert found(examine_text(text)) == ['2:21: error: unknown adapter "opnai"; did you mean "openai"?']


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "localhost", "'::1'"])
def test_loopback_needs_no_keys(host: str) -> None:
    assert found(examine_text(server(f"host: {host}"))) == []


def test_an_open_gateway_must_be_asked_for() -> None:
    loaded = examine_text(server("host: 0.0.0.0, allow_unauthenticated: true"))
    assert loaded.snapshot is not None
    assert loaded.snapshot.server.unsafe_open
    assert found(examine_text(top("server: {host: 0.0.0.0}\nkeys: {a: {key: '${CLIENT}'}}"), ENV)) == []


def test_long_fallback_lines_are_followed_to_their_end() -> None:
    """Depth is the user's to choose; it costs no recursion."""
    lines = [f"  m{i}: {{provider: openai, id: gpt-5.4, fallbacks: [m{i + 1}]}}\n" for i in range(3000)]
    loaded = examine_text(config_text(models=MODELS + "".join(lines) + "  m3000: {provider: openai, id: gpt-5.4}\n"))
    assert loaded.snapshot is not None
    lines.append("  m3000: {provider: openai, id: gpt-5.4, fallbacks: [m1]}\n")
    (error,) = [p for p in examine_text(config_text(models=MODELS + "".join(lines))).problems if p.severity == "error"]
    assert error.message.startswith("fallbacks form a loop: m1 -> m2 -> ")


def test_a_key_may_use_the_models_that_fit_its_names_and_its_require() -> None:
    providers = PROVIDERS.replace("openai: {", "openai: {region: eu, ")
    keys = "keys: {all: {key: '${CLIENT}'}, one: {key: '${B}', models: gpt}, eu: {key: '${C}', require: {region: eu}}}"
    env = {**ENV, "B": "b" * 16, "C": "c" * 16}
    snapshot = examine_text(config_text(top=keys + "\n", providers=providers), env).snapshot
    assert snapshot is not None
    assert {found.name: found.may_use for found in snapshot.keys} == {"all": None, "one": {"gpt"}, "eu": {"gpt"}}
