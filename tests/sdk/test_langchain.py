"""LangChain: its standard suite for chat models, over langchain_openai.ChatOpenAI, once per wire format.

The properties claim all that ChatOpenAI can carry; what a wire's vendor has not stands in known_gaps.py.
"""

from __future__ import annotations

import base64
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_openai import ChatOpenAI
from langchain_tests.integration_tests import ChatModelIntegrationTests

from tests.running import RunningGateway
from tests.sdk.asks import pdf, png, wav
from tests.sdk.conftest import KEY, MODELS, OTHERS

pytestmark = [
    pytest.mark.filterwarnings("ignore:Benchmark fixture was not used"),
    pytest.mark.filterwarnings("ignore:Pydantic serializer warnings"),
    pytest.mark.filterwarnings("ignore:Received a Pydantic BaseModel V1 schema"),
    pytest.mark.filterwarnings("ignore:OpenAI may require a filename"),
    pytest.mark.filterwarnings("ignore:LANGCHAIN_TESTS_USER_AGENT"),
]

FILES = {"pdf": pdf, "wav": wav, "jpg": png, "png": png}


@pytest.fixture(autouse=True)
def files_come_from_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """The suite fetches its pictures and documents from the web; the gateway never does."""

    def get(url: str, **options: object) -> Any:
        content = FILES[url.rpartition(".")[2].lower()]()
        return SimpleNamespace(content=content, headers={}, raise_for_status=lambda: None)

    monkeypatch.setattr(httpx, "get", get)


@pytest.fixture
def vcr() -> Any:
    """The suite's benchmark plays a recording of the network where there is one. There is none: it asks the gateway."""
    return SimpleNamespace(responses=[])


class Standard(ChatModelIntegrationTests):
    wire: str
    details: tuple[str, ...]
    base_url: str

    supports_json_mode = True
    supports_image_inputs = True
    supports_image_urls = True
    supports_pdf_inputs = True
    supports_audio_inputs = True
    supports_image_tool_message = True
    supports_pdf_tool_message = True
    supports_anthropic_inputs = True
    enable_vcr_tests = True

    @pytest.fixture(autouse=True)
    def address(self, gateway: RunningGateway) -> None:
        self.base_url = gateway.base_url

    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatOpenAI

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"model": MODELS[self.wire], "base_url": self.base_url, "api_key": KEY, "stream_usage": True}

    @property
    def model_override_value(self) -> str:
        return OTHERS[self.wire]

    @property
    def supported_usage_metadata_details(self) -> dict[str, list[str]]:  # type: ignore[override]
        return {"invoke": [*self.details], "stream": [*self.details]}

    def ask(self, messages: list[Any], stream: bool, **options: Any) -> AIMessage:
        chat = ChatOpenAI(**{**self.chat_model_params, **options})
        if not stream:
            return chat.invoke(messages)
        whole: Any = None
        for chunk in chat.stream(messages):
            whole = chunk if whole is None else whole + chunk
        return whole  # type: ignore[no-any-return]

    def invoke_with_reasoning_output(self, *, stream: bool = False) -> AIMessage:
        answer = self.ask([HumanMessage("Which wagon is the heaviest?")], stream, reasoning_effort="high")
        assert answer.usage_metadata is not None
        assert answer.usage_metadata["output_token_details"]["reasoning"] > 0
        return answer

    def invoke_with_cache_read_input(self, *, stream: bool = False) -> AIMessage:
        self._ask_with_a_long_beginning(f"read {stream}", stream)
        answer = self._ask_with_a_long_beginning(f"read {stream}", stream)
        assert answer.usage_metadata is not None
        assert answer.usage_metadata["input_token_details"]["cache_read"] > 0
        return answer

    def invoke_with_cache_creation_input(self, *, stream: bool = False) -> AIMessage:
        answer = self._ask_with_a_long_beginning(f"written {stream}", stream)
        assert answer.usage_metadata is not None
        assert answer.usage_metadata["input_token_details"]["cache_creation"] > 0
        return answer

    def invoke_with_audio_input(self, *, stream: bool = False) -> AIMessage:
        sound = {"data": base64.b64encode(wav()).decode(), "format": "wav"}
        parts: list[Any] = [{"type": "text", "text": "Listen."}, {"type": "input_audio", "input_audio": sound}]
        answer = self.ask([HumanMessage(parts)], stream)
        assert answer.usage_metadata is not None
        assert answer.usage_metadata["input_token_details"]["audio"] > 0
        return answer

    def _ask_with_a_long_beginning(self, name: str, stream: bool) -> AIMessage:
        text = f"{name}: " + "the rules of the yard " * 1200
        marked = {"type": "text", "text": text, "cache_control": {"type": "ephemeral"}}
        return self.ask([SystemMessage([marked]), HumanMessage("Say exactly: noted")], stream)


class TestOpenAI(Standard):
    wire = "openai"
    details = ("reasoning_output", "cache_read_input")


class TestAnthropic(Standard):
    wire = "anthropic"
    details = ("reasoning_output", "cache_read_input", "cache_creation_input")


class TestGemini(Standard):
    wire = "gemini"
    details = ("reasoning_output", "cache_read_input", "audio_input")
