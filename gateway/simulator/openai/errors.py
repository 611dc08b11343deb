"""OpenAI's error answers, word for word where a recording or a public thread has them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gateway.simulator.faults import Fault
from gateway.simulator.vendor import Rejected

HTML_HEADERS = "content-type: text/html\r\n"
BAD_GATEWAY = (
    b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n"
    b"<hr><center>cloudflare</center>\r\n</body>\r\n</html>\r\n"
)
GATEWAY_TIMEOUT = BAD_GATEWAY.replace(b"502 Bad Gateway", b"504 Gateway Time-out")
NO_KEY = (
    "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth "
    "(i.e. Authorization: Bearer YOUR_KEY), or as the password field (with blank username) if you're accessing the API "
    "from your browser and are prompted for a username and password. You can obtain an API key from "
    "https://platform.openai.com/account/api-keys."
)
MALFORMED = (
    "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP library "
    "correctly. The OpenAI API expects a JSON payload, but what was sent was not valid JSON. If you have trouble "
    "figuring out how to fix this, please contact us through our help center at help.openai.com.)"
)
QUOTA = (
    "You exceeded your current quota, please check your plan and billing details. For more information on this error, "
    "read the docs: https://platform.openai.com/docs/guides/error-codes/api-errors."
)
SERVER_ERROR = (
    "The server had an error processing your request. Sorry about that! You can retry your request, or contact us "
    "through our help center at help.openai.com if you keep seeing this error."
)
OVERLOADED = "The server is currently overloaded with other requests. Sorry about that! You can retry your request."
INVALID_PROMPT = (
    "Invalid prompt: your prompt was flagged as potentially violating our usage policy. Please try again with a "
    "different prompt: https://platform.openai.com/docs/guides/reasoning#advice-on-prompting"
)


def rejected(
    status: int,
    message: str,
    *,
    type: str | None = "invalid_request_error",
    param: str | None = None,
    code: str | None = None,
    headers: dict[str, str] | None = None,
) -> Rejected:
    """An error with OpenAI's four fields."""
    return Rejected(status, {"message": message, "type": type, "param": param, "code": code}, headers)


def invalid(message: str, param: str | None, code: str | None) -> Rejected:
    """A 400 for what is wrong with the request."""
    return rejected(400, message, param=param, code=code)


def wrong_type(path: str, expected: str, value: object) -> Rejected:
    return invalid(
        f"Invalid type for '{path}': expected {expected}, but got {named(value)} instead.", path, "invalid_type"
    )


def unknown(path: str) -> Rejected:
    return invalid(f"Unknown parameter: '{path}'.", path, "unknown_parameter")


def missing(path: str) -> Rejected:
    return invalid(f"Missing required parameter: '{path}'.", path, "missing_required_parameter")


def unsupported(name: str) -> Rejected:
    return invalid(f"Unsupported parameter: '{name}' is not supported with this model.", name, "unsupported_parameter")


def empty_array(path: str) -> Rejected:
    text = "empty array. Expected an array with minimum length 1, but got an empty array instead."
    return invalid(f"Invalid '{path}': {text}", path, "empty_array")


def no_match(path: str, pattern: str) -> Rejected:
    text = f"string does not match pattern. Expected a string that matches the pattern '{pattern}'."
    return invalid(f"Invalid '{path}': {text}", path, "invalid_value")


def named(value: object) -> str:
    """A JSON value's type with its article, as OpenAI's messages say it."""
    if value is None:
        return "null"
    for kinds, name in ((bool, "a boolean"), (int, "an integer"), (float, "a decimal"), (str, "a string")):
        if isinstance(value, kinds):
            return name
    return "an array" if isinstance(value, list) else "an object"


def no_key() -> Rejected:
    return rejected(401, NO_KEY)


def wrong_key(key: str) -> Rejected:
    masked = f"{key[:8]}*****{key[-4:]}" if len(key) > 12 else "*" * len(key)
    message = (
        f"Incorrect API key provided: {masked}. You can find your API key at "
        "https://platform.openai.com/account/api-keys."
    )
    return rejected(401, message, code="invalid_api_key")


def unknown_model(model: str) -> Rejected:
    message = f"The model `{model}` does not exist or you do not have access to it."
    return rejected(404, message, code="model_not_found")


def too_long(limit: int, asked: int, in_completion: int | None = None) -> Rejected:
    """The context window is exceeded; counts are tokens."""
    requested = f"your messages resulted in {asked} tokens"
    if in_completion is not None:
        total = asked + in_completion
        requested = f"you requested {total} tokens ({asked} in the messages, {in_completion} in the completion)"
    message = (
        f"This model's maximum context length is {limit} tokens. However, {requested}. "
        "Please reduce the length of the messages or completion."
    )
    return invalid(message, "messages", "context_length_exceeded")


def refusal(name: str, fault: Fault, model: str) -> Rejected:
    """The error for a fault of kind "refusal"."""
    headers: dict[str, str] = {}
    if fault.retry_after is not None:
        headers["retry-after"] = fault.retry_after
    if fault.retry_after_ms is not None:
        headers["retry-after-ms"] = fault.retry_after_ms
    if name in ("502", "504"):
        body = BAD_GATEWAY if name == "502" else GATEWAY_TIMEOUT
        return Rejected(int(name), _SERVER, headers, body=(HTML_HEADERS, body))
    made = _REFUSALS[name](model)
    made.headers.update(headers)
    return made


def _rate_limited(model: str) -> Rejected:
    message = (
        f"Rate limit reached for {model} in organization org-simulated on tokens per min (TPM): Limit 200000, Used "
        "199000, Requested 1800. Please try again in 240ms. Visit https://platform.openai.com/account/rate-limits to "
        "learn more."
    )
    return rejected(429, message, type="tokens", code="rate_limit_exceeded")


def _no_access(model: str) -> Rejected:
    message = f"Project `proj_simulated` does not have access to model `{model}`"
    return rejected(403, message, code="model_not_found")


def _region(model: str) -> Rejected:
    message = "Country, region, or territory not supported"
    return rejected(403, message, type="request_forbidden", code="unsupported_country_region_territory")


_SERVER: dict[str, Any] = {"message": SERVER_ERROR, "type": "server_error", "param": None, "code": None}

_REFUSALS: dict[str, Callable[[str], Rejected]] = {
    "400": lambda model: invalid("Invalid value: 'simulated'.", "messages[0].content", "invalid_value"),
    "401": lambda model: wrong_key("sk-proj-simulated0000"),
    "invalid_key": lambda model: wrong_key("sk-proj-simulated0000"),
    "403": _region,
    "model_access": _no_access,
    "404": unknown_model,
    "408": lambda model: rejected(408, "Request timed out.", type="server_error", code="request_timeout"),
    "413": lambda model: rejected(413, "The data value transmitted exceeds the capacity limit.", code=None),
    "429": _rate_limited,
    "insufficient_quota": lambda model: rejected(429, QUOTA, type="insufficient_quota", code="insufficient_quota"),
    "context_length": lambda model: too_long(128000, 131072, 4096),
    "500": lambda model: Rejected(500, dict(_SERVER)),
    "503": lambda model: rejected(503, OVERLOADED, type="service_unavailable_error", code="server_is_overloaded"),
    "529": lambda model: rejected(529, OVERLOADED, type="service_unavailable_error", code="server_is_overloaded"),
}
