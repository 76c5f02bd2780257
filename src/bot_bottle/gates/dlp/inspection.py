"""One exchange under inspection: the head at once, the body while it passes, the answer as the settings ask.

Everything is the attacker's: the bottle writes the request, the server the answer. Nothing of a body goes on before it was
judged; what cannot be judged is a finding. The methods run on the bundle's event loop, a part at a time.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from bot_bottle.gates.base import Inspection, Outbound, Stopped
from bot_bottle.gates.dlp import unpack, views
from bot_bottle.gates.dlp.chains import flat
from bot_bottle.gates.dlp.frames import Frames
from bot_bottle.gates.dlp.policy import SURE, Verdict, decide, explain
from bot_bottle.gates.dlp.records import Finding, Match, View, finding
from bot_bottle.gates.dlp.scan import BodyScan
from bot_bottle.gates.dlp.strip import strip
from bot_bottle.gates.dlp.wire_frames import BadFrame, FrameReader

if TYPE_CHECKING:
    from bot_bottle.gates.dlp.serve import DlpGate

ENCODED_BODY = 16 * 1024 * 1024
"""Most bytes of a request body with a content coding: it is held whole, opened and scanned."""

ANSWER = 4 * 1024 * 1024
"""Most bytes of an answer that are read for injected orders; the rest passes, and the event says so."""

TEXTS = ("text/", "json", "xml", "javascript", "markdown", "yaml", "x-www-form-urlencoded")


class Exchange(Inspection):
    """See the module. Made by the gate after the head was judged."""

    def __init__(self, gate: "DlpGate", request: Outbound) -> None:
        self._gate = gate
        self._request = request
        self._host = request.host
        self._scanner = gate.scanner_for(request.host)
        self._is_model = request.host in gate.settings.model_hosts
        self._coding = _header(request.headers, "content-encoding").strip().lower()
        self._type = _header(request.headers, "content-type").lower()
        self._body: BodyScan | None = None
        self._small = bytearray()
        self._held = bytearray()
        self._sent = 0
        self._outward: FrameReader | None = None
        self._frames = Frames()
        self._answer = AnswerText(self)
        self.needs_identity = gate.settings.injection == "redact" and not self._is_model  # what is cut out must be read

    # The request

    def send(self, part: bytes) -> bytes:
        if self._outward is not None:
            return self._send_frames(part)
        self._held += part
        if self._coding not in {"", "identity"}:
            if len(self._held) > ENCODED_BODY:
                self.judge([self.own_finding("unscannable", "encoded-size", "Encoded body too large to open")])
            return b""
        if self._body is None:
            self._body = BodyScan(self._scanner, "body", "the body")
        if len(self._small) <= views.SMALL:
            self._small += part
        self._watch(part)
        self._settle(self._body.feed(part))
        if self._gate.second is None:
            return self._release(self._body.released)
        if len(self._held) > ENCODED_BODY:
            self.judge([self.own_finding("unscannable", "pipelock-size", "Body too large for the engine pipelock")])
        return b""

    def finish(self) -> bytes:
        if self._coding not in {"", "identity"} and self._held:
            self._open()
            return self._release(len(self._held))
        if self._body is not None:
            found = self._body.finish()
            if len(self._small) <= views.SMALL:
                found += self._fields(bytes(self._small))
            self._settle(found)
            self._ask_second(bytes(self._held))
            released = self._body.released
            self._body = None
            return self._release(released)
        return b""

    def _open(self) -> None:
        """A body with content codings, undone from the last to the first (RFC 9110 section 8.4)."""
        text: bytes | None = bytes(self._held)
        for coding in reversed(self._coding.split(",")):
            text = unpack.open_as(coding.strip(), text) if text is not None else None
        if text is None or len(text) >= unpack.LIMIT:
            self.judge(
                [
                    self.own_finding(
                        "unscannable", "content-coding", f"Body in a coding that cannot be opened ({self._coding[:40]})"
                    )
                ]
            )
            return
        self._watch(text)
        self._ask_second(text)
        found = self._scanner.scan((View("body", "the body", text, (self._coding[:20],)),))
        self.judge(found + (self._fields(text) if len(text) <= views.SMALL else []))

    def _ask_second(self, text: bytes) -> None:
        if self._gate.second is not None and text:
            self.judge(self._gate.told_by_second(self._gate.second.scan_text(text), "the body"))

    def _fields(self, body: bytes) -> list[Finding]:
        found = self._scanner.scan(views.field_views(body, self._type))
        parsed = views.parse(body) if body[:1] in {b"{", b"["} else None
        if parsed is not None and not self._is_model:
            found += self._gate.follow_tools(self._host, parsed)
        texts = flat(parsed) if parsed is not None else [part.partition("=")[2] for part in body.decode("latin-1").split("&")]
        return found + self._gate.join(self._host, [text.encode("utf-8", "replace") for text in texts] or [body])

    def _watch(self, content: bytes) -> None:
        if matches := self._gate.fragments.look(content):
            self.judge([self._gate.as_finding(match, View("body", "the body and requests before it", b"")) for match in matches])

    def _settle(self, found: list[Finding]) -> None:
        """Judge findings of a passing body, and overwrite what is to be redacted in what is still held.

        What was found in the raw body is not judged again where joined fields show it a second time.
        """
        raw = {(one.rule, one.fingerprint) for one in found if not one.via}
        verdict = self.judge(one for one in found if not one.via or (one.rule, one.fingerprint) not in raw)
        for one, action in verdict.findings:
            if action == "redact" and one.start is not None and one.end is not None:
                low, high = max(one.start - self._sent, 0), one.end - self._sent
                self._held[low:high] = b"*" * max(high - low, 0)

    def _release(self, until: int) -> bytes:
        part = bytes(self._held[: until - self._sent])
        del self._held[: until - self._sent]
        self._sent = max(until, self._sent)
        return part

    def _send_frames(self, part: bytes) -> bytes:
        assert self._outward is not None
        try:
            frames = self._outward.take(part)
        except BadFrame as error:
            raise Stopped(str(error), rule="dlp websocket") from error
        for frame, raw in frames:
            self._held += raw
            self._frames, seen, matches = self._frames.take(frame)
            found = self._scanner.scan(seen) + [
                self._gate.as_finding(match, View("frame", "a WebSocket frame", b"")) for match in matches
            ]
            for view in seen:
                self._watch(view.content)
                self._ask_second(view.content)
            self.judge(found)
        if not frames or self._frames.parts:
            return b""  # a message is complete or held
        part, self._held = bytes(self._held), bytearray()
        return part

    # The answer

    def answered(self, status: int, headers: Sequence[tuple[str, str]]) -> None:
        if 300 <= status < 400 and (location := _header(headers, "location")):
            self._gate.remember_redirect(self._host, location)
        if status == 101:
            self._outward, self._held = FrameReader(masked=True), bytearray()
        elif self._gate.settings.injection != "off" and not self._is_model:
            self._answer.begin(headers)

    @property
    def holds_answer(self) -> bool:
        return self._answer.holds

    def receive(self, part: bytes) -> bytes:
        return self._answer.take(part)

    def finish_receiving(self) -> bytes:
        return self._answer.end()

    def close(self) -> None:
        if self._body is not None:
            self._body.finish()
            self._body = None

    # Both

    def judge(self, found: Iterable[Finding]) -> Verdict:
        """Record what was found; Stopped when it must not go on."""
        verdict = decide(list(found), self._host, self._gate.settings)
        self._gate.tell(self._request, verdict)
        if verdict.stops:
            why, hint = explain(verdict)
            assert verdict.finding is not None
            argument = None  # what is surely a secret of the operator's is no question
            if verdict.finding.kind not in SURE:
                argument = {"kind": "dlp", "rule": verdict.finding.rule, "host": self._request.host}
            raise Stopped(why, rule=f"dlp {verdict.finding.rule}", hint=hint, argument=argument)
        return verdict

    def own_finding(self, kind: str, rule: str, title: str) -> Finding:
        """A finding about the exchange itself."""
        return finding(Match(kind, rule, title, 0, 0), View("body", "the body", b""), self._gate.key)  # type: ignore[arg-type]  # one of the kinds

    def read_answer(self, text: bytes) -> bytes:
        """Look for orders in an answer, and at the tools that it lists; the answer as it may go on."""
        verdict = self.judge(self._gate.read_answer(self._host, text))
        if all(action != "redact" for _, action in verdict.findings):
            return text
        stripped = strip(text, lambda part: self._gate.holds_order(self._host, part))
        if stripped is None:
            one = next(one for one, action in verdict.findings if action == "redact")
            raise Stopped(f"{one.title} was found in {one.where}, and cannot be taken out of it.", rule=f"dlp {one.rule}")
        return stripped


class AnswerText:
    """The text of one answer: gathered and read at its end; held back only when orders in it are not to pass."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._text = bytearray()
        self._coding = ""
        self._reads = False
        self._is_stream = False
        self.holds = False

    def begin(self, headers: Sequence[tuple[str, str]]) -> None:
        """Whether this answer is read: texts are, in codings that can be opened."""
        kind = _header(headers, "content-type").lower()
        self._coding = _header(headers, "content-encoding").strip().lower()
        self._reads = not kind or any(word in kind for word in TEXTS)
        self._is_stream = "event-stream" in kind
        self.holds = self._reads and self._exchange._gate.settings.injection in {"block", "redact"}

    def take(self, part: bytes) -> bytes:
        if not self._reads:
            return part
        self._text += part
        if len(self._text) > ANSWER or (self._is_stream and part.endswith(b"\n\n")):
            held = self._read()
            return held if self.holds else part
        return b"" if self.holds else part

    def end(self) -> bytes:
        return self._read() if self._reads and self._text else b""

    def _read(self) -> bytes:
        """Read what was gathered; what was held may then go on."""
        raw = bytes(self._text)
        self._text.clear()
        if self._coding:
            self._reads = False  # an encoded answer opens from its beginning only
        text = unpack.open_as(self._coding, raw)
        if text:
            passed = self._exchange.read_answer(text)
            raw = passed if text is raw else raw
        return raw if self.holds else b""


def _header(headers: Sequence[tuple[str, str]], name: str) -> str:
    return next((value for key, value in headers if key.lower() == name), "")
