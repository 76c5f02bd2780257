"""Tokens that an answer of a model API reports: Anthropic Messages, OpenAI Chat Completions and Responses, Gemini.

Pure: bytes in, counts out. The server writes the answer, and the bottle chooses when to stop reading it: what is not reported in
the end is estimated from what came, never left out. Formats: WHATWG server-sent events; the vendors' API references.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from bot_bottle.record import dataclass, replace

LINE_LIMIT = 16 * 1024 * 1024
"""A whole answer, or one line of a stream (OpenAI's last event repeats the whole answer); what is longer is estimated."""

BYTES_PER_TOKEN = 3
"""For estimates; English text has about four, so that an estimate is rather too high."""

_DATED = re.compile(r"-(?:20[0-9]{6}|20[0-9]{2}-[0-9]{2}-[0-9]{2}|latest)$")


@dataclass(frozen=True, kw_only=True, slots=True)
class Used:
    """Tokens of one exchange. `input` is without what was read from or written to the cache."""

    model: str = ""
    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0
    cache_write_1h: int = 0
    is_fast: bool = False
    is_estimate: bool = False

    @property
    def prompt(self) -> int:
        """All that the model read."""
        return self.input + self.cache_read + self.cache_write + self.cache_write_1h

    @property
    def total(self) -> int:
        """Read and written."""
        return self.prompt + self.output


class UsageReader:
    """Reads one answer while it passes."""

    def __init__(self, *, is_stream: bool) -> None:
        self._is_stream = is_stream
        self._held = bytearray()
        self._is_lost = False
        self._is_final = False
        self._used = Used()
        self._events = 0
        self._said = 0
        self._received = 0

    def feed(self, part: bytes) -> None:
        """The next of the body."""
        self._received += len(part)
        if self._is_lost:
            return
        self._held += part
        if self._is_stream and b"\n" in part:
            *lines, rest = bytes(self._held).split(b"\n")
            self._held = bytearray(rest)
            for line in lines:
                if line.startswith(b"data:"):
                    self._take(line[5:].strip())
        if len(self._held) > LINE_LIMIT:
            self._held.clear()
            self._is_lost = True

    def finish(self) -> None:
        """The body is complete."""
        if self._held and not self._is_lost:
            text = bytes(self._held)
            self._take(text.partition(b"data:")[2].strip() if self._is_stream else text)
        self._held.clear()

    def lost(self) -> None:
        """The body cannot be read (it is encoded): count by its size."""
        self._is_lost = True

    def used(self, *, sent: int) -> Used:
        """What is known so far; estimated where the answer has not said it. `sent` is the request body's size."""
        if self._is_final and not self._is_lost:
            return self._used
        text = self._received if self._is_lost or not self._is_stream else self._said
        output = max(self._used.output, self._events, -(-text // BYTES_PER_TOKEN))
        known = self._used.prompt
        return replace(
            self._used, output=output, input=self._used.input if known else -(-sent // BYTES_PER_TOKEN), is_estimate=True
        )

    def _take(self, text: bytes) -> None:
        try:
            event = json.loads(text)
        except (ValueError, RecursionError):
            return
        if not isinstance(event, dict):
            return
        self._events += 1 if "delta" in event or "choices" in event or "candidates" in event else 0
        self._said += _length(event.get("delta")) + sum(
            _length(choice.get("delta")) for choice in _list(event.get("choices")) if isinstance(choice, dict)
        )
        if "candidates" in event or "usageMetadata" in event:
            self._take_gemini(event)
        for part in (event, event.get("message"), event.get("response")):
            if isinstance(part, dict):
                self._note(part, kind=str(event.get("type", "")))

    def _take_gemini(self, event: Mapping[str, Any]) -> None:  # Any: JSON
        """GenerateContentResponse: every event of a stream has the counts so far, the last one says why it ends."""
        candidates = [one for one in _list(event.get("candidates")) if isinstance(one, dict)]
        self._said += sum(_length(one.get("content")) for one in candidates)
        if isinstance(event.get("modelVersion"), str):
            self._used = replace(self._used, model=event["modelVersion"][:100])
        usage = event.get("usageMetadata")
        if isinstance(usage, dict):
            read = _count(usage, "cachedContentTokenCount")
            prompt = _count(usage, "promptTokenCount") + _count(usage, "toolUsePromptTokenCount")
            output = _count(usage, "candidatesTokenCount") + _count(usage, "thoughtsTokenCount")
            self._used = replace(
                self._used,
                input=max(self._used.input, prompt - read, 0),
                output=max(self._used.output, output),
                cache_read=max(self._used.cache_read, read),
            )
            self._is_final = self._is_final or any("finishReason" in one for one in candidates)

    def _note(self, part: Mapping[str, Any], *, kind: str) -> None:  # Any: JSON
        if isinstance(part.get("model"), str):
            self._used = replace(self._used, model=part["model"][:100])
        if part.get("service_tier") in ("priority", "fast"):
            self._used = replace(self._used, is_fast=True)
        usage = part.get("usage")
        if isinstance(usage, dict):
            self._used = _more(self._used, usage)
            self._is_final = self._is_final or kind != "message_start"


def _more(known: Used, usage: Mapping[str, Any]) -> Used:  # Any: JSON
    """Counts are cumulative in every format: the larger one holds."""
    details = usage.get("input_tokens_details") or usage.get("prompt_tokens_details")
    cached = details if isinstance(details, dict) else {}
    read = _count(usage, "cache_read_input_tokens") + _count(cached, "cached_tokens")
    write = _count(usage, "cache_creation_input_tokens") + _count(cached, "cache_write_tokens")
    by_life = usage.get("cache_creation")
    hour = _count(by_life, "ephemeral_1h_input_tokens") if isinstance(by_life, dict) else 0
    prompt = _count(usage, "input_tokens") + _count(usage, "prompt_tokens")
    if cached:  # OpenAI counts the cached tokens among the prompt's, Anthropic beside them
        prompt = max(0, prompt - read - write)
    return replace(
        known,
        input=max(known.input, prompt),
        output=max(known.output, _count(usage, "output_tokens") + _count(usage, "completion_tokens")),
        cache_read=max(known.cache_read, read),
        cache_write=max(known.cache_write, write - min(write, hour)),
        cache_write_1h=max(known.cache_write_1h, hour),
        is_fast=known.is_fast or usage.get("speed") == "fast",
    )


def _count(usage: Mapping[str, Any], key: str) -> int:  # Any: JSON
    value = usage.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**40 else 0


def _length(delta: object) -> int:
    """Bytes of the text in a delta, tool arguments and reasoning included."""
    if isinstance(delta, str):
        return len(delta.encode("utf-8", "replace"))
    if isinstance(delta, dict):
        return sum(_length(value) for key, value in delta.items() if key not in ("type", "role", "id", "name", "stop_reason"))
    return sum(_length(value) for value in _list(delta))


def _list(value: object) -> list[Any]:  # Any: JSON
    return value if isinstance(value, list) else []


def model_name(text: str) -> str:
    """The name without a provider before it, a date behind it, or a context mark: as the price table has it."""
    return _DATED.sub("", text.rpartition("/")[2].partition("[")[0].partition("@")[0].lower())
