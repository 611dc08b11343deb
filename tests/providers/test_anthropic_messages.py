"""What the Anthropic adapter makes of messages and their parts, and which warnings it gives."""

from __future__ import annotations

import base64

import pytest

from tests.providers.anthropic_checks import (
    ADAPTIVE,
    BUDGET,
    EPHEMERAL,
    NEWEST,
    assistant,
    build,
    call,
    function,
    refused,
    result,
    text,
    user,
)


def test_system_and_developer_messages_become_the_system_prompt() -> None:
    sent, call_ = build(
        {"messages": [{"role": "system", "content": "a"}, {"role": "developer", "content": [text("b")]}, user("hi")]}
    )
    assert sent["system"] == [text("a"), text("b")]
    assert sent["messages"] == [{"role": "user", "content": [text("hi")]}]
    assert call_.warnings == ()


def test_a_later_system_message_stands_in_place_where_the_model_takes_it() -> None:
    talk = {"messages": [user("a"), {"role": "system", "content": "be brief"}, user("b"), assistant("c"), user("d")]}
    sent, call_ = build(talk, "claude-opus-5")
    assert [turn["role"] for turn in sent["messages"]] == ["user", "system", "assistant", "user"]
    assert sent["messages"][1]["content"] == [text("be brief")]
    assert "system" not in sent
    assert call_.warnings == ()


def test_a_later_system_message_is_tagged_user_text_elsewhere() -> None:
    sent, call_ = build(
        {"messages": [user("a"), assistant("b"), {"role": "system", "content": "c"}, user("d")]}, BUDGET
    )
    assert sent["messages"][2]["content"] == [text("<system>\nc\n</system>"), text("d")]
    assert len(call_.warnings) == 1
    assert call_.warnings[0].startswith("messages: later system messages")


def test_a_longer_conversation_begins_as_its_shorter_form() -> None:
    """Prompt caches and bound thinking depend on it."""
    talk = [
        {"role": "system", "content": "s"},
        user("a"),
        {"role": "system", "content": "t"},
        assistant(tool_calls=[call(id="x.1")]),
        result("r", "x.1"),
        assistant("b"),
        user("c"),
    ]
    for model in (BUDGET, NEWEST):
        whole = build({"messages": talk, "tools": [function()]}, model)[0]["messages"]
        for end in (3, 5, 7):
            part = build({"messages": talk[:end], "tools": [function()]}, model)[0]["messages"]
            settled = part[:-1] if part[-1]["role"] == "system" else part
            assert whole[: len(settled)] == settled


def test_turns_of_one_role_are_merged() -> None:
    sent, _ = build({"messages": [user("a"), user([text("b")]), assistant("c"), assistant("d"), user("e")]})
    assert [[block["text"] for block in turn["content"]] for turn in sent["messages"]] == [
        ["a", "b"],
        ["c", "d"],
        ["e"],
    ]


def test_names_and_unknown_fields_of_messages_are_named_once() -> None:
    _, call_ = build({"messages": [user("a", name="ann"), user("b", name="bob"), user("c", mood="good")]})
    assert call_.warnings == (
        "messages.name: not supported by anthropic, dropped",
        "messages.mood: not supported by anthropic, dropped",
    )


def test_a_blank_user_message_keeps_its_turn() -> None:
    sent, call_ = build({"messages": [user("a"), assistant("b"), user("")]})
    assert sent["messages"][2] == {"role": "user", "content": [text("(empty)")]}
    assert call_.warnings == ('messages: an empty user message was sent as "(empty)"',)


def test_an_old_model_continues_the_assistant_and_a_new_one_is_told_to() -> None:
    talk = {"messages": [user("a"), assistant("The answer is ")]}
    sent, call_ = build(talk, BUDGET)
    assert sent["messages"][1] == {"role": "assistant", "content": [text("The answer is")]}
    assert call_.warnings == ("messages: white space at the end of the last assistant message was left out",)
    sent, call_ = build(talk, ADAPTIVE)
    assert sent["messages"][2] == {"role": "user", "content": [text("Continue.")]}
    assert "can't continue the assistant's message" in call_.warnings[0]


def test_roles_that_can_not_be_sent() -> None:
    assert refused({"messages": [{"role": "narrator", "content": "x"}]}).param == "messages[0].role"
    assert refused({"messages": [assistant(None)]}).param == "messages"


def test_images() -> None:
    sent, call_ = build(
        {
            "messages": [
                user(
                    [
                        {"type": "image_url", "image_url": {"url": "data:image/JPG;base64,QUJD", "detail": "high"}},
                        {"type": "image_url", "image_url": {"url": "https://e.com/a.png"}, "cache_control": EPHEMERAL},
                        {"type": "image_url", "image_url": {"url": "data:image/webp,%00%01"}},
                    ]
                )
            ]
        }
    )
    first, second, third = sent["messages"][0]["content"]
    assert first["source"] == {"type": "base64", "media_type": "image/jpeg", "data": "QUJD"}
    assert second == {
        "type": "image",
        "source": {"type": "url", "url": "https://e.com/a.png"},
        "cache_control": EPHEMERAL,
    }
    assert third["source"]["data"] == base64.b64encode(b"\x00\x01").decode()
    assert call_.warnings == ("messages.image_url.detail: not supported by anthropic, dropped",)


@pytest.mark.parametrize(
    ("part", "param"),
    [
        ({"type": "image_url", "image_url": {"url": "data:image/bmp;base64,QUJD"}}, "image_url.url"),
        ({"type": "image_url", "image_url": {"url": "file:///etc/passwd"}}, "image_url.url"),
        ({"type": "image_url", "image_url": {"url": "data:image/png"}}, "image_url.url"),
        ({"type": "image_url", "image_url": {}}, "image_url"),
        ({"type": "input_audio", "input_audio": {"data": "QUJD", "format": "wav"}}, ""),
        ({"type": "file", "file": {"file_id": "file-1"}}, "file"),
        ({"type": "file", "file": {"file_data": "data:application/zip;base64,QUJD"}}, "file.file_data"),
        ({"type": "file", "file": {"file_data": "data:text/plain;base64,/w=="}}, "file.file_data"),
        ({"type": "video_url"}, "type"),
        (7, ""),
    ],
)
def test_parts_that_claude_can_not_read(part: object, param: str) -> None:
    failure = refused({"messages": [user([text("a"), part])]})
    assert failure.param == f"messages[0].content[1].{param}".rstrip(".")


def test_files() -> None:
    sent, _ = build(
        {
            "messages": [
                user(
                    [
                        {
                            "type": "file",
                            "file": {"file_data": "data:application/pdf;base64,JVBE", "filename": "a.pdf"},
                        },
                        {"type": "file", "file": {"file_data": "data:text/csv;base64,YSxi"}},
                        {"type": "file", "file": {"file_url": "https://e.com/a.pdf"}},
                    ]
                )
            ]
        }
    )
    pdf, csv, linked = sent["messages"][0]["content"]
    assert pdf == {
        "type": "document",
        "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBE"},
        "title": "a.pdf",
    }
    assert csv["source"] == {"type": "text", "media_type": "text/plain", "data": "a,b"}
    assert linked["source"] == {"type": "url", "url": "https://e.com/a.pdf"}


def test_a_refusal_in_the_history_is_text() -> None:
    sent, _ = build({"messages": [user("a"), assistant(None, refusal="I won't."), user("b")]})
    assert sent["messages"][1]["content"] == [text("I won't.")]


def test_fields_of_parts_and_calls_that_nobody_reads_are_named() -> None:
    odd = {**call(), "extra_content": {"google": {"thought_signature": "x"}}, "mood": "good"}
    _, call_ = build({"messages": [user([text("a", colour="red")]), assistant(tool_calls=[odd]), result()]})
    assert call_.warnings == (
        "messages.content.colour: not supported by anthropic, dropped",
        "messages.tool_calls.mood: not supported by anthropic, dropped",
        "messages: reasoning of another vendor was left out",
    )
