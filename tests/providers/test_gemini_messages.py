"""Conversations as Gemini's contents: roles, turns, media, tool results, thought signatures."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.core.chat import Json
from gateway.core.errors import FailureClass, ProviderError
from tests.providers.gemini_sdk import NEW, OLD, gemini, send, sent

PIXEL = "iVBORw0KGgo="
BLANK = {"role": "user", "parts": [{"text": " "}]}


def contents(messages: list[Json], model: str = NEW) -> list[Json]:
    found: list[Json] = sent({"messages": messages}, gemini(model))["contents"]
    return found


def warnings(messages: list[Json], model: str = NEW) -> tuple[str, ...]:
    return send({"messages": messages}, gemini(model)).warnings


def user_part(part: Json, model: str = NEW) -> Json:
    found: Json = contents([{"role": "user", "content": [part]}], model)[0]["parts"][0]
    return found


def refused(messages: list[Json]) -> str | None:
    with pytest.raises(ProviderError) as caught:
        send({"messages": messages})
    assert caught.value.failure.cls is FailureClass.CALLER_FAULT
    return caught.value.failure.param


def call(id: str | None, name: str = "f", arguments: Any = "{}", signature: str | None = None) -> Json:
    made: Json = {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}
    if signature:
        made["extra_content"] = {"google": {"thought_signature": signature}}
    return made


def result(id: str, content: Any) -> Json:
    return {"role": "tool", "tool_call_id": id, "content": content}


def test_system_messages_lead() -> None:
    messages = [
        {"role": "system", "content": "one"},
        {"role": "developer", "content": [{"type": "text", "text": "two"}]},
        {"role": "user", "content": "hi"},
    ]
    body = sent({"messages": messages})
    assert body["systemInstruction"] == {"parts": [{"text": "one"}, {"text": "two"}]}
    assert body["contents"] == [{"role": "user", "parts": [{"text": "hi"}]}]
    assert warnings(messages) == ()


def test_later_system_messages_stay_in_place_and_are_named() -> None:
    messages = [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"},
        {"role": "system", "content": "c"},
        {"role": "user", "content": "d"},
    ]
    assert contents(messages)[-1] == {"role": "user", "parts": [{"text": "c"}, {"text": "d"}]}
    assert len(warnings(messages)) == 1


def test_a_conversation_of_system_messages_only_has_contents() -> None:
    assert sent({"messages": [{"role": "system", "content": "s"}]}) == {
        "contents": [BLANK],
        "systemInstruction": {"parts": [{"text": "s"}]},
    }


def test_messages_of_one_role_in_a_row_are_merged() -> None:
    assert contents(
        [
            {"role": "user", "content": "a"},
            {"role": "user", "content": ["b", {"type": "text", "text": "c"}]},
            {"role": "assistant", "content": "d"},
            {"role": "assistant", "content": [{"type": "refusal", "refusal": "e"}], "refusal": "f"},
            {"role": "user", "content": "g"},
        ]
    ) == [
        {"role": "user", "parts": [{"text": "a"}, {"text": "b"}, {"text": "c"}]},
        {"role": "model", "parts": [{"text": "d"}, {"text": "e"}, {"text": "f"}]},
        {"role": "user", "parts": [{"text": "g"}]},
    ]


@pytest.mark.parametrize("content", ["", None, [], [{"type": "text", "text": ""}], [""]])
def test_empty_messages_give_no_empty_parts(content: Any) -> None:
    assert contents([{"role": "user", "content": content}]) == [BLANK]
    assert contents([{"role": "user", "content": "a"}, {"role": "assistant", "content": content}])[0]["role"] == "user"


def test_the_assistant_may_speak_first_or_last() -> None:
    first = [{"role": "assistant", "content": "a"}, {"role": "user", "content": "b"}]
    assert contents(first)[0] == BLANK
    assert len(warnings(first)) == 1
    last = list(reversed(first))
    assert contents(last, OLD)[-1]["role"] == "model"
    assert warnings(last, OLD) == ()
    assert contents(last, "gemini-3.6-flash")[-1] == BLANK
    assert len(warnings(last, "gemini-3.6-flash")) == 1


def test_fields_beside_the_content_are_named_once() -> None:
    messages = [
        {"role": "user", "name": "ann", "content": [{"type": "text", "text": "a", "cache_control": {"type": "x"}}]},
        {"role": "user", "name": "bob", "content": "b", "weight": None},
    ]
    assert warnings(messages) == (
        "messages: name is not supported by gemini, dropped",
        "messages: cache_control of content parts is not supported by gemini, dropped",
    )


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ({"type": "text", "text": "x"}, {"text": "x"}),
        (
            {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}},
            {"inlineData": {"mimeType": "image/png", "data": PIXEL}},
        ),
        (
            {"type": "image_url", "image_url": {"url": "data:image/JPG;base64,/9j%2B"}},
            {"inlineData": {"mimeType": "image/jpeg", "data": "/9j+"}},
        ),
        (
            {"type": "image_url", "image_url": {"url": "data:text/plain,a%20b"}},
            {"inlineData": {"mimeType": "text/plain", "data": "YSBi"}},
        ),
        (
            {"type": "image_url", "image_url": {"url": "https://x.test/a.WEBP?s=1#f", "detail": "auto"}},
            {"fileData": {"fileUri": "https://x.test/a.WEBP?s=1#f", "mimeType": "image/webp"}},
        ),
        (
            {"type": "image_url", "image_url": {"url": "gs://bucket/a.png"}},
            {"fileData": {"fileUri": "gs://bucket/a.png", "mimeType": "image/png"}},
        ),
        (
            {"type": "video_url", "video_url": {"url": "https://www.youtube.com/watch?v=1"}},
            {"fileData": {"fileUri": "https://www.youtube.com/watch?v=1"}},
        ),
        (
            {"type": "input_audio", "input_audio": {"data": "UklG", "format": "wav"}},
            {"inlineData": {"mimeType": "audio/wav", "data": "UklG"}},
        ),
        (
            {"type": "input_audio", "input_audio": {"data": "SUQz", "format": "mp3"}},
            {"inlineData": {"mimeType": "audio/mp3", "data": "SUQz"}},
        ),
        (
            {"type": "file", "file": {"file_data": "data:application/pdf;base64,JVBE"}},
            {"inlineData": {"mimeType": "application/pdf", "data": "JVBE"}},
        ),
        (
            {"type": "file", "file": {"file_data": "data:video/mp4;base64,AAAA"}},
            {"inlineData": {"mimeType": "video/mp4", "data": "AAAA"}},
        ),
        (
            {"type": "file", "file": {"file_data": "JVBE"}},
            {"inlineData": {"mimeType": "application/pdf", "data": "JVBE"}},
        ),
        (
            {"type": "file", "file": {"file_data": "https://x.test/clip.mov"}},
            {"fileData": {"fileUri": "https://x.test/clip.mov", "mimeType": "video/quicktime"}},
        ),
    ],
)
def test_parts(part: Json, expected: Json) -> None:
    assert user_part(part) == expected
    assert warnings([{"role": "user", "content": [part]}]) == ()


def test_what_is_guessed_or_left_out_of_media_is_named() -> None:
    parts = [
        {"type": "image_url", "image_url": {"url": "https://x.test/image", "detail": "low"}},
        {"type": "image_url", "image_url": {"url": "https://x.test/other", "detail": "high"}},
        {"type": "file", "file": {"filename": "data.csv", "file_data": "YSxi"}},
    ]
    message = {"role": "user", "content": parts}
    assert contents([message])[0]["parts"] == [
        {"fileData": {"fileUri": "https://x.test/image", "mimeType": "image/jpeg"}},
        {"fileData": {"fileUri": "https://x.test/other", "mimeType": "image/jpeg"}},
        {"inlineData": {"mimeType": "text/csv", "data": "YSxi"}},
    ]
    assert warnings([message]) == (
        "messages: image detail is not supported by gemini, dropped",
        "messages: a URL without a known file extension was sent as image/jpeg",
        "messages: file names are not sent to gemini, dropped",
    )


@pytest.mark.parametrize(
    ("part", "param"),
    [
        ({"type": "file", "file": {"file_id": "file-1"}}, "messages[0].content[0].file.file_id"),
        ({"type": "file", "file": {}}, "messages[0].content[0]"),
        ({"type": "file"}, "messages[0].content[0]"),
        ({"type": "image_url", "image_url": {"url": "file:///etc/passwd"}}, "messages[0].content[0]"),
        ({"type": "image_url", "image_url": {"url": "data:;base64,AAAA"}}, "messages[0].content[0]"),
        ({"type": "image_url", "image_url": {"url": "data:image/png"}}, "messages[0].content[0]"),
        ({"type": "image_url", "image_url": {}}, "messages[0].content[0]"),
        ({"type": "image_url"}, "messages[0].content[0]"),
        (
            {"type": "input_audio", "input_audio": {"data": "AA", "format": "midi"}},
            "messages[0].content[0].input_audio.format",
        ),
        ({"type": "input_audio", "input_audio": {"format": "wav"}}, "messages[0].content[0]"),
        ({"type": "hologram"}, "messages[0].content[0]"),
        (7, "messages[0].content[0]"),
    ],
)
def test_parts_that_gemini_cannot_take(part: Any, param: str) -> None:
    assert refused([{"role": "user", "content": [part]}]) == param


@pytest.mark.parametrize(
    ("messages", "param"),
    [
        ([{"role": "wizard", "content": "x"}], "messages[0].role"),
        (["hi"], "messages[0].role"),
        ([{"role": "user", "content": 1}], "messages[0].content"),
        ([{"role": "assistant", "audio": {"id": "a"}}], "messages[0].audio"),
        ([{"role": "assistant", "tool_calls": [{"type": "custom", "custom": {}}]}], "messages[0].tool_calls[0]"),
        ([{"role": "tool", "tool_call_id": "nobody", "content": "x"}], "messages[0].tool_call_id"),
        ([{"role": "tool", "content": "x"}], "messages[0].tool_call_id"),
        ([{"role": "function", "name": "f", "content": "x"}], "messages[0].name"),
    ],
)
def test_messages_that_cannot_be_translated(messages: list[Any], param: str) -> None:
    assert refused(messages) == param


def test_tool_calls_and_results_in_the_calls_order() -> None:
    messages = [
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": "well", "tool_calls": [call("1", "a", '{"x":1}', "c2ln"), call("2", "b", "")]},
        result("2", "plain"),
        result("1", '{"deg": 3}'),
        {"role": "user", "content": "and?"},
    ]
    assert contents(messages)[1:] == [
        {
            "role": "model",
            "parts": [
                {"text": "well"},
                {"functionCall": {"name": "a", "args": {"x": 1}, "id": "1"}, "thoughtSignature": "c2ln"},
                {"functionCall": {"name": "b", "args": {}, "id": "2"}},
            ],
        },
        {
            "role": "user",
            "parts": [
                {"functionResponse": {"name": "a", "id": "1", "response": {"deg": 3}}},
                {"functionResponse": {"name": "b", "id": "2", "response": {"output": "plain"}}},
            ],
        },
        {"role": "user", "parts": [{"text": "and?"}]},
    ]
    assert warnings(messages) == ()


@pytest.mark.parametrize(
    ("content", "response"),
    [
        ('{"a": 1}', {"a": 1}),
        ("[1]", {"output": "[1]"}),
        ("{broken", {"output": "{broken"}),
        ("", {"output": ""}),
        (None, {"output": ""}),
        ([{"type": "text", "text": '{"a"'}, {"type": "text", "text": ":1}"}], {"a": 1}),
    ],
)
def test_result_content(content: Any, response: Json) -> None:
    messages = [
        {"role": "user", "content": "go"},
        {"role": "assistant", "tool_calls": [call("1")]},
        result("1", content),
    ]
    assert contents(messages, OLD)[-1]["parts"] == [
        {"functionResponse": {"name": "f", "id": "1", "response": response}}
    ]


IMAGE = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}
FAR_IMAGE = {"type": "image_url", "image_url": {"url": "https://x.test/a.png"}}


def test_images_in_results() -> None:
    messages = [
        {"role": "user", "content": "go"},
        {"role": "assistant", "tool_calls": [call("1", signature="c2ln"), call("2", "g")]},
        result("1", [{"type": "text", "text": "seen"}, IMAGE, FAR_IMAGE]),
        result("2", "ok"),
    ]
    image = {"inlineData": {"mimeType": "image/png", "data": PIXEL}}
    far = {"fileData": {"fileUri": "https://x.test/a.png", "mimeType": "image/png"}}
    first = {"name": "f", "id": "1", "response": {"output": "seen"}}
    second = {"functionResponse": {"name": "g", "id": "2", "response": {"output": "ok"}}}
    label = {"text": "Returned by f:"}
    assert contents(messages, NEW)[-1]["parts"] == [
        {"functionResponse": {**first, "parts": [image]}},
        second,
        label,
        far,
    ]
    assert contents(messages, OLD)[-1]["parts"] == [{"functionResponse": first}, second, label, image, far]


def test_legacy_function_messages() -> None:
    messages = [
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": '{"x":1}'}},
        {"role": "function", "name": "f", "content": "1"},
    ]
    assert contents(messages, OLD)[1:] == [
        {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {"x": 1}}}]},
        {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"output": "1"}}}]},
    ]


@pytest.mark.parametrize("arguments", ["{cut", "[1]", '"text"'])
def test_arguments_that_are_no_object_are_wrapped_loudly(arguments: str) -> None:
    messages = [{"role": "user", "content": "x"}, {"role": "assistant", "tool_calls": [call("1", arguments=arguments)]}]
    assert contents(messages, OLD)[-1]["parts"][0]["functionCall"]["args"] == {"arguments": arguments}
    assert len(warnings(messages, OLD)) == 1


def detail(data: str, index: int = 0) -> Json:
    return {"type": "reasoning.encrypted", "data": data, "format": "google-gemini-v1", "index": index}


def test_signatures_of_text_come_back_on_the_text() -> None:
    messages = [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b", "reasoning_content": "hm", "reasoning_details": [detail("b25l")]},
        {"role": "user", "content": "c"},
        {"role": "assistant", "content": "d", "reasoning_details": [detail("dHdv"), detail("dGhyZWU=", 1)]},
        {"role": "user", "content": "e"},
        {"role": "assistant", "content": None, "reasoning_details": [detail("Zm91cg==")]},
        {"role": "user", "content": "f"},
    ]
    spoken = [content["parts"] for content in contents(messages) if content["role"] == "model"]
    assert spoken == [
        [{"text": "b", "thoughtSignature": "b25l"}],
        [{"text": "", "thoughtSignature": "dHdv"}, {"text": "d", "thoughtSignature": "dGhyZWU="}],
        [{"text": "", "thoughtSignature": "Zm91cg=="}],
    ]
    assert warnings(messages) == ()


def test_signatures_where_googles_own_openai_api_puts_them() -> None:
    message = {"role": "assistant", "content": "b", "extra_content": {"google": {"thought_signature": "c2ln", "x": 1}}}
    messages = [{"role": "user", "content": "a"}, message, {"role": "user", "content": "c"}]
    assert contents(messages)[1]["parts"] == [{"text": "b", "thoughtSignature": "c2ln"}]
    assert len(warnings(messages)) == 1


@pytest.mark.parametrize(
    "reasoning",
    [
        {"reasoning_content": "thoughts without a signature"},
        {
            "reasoning_details": [
                {"type": "reasoning.text", "text": "x", "signature": "y", "format": "anthropic-claude-v1"}
            ]
        },
        {"reasoning_details": ["junk"]},
    ],
)
def test_reasoning_of_other_vendors_is_left_out_with_one_warning(reasoning: Json) -> None:
    turn = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b", **reasoning}]
    messages = [*turn, *turn, {"role": "user", "content": "c"}]
    assert contents(messages)[1]["parts"] == [{"text": "b"}]
    assert warnings(messages) == ("messages: reasoning of another vendor was left out",)


PLACEHOLDER = "skip_thought_signature_validator"


def signatures(messages: list[Json], model: str = NEW) -> list[str | None]:
    return [
        part.get("thoughtSignature")
        for content in contents(messages, model)
        for part in content["parts"]
        if "functionCall" in part
    ]


def test_unsigned_calls_of_the_current_turn_get_the_placeholder() -> None:
    past = [
        {"role": "user", "content": "first"},
        {"role": "assistant", "tool_calls": [call("0")]},
        result("0", "x"),
        {"role": "assistant", "content": "done"},
    ]
    now = [
        {"role": "user", "content": "second"},
        {"role": "assistant", "tool_calls": [call("1"), call("2")]},
        result("1", "x"),
        result("2", "x"),
        {"role": "assistant", "tool_calls": [call("3", signature="real"), call("4")]},
        result("3", "x"),
        result("4", "x"),
    ]
    assert signatures(past + now) == [None, PLACEHOLDER, None, "real", None]
    assert warnings(past + now) == (
        "messages: tool calls without their thought_signature were sent with Google's placeholder",
    )
    assert signatures(past + now, OLD) == [None, None, None, "real", None]
    assert warnings(past + now, OLD) == ()
    asked_again = [*past, *now, {"role": "user", "content": "third"}]
    assert signatures(asked_again) == [None, None, None, "real", None]
    assert warnings(asked_again) == ()
