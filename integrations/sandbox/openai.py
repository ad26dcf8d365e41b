"""An API shaped like OpenAI's: models, chat completions (streamed too), embeddings, its limits and errors.

Source of the shapes: the official Python SDK 3.54 and the rate-limit guide, read 2026-11-21.
"""

from __future__ import annotations

import hmac
import json
import time
import uuid
from collections.abc import Iterator
from typing import Any

from integrations.sandbox.wire import Request, Response, json_answer
from integrations.sandbox.world import World

MODELS = ["gpt-5-mini", "gpt-5", "text-embedding-3-small"]
REQUESTS_A_MINUTE = 500
TOKENS_A_MINUTE = 200_000


def answer(world: World, request: Request, path: str) -> Response:
    """Answer one call as OpenAI would."""
    offered = request.header("Authorization").removeprefix("Bearer ").strip()
    if not hmac.compare_digest(offered.encode(), world.openai_key.encode()):
        text = "Incorrect API key provided. You can find your API key in the sandbox's first line."
        return error(401, text, "invalid_request_error", "invalid_api_key")
    try:
        response = _route(request, path)
    except (ValueError, json.JSONDecodeError):
        response = error(400, "We could not parse the JSON body of your request.", "invalid_request_error")
    response.headers += limit_headers(world)
    return response


def _route(request: Request, path: str) -> Response:
    match (request.method, path.strip("/").split("/")):
        case ("GET", ["v1", "models"]):
            return json_answer({"object": "list", "data": [_model(name) for name in MODELS]})
        case ("GET", ["v1", "models", name]) if name in MODELS:
            return json_answer(_model(name))
        case ("POST", ["v1", "chat", "completions"]):
            return _chat(request.json())
        case ("POST", ["v1", "embeddings"]):
            return _embeddings(request.json())
        case _:
            return error(404, f"Unknown request URL: {request.method} {path}.", "invalid_request_error", "unknown_url")


def limit_headers(world: World) -> list[tuple[str, str]]:
    """Return OpenAI's limit headers; the resets are durations such as `59.5s`."""
    used, left_s = world.used_in_window("openai", 60, time.time())
    values = {
        "x-ratelimit-limit-requests": REQUESTS_A_MINUTE,
        "x-ratelimit-remaining-requests": max(0, REQUESTS_A_MINUTE - used),
        "x-ratelimit-reset-requests": f"{left_s:.1f}s",
        "x-ratelimit-limit-tokens": TOKENS_A_MINUTE,
        "x-ratelimit-remaining-tokens": max(0, TOKENS_A_MINUTE - 20 * used),
        "x-ratelimit-reset-tokens": f"{int(left_s * 500)}ms",
        "openai-processing-ms": 12,
        "openai-version": "2020-10-01",
        "x-request-id": f"req_{uuid.uuid4().hex}",
    }
    return [(name, str(value)) for name, value in values.items()]


def error(status: int, message: str, kind: str, code: str | None = None) -> Response:
    """Return an error body as OpenAI writes it."""
    return json_answer({"error": {"message": message, "type": kind, "param": None, "code": code}}, status)


def trouble(status: int, code: str) -> Response:
    """Return a failure of OpenAI's own. `insufficient_quota` is a 429 that no waiting mends."""
    if code == "insufficient_quota":
        text = "You exceeded your current quota, please check your plan and billing details."
        return error(429, text, "insufficient_quota", "insufficient_quota")
    if status == 429:
        return error(429, "Rate limit reached for requests per min.", "requests", code or "rate_limit_exceeded")
    return error(status, "The server had an error while processing your request.", "server_error", code or None)


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 1_760_000_000, "owned_by": "sandbox"}


def _chat(asked: dict[str, Any]) -> Response:
    messages = asked.get("messages")
    if not isinstance(messages, list) or not messages or not isinstance(asked.get("model"), str):
        return error(400, "Missing required parameter: 'messages' or 'model'.", "invalid_request_error")
    words = f"This is the sandbox. You said: {_last_words(messages)}"
    head = {"id": f"chatcmpl-{uuid.uuid4().hex}", "created": int(time.time()), "model": asked["model"]}
    if asked.get("stream"):
        kind = [("Content-Type", "text/event-stream; charset=utf-8"), ("Cache-Control", "no-cache")]
        return Response(200, b"", kind, chunks=_events(head, words))
    choice = {"index": 0, "message": {"role": "assistant", "content": words}, "finish_reason": "stop", "logprobs": None}
    return json_answer({**head, "object": "chat.completion", "choices": [choice], "usage": _usage(words)})


def _last_words(messages: list[Any]) -> str:
    content = messages[-1].get("content") if isinstance(messages[-1], dict) else ""
    return content if isinstance(content, str) else "something with more than one part"


def _events(head: dict[str, Any], words: str) -> Iterator[bytes]:
    pieces: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    pieces += [{"content": word + " "} for word in words.split(" ")]
    for delta in [*pieces, {}]:
        choice = {"index": 0, "delta": delta, "finish_reason": None if delta else "stop"}
        event = {**head, "object": "chat.completion.chunk", "choices": [choice]}
        yield f"data: {json.dumps(event)}\n\n".encode()
    yield b"data: [DONE]\n\n"


def _embeddings(asked: dict[str, Any]) -> Response:
    texts = asked.get("input")
    texts = [texts] if isinstance(texts, str) else texts
    if not isinstance(texts, list) or not texts:
        return error(400, "Missing required parameter: 'input'.", "invalid_request_error")
    data = [{"object": "embedding", "index": i, "embedding": [0.25, -0.5, 0.125]} for i in range(len(texts))]
    usage = {"prompt_tokens": 8, "total_tokens": 8}
    return json_answer({"object": "list", "data": data, "model": asked.get("model", MODELS[2]), "usage": usage})


def _usage(words: str) -> dict[str, int]:
    count = len(words.split())
    return {"prompt_tokens": count, "completion_tokens": count, "total_tokens": 2 * count}
