"""What a model's answers cost, and where the gate stops."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot_bottle.gates.base import Event, Outbound, Stopped
from bot_bottle.gates.egress.budget import Meter, Metered, model_call
from bot_bottle.gates.egress.prices import read_prices
from bot_bottle.gates.egress.usage import LINE_LIMIT, UsageReader, Used, model_name
from bot_bottle.manifest.spec import Budget
from bot_bottle.record import replace

PRICES = read_prices()


def sse(*events: object) -> bytes:
    """A stream of events as servers write it."""
    return b"".join(f"event: x\ndata: {one if isinstance(one, str) else json.dumps(one)}\n\n".encode() for one in events)


MESSAGE: dict[str, Any] = {  # Any: JSON
    "model": "claude-sonnet-4-5-20250929",
    "usage": {"input_tokens": 10, "cache_read_input_tokens": 200, "cache_creation_input_tokens": 50, "output_tokens": 1},
}
ANTHROPIC = sse(
    {"type": "message_start", "message": MESSAGE},
    {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "Hello, you"}},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 30}},
    {"type": "message_stop"},
)
CHAT_USAGE = {"prompt_tokens": 100, "completion_tokens": 20, "prompt_tokens_details": {"cached_tokens": 60}}
CHAT = sse(
    {"object": "chat.completion.chunk", "model": "gpt-5-2025-08-07", "choices": [{"delta": {"content": "Hi"}}], "usage": None},
    {"object": "chat.completion.chunk", "model": "gpt-5-2025-08-07", "choices": [], "usage": CHAT_USAGE},
    "[DONE]",
)
RESPONSE = {
    "object": "response",
    "model": "gpt-5-codex",
    "service_tier": "default",
    "usage": {"input_tokens": 100, "output_tokens": 40, "input_tokens_details": {"cached_tokens": 30}},
}
RESPONSES = sse(
    {"type": "response.created", "response": {"model": "gpt-5-codex", "usage": None}},
    {"type": "response.output_text.delta", "delta": "Hi"},
    {"type": "response.completed", "response": RESPONSE},
)

GEMINI_PARTS: list[dict[str, Any]] = [  # Any: JSON
    {
        "candidates": [{"content": {"parts": [{"text": "Hello"}]}}],
        "usageMetadata": {"promptTokenCount": 100, "candidatesTokenCount": 2, "cachedContentTokenCount": 60},
        "modelVersion": "gemini-2.5-pro",
    },
    {
        "candidates": [{"content": {"parts": [{"text": ", you"}]}, "finishReason": "STOP"}],
        "usageMetadata": {
            "promptTokenCount": 100,
            "candidatesTokenCount": 5,
            "thoughtsTokenCount": 30,
            "cachedContentTokenCount": 60,
        },
        "modelVersion": "gemini-2.5-pro",
    },
]
GEMINI = Used(model="gemini-2.5-pro", input=40, output=35, cache_read=60)

CLAUDE = Used(model=MESSAGE["model"], input=10, cache_read=200, cache_write=50)
GPT = Used(model="gpt-5", input=40, output=20, cache_read=60)
CODEX = Used(model="gpt-5-codex", input=70, output=40, cache_read=30)
ANSWERS = [
    (ANTHROPIC, True, replace(CLAUDE, output=30)),
    (json.dumps({"type": "message", **MESSAGE}).encode(), False, replace(CLAUDE, output=1)),
    (sse(*GEMINI_PARTS), True, GEMINI),
    (json.dumps(GEMINI_PARTS[1]).encode(), False, GEMINI),
    (CHAT, True, replace(GPT, model="gpt-5-2025-08-07")),
    (json.dumps({"object": "chat.completion", "model": "gpt-5", "choices": [], "usage": CHAT_USAGE}).encode(), False, GPT),
    (RESPONSES, True, CODEX),
    (json.dumps(RESPONSE).encode(), False, CODEX),
]


def read(body: bytes, *, is_stream: bool, cuts: Sequence[int] = (), sent: int = 0, finish: bool = True) -> Used:
    """What the reader makes of it, fed in these pieces."""
    reader = UsageReader(is_stream=is_stream)
    places = [0, *sorted({cut % (len(body) + 1) for cut in cuts}), len(body)]
    for place, start in enumerate(places[:-1]):
        reader.feed(body[start : places[place + 1]])
    if finish:
        reader.finish()
    return reader.used(sent=sent)


@pytest.mark.parametrize(("body", "is_stream", "used"), ANSWERS)
def test_the_servers_own_numbers_are_counted(body: bytes, is_stream: bool, used: Used) -> None:
    assert read(body, is_stream=is_stream) == used


@given(st.sampled_from(ANSWERS), st.lists(st.integers(0, 3000), max_size=20))
def test_chunk_borders_do_not_change_the_count(answer: tuple[bytes, bool, Used], cuts: list[int]) -> None:
    assert read(answer[0], is_stream=answer[1], cuts=cuts) == answer[2]


@given(st.binary(max_size=400), st.booleans())
def test_any_answer_is_counted_without_an_error(body: bytes, is_stream: bool) -> None:
    assert read(b"data: " + body + b"\n", is_stream=is_stream).total >= 0


def test_hours_long_cache_writes_are_told_apart() -> None:
    usage = {
        "input_tokens": 1,
        "cache_creation_input_tokens": 90,
        "cache_creation": {"ephemeral_1h_input_tokens": 60},
        "output_tokens": 1,
    }
    used = read(json.dumps({"model": "m", "usage": usage}).encode(), is_stream=False)
    assert (used.cache_write, used.cache_write_1h) == (30, 60)


@pytest.mark.parametrize("value", [-5, "7", 1.5, True, None, 2**70, [1]])
def test_a_number_that_is_none_counts_nothing(value: object) -> None:
    assert read(json.dumps({"model": "m", "usage": {"output_tokens": value}}).encode(), is_stream=False).output == 0


def test_a_stream_that_is_left_early_is_estimated() -> None:
    used = read(ANTHROPIC[: ANTHROPIC.index(b"message_delta")], is_stream=True)
    assert used.is_estimate
    assert (used.input, used.cache_read) == (10, 200)
    assert used.output == len("Hello, you") // 3 + 1


def test_a_gemini_stream_that_is_left_early_counts_what_it_said_so_far_as_an_estimate() -> None:
    reader = UsageReader(is_stream=True)
    reader.feed(sse(GEMINI_PARTS[0]))
    reader.finish()
    used = reader.used(sent=300)
    assert used.is_estimate
    assert (used.input, used.cache_read) == (40, 60)
    assert used.output >= 2


def test_a_stream_that_never_reports_is_estimated_from_what_went_both_ways() -> None:
    used = read(
        sse(*({"model": "gpt-5", "choices": [{"delta": {"content": "a"}}]} for _ in range(50))), is_stream=True, sent=3000
    )
    assert (used.input, used.output, used.is_estimate) == (1000, 50, True)


def test_an_answer_too_long_to_read_is_estimated() -> None:
    used = read(b"{" + b" " * (LINE_LIMIT + 5), is_stream=False, sent=30)
    assert used.is_estimate
    assert used.output > LINE_LIMIT // 4


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("claude-opus-4-5-20251101", "claude-opus-4-5"),
        ("anthropic/claude-opus-4-5", "claude-opus-4-5"),
        ("claude-sonnet-4-5[1m]", "claude-sonnet-4-5"),
        ("claude-sonnet-4-5@20250929", "claude-sonnet-4-5"),
        ("gpt-5-2025-08-07", "gpt-5"),
        ("GPT-5", "gpt-5"),
    ],
)
def test_a_models_name_is_read_without_its_date(text: str, name: str) -> None:
    assert model_name(text) == name


@pytest.mark.parametrize(
    ("used", "usd"),
    [
        (Used(model="claude-sonnet-4-5-20250929", input=1_000_000, output=100_000), 4.5),
        (Used(model="claude-opus-4-1", cache_read=1_000_000, cache_write=1_000_000, cache_write_1h=1_000_000), 50.25),
        (Used(model="gpt-5-codex", input=1_000_000, cache_read=1_000_000), 1.375),
        (Used(model="claude-haiku-5-5", input=100_000), 0.01),
        (Used(model="claude-haiku-5-5", input=100_001, output=0), 0.0500005),
        (Used(model="claude-opus-5-5", output=1_000_000, is_fast=True), 40.0),
    ],
)
def test_tokens_cost_what_the_table_says(used: Used, usd: float) -> None:
    assert PRICES.usd(used) == pytest.approx(usd)


@pytest.mark.parametrize("model", ["", "gpt-5-ultra", "claude-opus", "claude-9", "unheard-of"])
def test_an_unknown_model_costs_as_much_as_the_dearest(model: str) -> None:
    used = Used(model=model, input=1000, output=1000)
    assert PRICES.find(model) is None
    assert PRICES.usd(used) == max(price.usd(used) for price in PRICES.models.values())


def test_the_price_table_says_when_and_where_it_was_read() -> None:
    assert PRICES.as_of.startswith("20")
    assert all(source.startswith("https://") for source in PRICES.sources)


def call(target: str = "/v1/messages", *, method: str = "POST", is_websocket: bool = False) -> Outbound:
    """A request to a model."""
    return Outbound(
        scheme="https", host="api.example.com", port=443, method=method, target=target, headers=(), is_websocket=is_websocket
    )


@pytest.mark.parametrize(
    ("request_", "kind"),
    [
        (call(), "counted"),
        (call("/v1/messages?beta=true"), "counted"),
        (call("/v1/messages/"), "counted"),
        (call("/v1//messages"), "counted"),
        (call("/v1%2Fmessages"), "counted"),
        (call("/V1/Messages"), "counted"),
        (call("/proxy/anthropic/v1/messages"), "counted"),
        (call("/v1/chat/completions"), "counted"),
        (call("/v1/responses"), "counted"),
        (call("/v1/responses", method="GET", is_websocket=True), "uncounted"),
        (call("/v1/realtime", method="GET", is_websocket=True), "uncounted"),
        (call("/v1/messages/batches"), "uncounted"),
        (call("/v1/embeddings"), "uncounted"),
        (call("/v1/complete"), "uncounted"),
        (call("/v1/responses/compact"), "counted"),
        (call("/v1/images/generations"), "uncounted"),
        (call("/v1beta/models/gemini-x:generateContent"), "counted"),
        (call("/v1beta/models/gemini-x:batchGenerateContent"), "uncounted"),
        (call("/v1beta/models/gemini-x:streamGenerateContent?alt=sse"), "counted"),
        (call("/v1beta/models/gemini-x%3AgenerateContent"), "counted"),
        (call("/v1beta/models/gemini-x:countTokens"), None),
        (call("/v1/projects/p/locations/l/publishers/anthropic/models/claude:streamRawPredict"), "uncounted"),
        (call("/model/anthropic.claude-v1%3A0/invoke-with-response-stream"), "uncounted"),
        (call("/model/anthropic.claude-v1%3A0/converse"), "uncounted"),
        (call("/robots/3/invoke"), None),
        (call("/v1/messages/count_tokens"), None),
        (call("/v1/models", method="GET"), None),
        (call("/x/emessages"), None),
    ],
)
def test_a_model_call_is_known_by_its_path(request_: Outbound, kind: str | None) -> None:
    assert model_call(request_) == kind


def meter(**budget: float) -> tuple[Meter, list[Event]]:
    """A meter and its events."""
    events: list[Event] = []
    return Meter(Budget(**budget), read_prices, events.append), events  # type: ignore[arg-type]  # usd or tokens


def answer(
    one: Meter, body: bytes = ANTHROPIC, *, status: int = 200, kind: str = "text/event-stream", encoding: str = ""
) -> None:
    """One whole exchange."""
    watched = one.watch(call(), None)
    assert isinstance(watched, Metered)
    headers = [("Content-Type", kind), *([("Content-Encoding", encoding)] if encoding else [])]
    try:
        assert watched.send(b"x" * 300) == b"x" * 300
        watched.answered(status, headers)
        assert watched.receive(body) == body
        watched.finish_receiving()
    finally:
        watched.close()
        watched.close()


def test_usage_is_summed_and_recorded_once() -> None:
    one, events = meter()
    answer(one)
    answer(one)
    assert (one.tokens, len(events)) == (2 * 290, 2)
    assert events[0]["model"] == "claude-sonnet-4-5-20250929"
    assert events[0]["usd"] == pytest.approx((10 * 3 + 30 * 15 + 200 * 0.3 + 50 * 3.75) / 1e6)


@pytest.mark.parametrize("budget", [{"usd": 0.0005}, {"tokens": 290}])
def test_a_used_up_budget_refuses_the_next_call(budget: dict[str, float]) -> None:
    one, _ = meter(**budget)
    watched = one.watch(call(), None)
    assert isinstance(watched, Metered)
    watched.answered(200, [("content-type", "text/event-stream")])
    with pytest.raises(Stopped):
        watched.receive(ANTHROPIC)
    watched.close()
    with pytest.raises(Stopped, match="used up"):
        one.watch(call(), None)
    assert one.watch(call("/v1/models", method="GET"), None) is None


def test_a_budget_stops_an_answer_in_its_middle() -> None:
    one, _ = meter(tokens=400)
    watched = one.watch(call(), None)
    assert isinstance(watched, Metered)
    watched.answered(200, [("content-type", "text/event-stream")])
    watched.receive(sse({"type": "message_start", "message": MESSAGE}))
    delta = sse({"type": "content_block_delta", "delta": {"text": "x" * 60}})
    with pytest.raises(Stopped):
        watched.receive(delta * 20)


def test_answers_that_still_run_count_against_the_budget() -> None:
    one, _ = meter(tokens=261)
    watched = one.watch(call(), None)
    assert isinstance(watched, Metered)
    watched.answered(200, [("content-type", "text/event-stream")])
    with pytest.raises(Stopped):
        watched.receive(sse({"type": "message_start", "message": MESSAGE}))
    with pytest.raises(Stopped):
        one.watch(call(), None)


def test_leaving_early_does_not_make_a_call_free() -> None:
    one, _ = meter(tokens=1000)
    watched = one.watch(call(), None)
    assert isinstance(watched, Metered)
    watched.send(b"x" * 3000)
    watched.close()
    assert one.tokens == 1000
    with pytest.raises(Stopped):
        one.watch(call(), None)


def test_an_error_costs_nothing() -> None:
    one, events = meter(tokens=10)
    answer(one, b'{"type":"error"}', status=429, kind="application/json")
    assert (one.tokens, events) == (0, [])


def test_an_encoded_answer_is_counted_by_its_size() -> None:
    one, events = meter()
    answer(one, b"\x1f\x8b" + bytes(298), encoding="gzip")
    assert (events[0]["input"], events[0]["output"], events[0]["is_estimate"]) == (100, 100, True)


@pytest.mark.parametrize("request_", [call("/v1/messages/batches"), call("/v1/responses", method="GET", is_websocket=True)])
def test_what_cannot_be_counted_is_refused_under_a_budget_only(request_: Outbound) -> None:
    assert meter()[0].watch(request_, None) is None
    with pytest.raises(Stopped, match="cannot be counted"):
        meter(usd=100)[0].watch(request_, None)


def test_a_budget_of_nothing_refuses_the_first_call() -> None:
    with pytest.raises(Stopped):
        meter(usd=0)[0].watch(call(), None)
