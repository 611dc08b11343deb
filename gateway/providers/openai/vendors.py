"""The rows of vendors that speak OpenAI's chat completions: facts only.

`note` gives the source of a row or what is in doubt. "recorded": seen in recorded traffic; "docs": the vendor's own
documentation; "reported": public issue threads. `capabilities` are the defaults for a vendor's models; where a vendor
hosts many models they name only what most of them do, and a model's own entry in the YAML widens or narrows them.
"""

from __future__ import annotations

from gateway.core.vendor import Vendor

OPENAI_ONLY = frozenset(
    {
        "audio",
        "function_call",
        "functions",
        "metadata",
        "modalities",
        "moderation",
        "prediction",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "safety_identifier",
        "service_tier",
        "store",
        "verbosity",
        "web_search_options",
    }
)
"""Request fields that few vendors beside OpenAI know: strict ones answer 400 or 422, lenient ones ignore them."""

_LOGPROBS = frozenset({"logprobs", "top_logprobs"})
_OPENAI_MESSAGE = frozenset({"name", "refusal", "annotations", "audio", "function_call"})
_TEXT = frozenset({"tools", "json_schema"})

OPENAI_VENDORS = (
    Vendor(
        name="openai",
        adapter="openai",
        base_url="https://api.openai.com/v1",
        hosts=("api.openai.com",),
        api_key_env="OPENAI_API_KEY",
        price_provider="openai",
        capabilities=_TEXT | {"images", "pdf", "n", "logprobs"},
        max_tokens_field="max_completion_tokens",
        developer_role=True,
        message_extras=_OPENAI_MESSAGE,
        tool_choice="all",
        note="recorded. What single models refuse stands in models.py. Audio is for the gpt-audio models only; "
        "the computer tool is not in the chat API.",
    ),
    Vendor(
        name="openai-compatible",
        adapter="openai",
        price_provider=None,
        capabilities=_TEXT | {"images", "n", "logprobs"},
        message_extras=frozenset({"name", "reasoning_content"}),
        ends_with_done=False,
        note="Any other server that speaks OpenAI's chat form. All request fields go through, for nothing is known of "
        "it. A recorded server of this kind sends no [DONE], so a finish reason ends the stream too.",
    ),
    Vendor(
        name="azure",
        adapter="openai",
        hosts=(".openai.azure.com", ".services.ai.azure.com", ".cognitiveservices.azure.com"),
        auth="api-key",
        api_key_env="AZURE_OPENAI_API_KEY",
        price_provider="azure",
        capabilities=_TEXT | {"images", "n", "logprobs"},
        dated_chat_path="/deployments/{model}/chat/completions",
        max_tokens_field="max_completion_tokens",
        message_extras=_OPENAI_MESSAGE,
        tool_choice="all",
        note="recorded and docs. base_url ends in /openai/v1 (the upstream id is the deployment), or in /openai for a "
        "model with the option api-version. Model facts apply where the deployment is named like its model. Reported: "
        "Mistral models there refuse max_completion_tokens. Recorded: Grok models there count more cached tokens than "
        "prompt tokens.",
    ),
    Vendor(
        name="meta",
        adapter="openai",
        base_url="https://api.meta.ai/v1",
        hosts=("api.meta.ai",),
        api_key_env="MODEL_API_KEY",
        price_provider="meta",
        capabilities=_TEXT | {"images", "pdf"},
        max_tokens_field="max_completion_tokens",
        unsupported=(OPENAI_ONLY - {"metadata"}) | {"stop"},
        message_extras=frozenset({"name"}),
        tool_choice="auto_only",
        reasoning_efforts=frozenset({"minimal", "low", "medium", "high", "xhigh"}),
        note="docs of three clients, no recording: reasoning can't be switched off, tool_choice only auto, no stop. "
        "Doubt: which of OpenAI's rarer fields it takes; they are left out.",
    ),
    Vendor(
        name="groq",
        adapter="openai",
        base_url="https://api.groq.com/openai/v1",
        hosts=("api.groq.com",),
        api_key_env="GROQ_API_KEY",
        price_provider="groq",
        capabilities=frozenset({"tools"}),
        max_tokens_field="max_completion_tokens",
        unsupported=(OPENAI_ONLY - {"service_tier", "functions", "function_call"}) | _LOGPROBS | {"logit_bias", "n"},
        message_extras=frozenset({"function_call"}),
        note="recorded; docs: logprobs, logit_bias, top_logprobs, messages[].name and n other than 1 are a 400. "
        "Reported: unknown message fields (reasoning_content, reasoning for models that do not reason) are a 400. "
        "Images and json_schema work with some models: say so in their capabilities.",
    ),
    Vendor(
        name="mistral",
        adapter="openai",
        base_url="https://api.mistral.ai/v1",
        hosts=("api.mistral.ai",),
        api_key_env="MISTRAL_API_KEY",
        price_provider="mistral",
        capabilities=_TEXT | {"images", "n"},
        stream_options=False,
        unsupported=(OPENAI_ONLY - {"prediction"}) | _LOGPROBS | {"logit_bias", "user"},
        renamed=(("seed", "random_seed"),),
        message_extras=frozenset({"prefix"}),
        reasoning_efforts=frozenset({"none", "high"}),
        short_tool_ids=True,
        prefill_flag="prefix",
        note="recorded: usage comes in the last chunk unasked; thinking is a content part. Reported: unknown fields "
        "are a 422, tool call ids must be nine letters or digits. Thinking is not sent back.",
    ),
    Vendor(
        name="deepseek",
        adapter="openai",
        base_url="https://api.deepseek.com",
        hosts=("api.deepseek.com",),
        api_key_env="DEEPSEEK_API_KEY",
        price_provider="deepseek",
        capabilities=frozenset({"tools"}),
        unsupported=OPENAI_ONLY | {"logit_bias", "n", "parallel_tool_calls", "seed"},
        message_extras=frozenset({"name", "reasoning_content", "prefix"}),
        note="recorded; docs: thinking is on by default, reasoning_content must come back in conversations with tools, "
        "a forced tool_choice is refused while thinking, json_schema is not available. Fields it ignores are dropped.",
    ),
    Vendor(
        name="xai",
        adapter="openai",
        base_url="https://api.x.ai/v1",
        hosts=("api.x.ai",),
        api_key_env="XAI_API_KEY",
        price_provider="x-ai",
        capabilities=_TEXT | {"images"},
        max_tokens_field="max_completion_tokens",
        unsupported=(OPENAI_ONLY - {"service_tier", "web_search_options", "prompt_cache_key"}) | {"logit_bias"},
        message_extras=frozenset({"name", "reasoning_content"}),
        note="recorded: reasoning tokens stand outside completion_tokens but inside the total; a wrong key is a 400.",
    ),
    Vendor(
        name="openrouter",
        adapter="openai",
        base_url="https://openrouter.ai/api/v1",
        hosts=("openrouter.ai",),
        api_key_env="OPENROUTER_API_KEY",
        price_provider="openrouter",
        capabilities=_TEXT | {"images", "pdf"},
        unsupported=frozenset({"functions", "function_call", "moderation", "n", "store"}),
        message_extras=frozenset(
            {"name", "refusal", "annotations", "images", "reasoning", "reasoning_details", "cache_control"}
        ),
        note="recorded: comment lines while waiting, usage in a chunk after the finish reason, errors inside chunks. "
        "Takes reasoning_details of every format back.",
    ),
    Vendor(
        name="together",
        adapter="openai",
        base_url="https://api.together.xyz/v1",
        hosts=("api.together.xyz", "api.together.ai"),
        api_key_env="TOGETHER_API_KEY",
        price_provider="together",
        capabilities=_TEXT | {"n"},
        unsupported=OPENAI_ONLY | _LOGPROBS,
        message_extras=frozenset({"name", "reasoning"}),
        note="recorded: finish reason eos, tool_calls an empty list, cached_tokens at the top of usage. docs: its "
        "logprobs is a number, not OpenAI's boolean, and is left out.",
    ),
    Vendor(
        name="cerebras",
        adapter="openai",
        base_url="https://api.cerebras.ai/v1",
        hosts=("api.cerebras.ai",),
        api_key_env="CEREBRAS_API_KEY",
        price_provider="cerebras",
        capabilities=_TEXT | {"logprobs"},
        max_tokens_field="max_completion_tokens",
        unsupported=(OPENAI_ONLY - {"prediction"}) | {"logit_bias"},
        message_extras=frozenset({"name", "reasoning"}),
        ends_with_done=False,
        note="recorded. Reported: reasoning_content in a message is a 400 (it calls it reasoning), logit_bias is taken "
        "but not applied. Its stream was recorded only behind Hugging Face, there without [DONE].",
    ),
    Vendor(
        name="perplexity",
        adapter="openai",
        base_url="https://api.perplexity.ai",
        hosts=("api.perplexity.ai",),
        api_key_env="PERPLEXITY_API_KEY",
        price_provider="perplexity",
        capabilities=frozenset({"images", "json_schema"}),
        stream_options=False,
        unsupported=(OPENAI_ONLY - {"web_search_options"})
        | _LOGPROBS
        | {"logit_bias", "n", "parallel_tool_calls", "seed", "tool_choice", "tools", "user"},
        reasoning_efforts=frozenset({"minimal", "low", "medium", "high"}),
        ends_with_done=False,
        note="recorded: every chunk has the usage so far, the last is a chat.completion.done. Reported: most models "
        "send no [DONE]; sonar-deep-research counts reasoning and citations outside its total, so they are not seen.",
    ),
    Vendor(
        name="fireworks",
        adapter="openai",
        base_url="https://api.fireworks.ai/inference/v1",
        hosts=("api.fireworks.ai",),
        api_key_env="FIREWORKS_API_KEY",
        price_provider="fireworks",
        capabilities=_TEXT | {"n", "logprobs"},
        unsupported=OPENAI_ONLY - {"metadata", "prediction", "prompt_cache_key", "service_tier"},
        message_extras=frozenset({"name", "reasoning_content"}),
        note="Not recorded: facts as its public clients use it.",
    ),
    Vendor(
        name="huggingface",
        adapter="openai",
        base_url="https://router.huggingface.co/v1",
        hosts=("router.huggingface.co", ".endpoints.huggingface.cloud"),
        api_key_env="HF_TOKEN",
        price_provider=None,
        capabilities=_TEXT,
        unsupported=OPENAI_ONLY,
        message_extras=frozenset({"name"}),
        ends_with_done=False,
        note="recorded: a router to other hosts; one of its streams has no [DONE]. Prices depend on the host.",
    ),
    Vendor(
        name="cohere",
        adapter="openai",
        base_url="https://api.cohere.ai/compatibility/v1",
        hosts=("api.cohere.ai", "api.cohere.com"),
        api_key_env="COHERE_API_KEY",
        price_provider="cohere",
        capabilities=_TEXT,
        unsupported=OPENAI_ONLY | _LOGPROBS | {"logit_bias", "n", "parallel_tool_calls", "user"},
        message_extras=frozenset(),
        tool_choice="no_named",
        reasoning_efforts=frozenset({"none", "high"}),
        ends_with_done=False,
        note="docs: the compatibility API. Recorded is only the native /v2/chat, whose errors have the same shape. "
        "Doubt: the terminal event, and tool_choice beyond the words.",
    ),
    Vendor(
        name="vllm",
        adapter="openai",
        base_url="http://localhost:8000/v1",
        price_provider=None,
        capabilities=_TEXT | {"n", "logprobs"},
        max_tokens_field="max_completion_tokens",
        unsupported=OPENAI_ONLY,
        message_extras=frozenset({"name", "reasoning"}),
        reasoning_efforts=frozenset({"none", "low", "medium", "high"}),
        note="Not recorded. Fields it would ignore are dropped. Images depend on the model served.",
    ),
    Vendor(
        name="ollama",
        adapter="openai",
        base_url="http://localhost:11434/v1",
        hosts=("ollama.com",),
        api_key_env="OLLAMA_API_KEY",
        price_provider=None,
        capabilities=_TEXT,
        unsupported=OPENAI_ONLY | {"logit_bias", "n", "parallel_tool_calls", "user"},
        message_extras=frozenset({"name", "reasoning"}),
        reasoning_efforts=frozenset({"none", "low", "medium", "high"}),
        note="recorded, local and ollama.com. docs: prompts longer than the model's context are cut without an error. "
        "Doubt: tool_choice, which older versions ignore.",
    ),
    Vendor(
        name="transformers",
        adapter="openai",
        base_url="http://localhost:8000/v1",
        price_provider=None,
        capabilities=frozenset({"tools"}),
        stream_options=False,
        unsupported=OPENAI_ONLY
        | _LOGPROBS
        | {
            "n",
            "parallel_tool_calls",
            "presence_penalty",
            "reasoning_effort",
            "response_format",
            "tool_choice",
            "user",
        },
        ends_with_done=False,
        note="recorded from transformers serve 5.23: no [DONE], usage in the last chunk unasked, unknown fields a 422, "
        "n ignored. The dropped fields are those its source calls unused.",
    ),
)
