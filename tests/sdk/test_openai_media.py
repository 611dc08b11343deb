"""openai SDK: pictures, PDFs and sound in the prompt."""

from __future__ import annotations

import base64

import pytest

from tests.sdk.asks import Json, data_url, pdf, png, wav
from tests.sdk.clients import Caller

PICTURE: Json = {"type": "image_url", "image_url": {"url": data_url("image/png", png()), "detail": "low"}}
LINKED: Json = {"type": "image_url", "image_url": {"url": "https://example.com/yard.png"}}
DOCUMENT: Json = {"type": "file", "file": {"filename": "plan.pdf", "file_data": data_url("application/pdf", pdf())}}
SOUND: Json = {"type": "input_audio", "input_audio": {"data": base64.b64encode(wav()).decode(), "format": "wav"}}


def seen(caller: Caller, model: str, *parts: Json) -> str:
    """What the model says it was given."""
    content = [{"type": "text", "text": "What is in these attachments, please?"}, *parts]
    answer = caller.create(model=model, messages=[{"role": "user", "content": content}])
    return answer.choices[0].message.content or ""


@pytest.mark.parametrize("picture", [PICTURE, LINKED], ids=["data", "link"])
def test_image(caller: Caller, model: str, picture: Json) -> None:
    assert "I got 1 image." in seen(caller, model, picture)


def test_several_images(caller: Caller, model: str) -> None:
    assert "I got 3 images." in seen(caller, model, PICTURE, LINKED, PICTURE)


def test_pdf(caller: Caller, model: str) -> None:
    said = seen(caller, model, DOCUMENT)
    assert "I got 1 document." in said or "I got 1 file." in said


def test_audio(caller: Caller, model: str) -> None:
    assert "I got 1 audio clip." in seen(caller, model, SOUND)
