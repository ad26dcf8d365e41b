"""What an answer says it used is read from its ends, in every form that vendors document."""

from __future__ import annotations

import gzip
import json

import pytest

from integrations.providers.registry import get_provider
from integrations.usage.ends import EVENTS, HEAD_BYTES, JSON, PACKED_BYTES, TAIL_BYTES, Ends, ends_of
from integrations.usage.used import Used, used_in

pytestmark = pytest.mark.matrix

# Each from the page of the vendor's own named beside it, cut to what matters here.
# developers.openai.com/api/reference/resources/chat, "The chat completion object"
OPENAI_CHAT = {
    "id": "chatcmpl-B9MHDbslfkBeAs8l4bebGdFOJ6PeG",
    "object": "chat.completion",
    "model": "gpt-4o-2024-08-06",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "The image shows a path."}}],
    "usage": {
        "prompt_tokens": 1117,
        "completion_tokens": 46,
        "total_tokens": 1163,
        "prompt_tokens_details": {"cached_tokens": 1024, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0},
    },
    "service_tier": "default",
}
# developers.openai.com/api/reference/resources/responses
OPENAI_RESPONSES = {
    "id": "resp_67ccd3a9da748190baa7f1570fe91ac604becb25c45c1d41",
    "object": "response",
    "model": "gpt-4o-2024-08-06",
    "output": [{"type": "message", "content": [{"type": "output_text", "text": "Hi"}]}],
    "usage": {
        "input_tokens": 328,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": 52,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 380,
    },
}
# developers.openai.com/api/reference/resources/embeddings
OPENAI_EMBEDDING = {
    "object": "list",
    "data": [{"object": "embedding", "embedding": [0.0023064255, -0.009327292], "index": 0}],
    "model": "text-embedding-3-small",
    "usage": {"prompt_tokens": 8, "total_tokens": 8},
}
# platform.claude.com/docs/en/build-with-claude/prompt-caching
ANTHROPIC = {
    "id": "msg_01",
    "type": "message",
    "model": "claude-opus-5",
    "content": [{"type": "text", "text": "Hi"}],
    "usage": {
        "input_tokens": 50,
        "cache_read_input_tokens": 1800,
        "cache_creation_input_tokens": 248,
        "cache_creation": {"ephemeral_5m_input_tokens": 148, "ephemeral_1h_input_tokens": 100},
        "output_tokens": 503,
        "service_tier": "standard",
    },
}
# ai.google.dev/api/generate-content
GEMINI = {
    "candidates": [{"content": {"parts": [{"text": "Hi"}], "role": "model"}}],
    "usageMetadata": {
        "promptTokenCount": 120,
        "cachedContentTokenCount": 100,
        "candidatesTokenCount": 11,
        "thoughtsTokenCount": 30,
        "totalTokenCount": 161,
    },
    "modelVersion": "gemini-2.5-flash",
}
# docs.cohere.com/reference/chat
COHERE = {
    "id": "c14c80c3",
    "message": {"role": "assistant", "content": [{"type": "text", "text": "Hi"}]},
    "usage": {
        "billed_units": {"input_tokens": 5, "output_tokens": 418},
        "tokens": {"input_tokens": 71, "output_tokens": 418},
    },
}
# openrouter.ai/docs/use-cases/usage-accounting
OPENROUTER = {
    "object": "chat.completion",
    "model": "openai/gpt-4o",
    "usage": {"completion_tokens": 2, "cost": 0.00095, "prompt_tokens": 194, "total_tokens": 196},
}
# api-docs.deepseek.com/api/create-chat-completion
DEEPSEEK = {
    "object": "chat.completion",
    "model": "deepseek-chat",
    "usage": {
        "completion_tokens": 10,
        "prompt_tokens": 16,
        "prompt_cache_hit_tokens": 6,
        "prompt_cache_miss_tokens": 10,
        "total_tokens": 26,
    },
}
# github.com/openai/openai-python, types/responses/response_usage.py; the counts from github.com/coder/mux/issues/3705
OPENAI_WRITTEN = {
    "object": "response",
    "model": "gpt-5.6-sol",
    "usage": {
        "input_tokens": 3300,
        "input_tokens_details": {
            "cached_tokens": 0,
            "cache_write_tokens": 3207,
            "cache_write_tokens_details": {"ttl_30m_tokens": 3000, "ttl_12h_tokens": 207},
        },
        "output_tokens": 52,
        "total_tokens": 3352,
    },
}
# docs.mistral.ai/studio-api/conversations/advanced/prompt-caching
MISTRAL = {
    "object": "chat.completion",
    "model": "mistral-small-latest",
    "usage": {
        "prompt_tokens": 1013,
        "completion_tokens": 30,
        "total_tokens": 1043,
        "prompt_tokens_details": {"cached_tokens": 1008},
    },
}
# docs.x.ai/developers/cost-tracking: 10,000,000,000 ticks are a dollar
XAI = {
    "object": "chat.completion",
    "model": "grok-4-fast-non-reasoning",
    "usage": {
        "prompt_tokens": 125,
        "completion_tokens": 48,
        "prompt_tokens_details": {"cached_tokens": 98},
        "cost_in_usd_ticks": 37756000,
    },
}
# github.com/perplexityai/perplexity-py, types/shared/usage_info.py and types/responses_usage.py
PERPLEXITY_CHAT = {
    "model": "sonar",
    "usage": {"prompt_tokens": 9, "completion_tokens": 80, "cost": {"request_cost": 0.005, "total_cost": 0.00509}},
}
PERPLEXITY_RESPONSES = {
    "object": "response",
    "model": "openai/gpt-5.2",
    "usage": {
        "input_tokens": 20,
        "output_tokens": 5,
        "input_tokens_details": {"cache_read_input_tokens": 12},
        "cost": {"currency": "USD", "input_cost": 0.00001, "output_cost": 0.00002, "total_cost": 0.00003},
    },
}
SPLIT = Used("claude-opus-5", input=50, cached=1800, written=148, written_long=100, output=503)


def ends(body: bytes, form: str = JSON, *, coding: str = "", step: int = 1000) -> Ends:
    """Return the ends of a body that came in chunks."""
    made = Ends(form, coding)
    for at in range(0, len(body), step):
        made.feed(body[at : at + step])
    return made


def used(provider: str, body: object, form: str = JSON, **options) -> Used | None:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = options.pop("request", b"")
    return used_in(ends(raw, form, **options), get_provider(provider), request_body=request)


@pytest.mark.parametrize(
    ("provider", "body", "expected"),
    [
        ("openai", OPENAI_CHAT, Used("gpt-4o-2024-08-06", input=93, cached=1024, output=46)),
        ("openai", OPENAI_RESPONSES, Used("gpt-4o-2024-08-06", input=328, output=52)),
        ("openai", OPENAI_EMBEDDING, Used("text-embedding-3-small", input=8)),
        ("openai", OPENAI_CHAT | {"service_tier": "flex"},
         Used("gpt-4o-2024-08-06", input=93, cached=1024, output=46, is_list_price=False)),
        ("anthropic", ANTHROPIC, SPLIT),
        ("google_gemini", GEMINI, Used("gemini-2.5-flash", input=20, cached=100, output=41)),
        ("google_gemini", [GEMINI, GEMINI], Used("gemini-2.5-flash", input=20, cached=100, output=41)),
        ("openrouter", OPENROUTER, Used("openai/gpt-4o", input=194, output=2, told_nano=950_000)),
        ("deepseek", DEEPSEEK, Used("deepseek-chat", input=10, cached=6, output=10)),
        ("openai", OPENAI_WRITTEN, Used("gpt-5.6-sol", input=93, written=3000, written_long=207, output=52)),
        ("mistral", MISTRAL, Used("mistral-small-latest", input=5, cached=1008, output=30)),
        ("xai", XAI, Used("grok-4-fast-non-reasoning", input=27, cached=98, output=48, told_nano=3_775_600)),
        ("perplexity", PERPLEXITY_CHAT, Used("sonar", input=9, output=80, told_nano=5_090_000)),
        ("perplexity", PERPLEXITY_RESPONSES, Used("openai/gpt-5.2", input=8, cached=12, output=5, told_nano=30_000)),
    ],
)  # fmt: skip
def test_what_a_vendor_documents_is_read(provider, body, expected):
    assert used(provider, body) == expected


def test_a_model_that_the_answer_does_not_name_stands_in_the_request():
    asked = b'{"model": "command-r-08-2024", "messages": []}'
    assert used("cohere", COHERE, request=asked) == Used("command-r-08-2024", input=5, output=418)


def sse(*events: object) -> bytes:
    return b"".join(b"event: x\ndata: %s\n\n" % json.dumps(event).encode() for event in events) + b"data: [DONE]\n\n"


# platform.claude.com/docs/en/build-with-claude/streaming
ANTHROPIC_STREAM = sse(
    {"type": "message_start", "message": {"model": "claude-opus-5", "usage": {"input_tokens": 25, "output_tokens": 1}}},
    {"type": "content_block_delta", "delta": {"type": "text_delta", "text": 'They say "usage": {"input_tokens": 9}'}},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 15}},
    {"type": "message_stop"},
)
# developers.openai.com/api/reference/resources/chat, streaming with stream_options.include_usage
OPENAI_STREAM = sse(
    {"model": "gpt-4o-mini-2024-07-18", "choices": [{"delta": {"content": "Hi"}}], "usage": None},
    {"model": "gpt-4o-mini-2024-07-18", "choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 12}},
)
RESPONSES_STREAM = sse(
    {"type": "response.created", "response": {"model": "gpt-4o-2024-08-06", "usage": None}},
    {"type": "response.output_text.delta", "delta": "Hi"},
    {"type": "response.completed", "response": OPENAI_RESPONSES},
)


@pytest.mark.parametrize("step", [1, 7, 100_000])
@pytest.mark.parametrize(
    ("provider", "body", "expected"),
    [
        ("anthropic", ANTHROPIC_STREAM, Used("claude-opus-5", input=25, output=15)),
        ("openai", OPENAI_STREAM, Used("gpt-4o-mini-2024-07-18", input=9, output=12)),
        ("openai", RESPONSES_STREAM, Used("gpt-4o-2024-08-06", input=328, output=52)),
        ("groq", sse({"model": "llama", "x_groq": {"usage": {"prompt_tokens": 3, "completion_tokens": 4}}}),
         Used("llama", input=3, output=4)),
        ("cohere", sse({"type": "message-end", "delta": {"usage": COHERE["usage"]}}), Used(input=5, output=418)),
    ],
)  # fmt: skip
def test_a_stream_says_it_in_its_events(provider, body, expected, step):
    assert used(provider, body, EVENTS, step=step) == expected


def test_a_stream_that_does_not_say_it_is_not_guessed():
    assert used("openai", sse({"choices": [{"delta": {"content": "Hi"}}], "usage": None}), EVENTS) is None


def test_of_a_long_stream_the_ends_are_enough_and_no_more_is_kept():
    start, _, delta, stop, *_ = ANTHROPIC_STREAM.split(b"\n\n")
    middle = b'data: {"type": "content_block_delta", "delta": {"text": "%s"}}\n\n' % (b"word " * 50)
    kept = ends(start + b"\n\n" + middle * 5000 + delta + b"\n\n" + stop + b"\n\n", EVENTS)
    assert used_in(kept, get_provider("anthropic")) == Used("claude-opus-5", input=25, output=15)
    assert sum(map(len, kept.parts())) <= HEAD_BYTES + TAIL_BYTES


@pytest.mark.parametrize("step", [1000, 1_000_000])
def test_the_end_of_a_large_answer_says_it_too(step):
    body = json.dumps(OPENAI_EMBEDDING | {"data": [{"embedding": [0.5] * 100_000}], "usage": None})
    body = body.replace('"usage": null', '"usage": {"prompt_tokens": 8000, "total_tokens": 8000}')
    request = b'{"model": "text-embedding-3-small"}'
    assert used("openai", body.encode(), step=step, request=request) == Used("text-embedding-3-small", input=8000)


def test_a_large_last_event_says_it_too():
    whole = {"instructions": "x" * 4 * TAIL_BYTES, **OPENAI_RESPONSES}
    body = sse({"type": "response.created", "response": {"model": "gpt-4o-2024-08-06", "usage": None}}) + sse(
        {"type": "response.completed", "response": whole}
    )
    assert used("openai", body, EVENTS) == Used("gpt-4o-2024-08-06", input=328, output=52)


def test_what_a_model_writes_is_not_taken_for_what_it_used():
    text = json.dumps({"usage": {"prompt_tokens": 1, "completion_tokens": 999_999}})
    told = OPENAI_CHAT | {"choices": [{"message": {"content": text, "tool_calls": [{"arguments": text}]}}]}
    assert used("openai", told) == Used("gpt-4o-2024-08-06", input=93, cached=1024, output=46)


def test_of_several_at_the_end_of_a_large_answer_the_last_one_counts():
    made = {"type": "tool_use", "input": {"usage": {"input_tokens": 1, "output_tokens": 999}}}
    body = {"model": "claude-opus-5", "content": [{"text": "x" * 4 * TAIL_BYTES}, made], "usage": ANTHROPIC["usage"]}
    assert used("anthropic", body, request=b'{"model": "claude-opus-5"}') == SPLIT


def test_a_packed_answer_is_read_and_a_huge_one_is_not_kept():
    packed = gzip.compress(json.dumps(OPENAI_CHAT).encode())
    assert used("openai", packed, coding="gzip") == Used("gpt-4o-2024-08-06", input=93, cached=1024, output=46)
    huge = ends(b"\x1f\x8b" + bytes(PACKED_BYTES), coding="gzip", step=64 * 1024)
    assert huge.parts() == (b"", b"")


HOSTILE = [
    b"",
    b"{",
    b"[]",
    b"null",
    b"[" * 100_000,
    b'{"usage": 5}',
    b'{"usage": {"prompt_tokens": "12"}}',
    b'{"usage": {"prompt_tokens": -12, "completion_tokens": true}}',
    b'{"usage": {"prompt_tokens": 1e400, "completion_tokens": NaN}}',
    b'{"usage": {"prompt_tokens": 99999999999999999999999999}}',
    b'{"usage": {"prompt_tokens": {"a": 1}}}',
    b'{"model": "' + b"x" * 500 + b'", "usage": {"prompt_tokens": 0}}',
    b'{"model": "<script>", "usage": {"prompt_tokens": 0}}',
    b"\xff\xfe{",
]


@pytest.mark.parametrize("body", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("form", [JSON, EVENTS])
def test_an_answer_that_lies_costs_nothing_and_breaks_nothing(body, form):
    found = used("openai", b"data: " + body if form == EVENTS else body, form)
    assert found is None or found == Used()


@pytest.mark.parametrize(
    ("provider", "status", "headers", "method", "is_kept"),
    [
        ("openai", 200, [(b"Content-Type", b"application/json; charset=utf-8")], "POST", True),
        ("openai", 200, [(b"content-type", b"text/event-stream")], "POST", True),
        ("openai", 200, [(b"content-type", b"application/json"), (b"content-encoding", b"br")], "POST", True),
        ("openai", 429, [(b"content-type", b"application/json")], "POST", False),
        ("openai", 200, [(b"content-type", b"audio/mpeg")], "POST", False),
        ("openai", 200, [], "POST", False),
        ("openai", 200, [(b"content-type", b"application/json")], "HEAD", False),
        ("hubspot", 200, [(b"content-type", b"application/json")], "POST", False),
    ],
)
def test_only_answers_that_may_say_it_are_looked_at(provider, status, headers, method, is_kept):
    assert (ends_of(get_provider(provider), status, headers, method=method) is not None) is is_kept
