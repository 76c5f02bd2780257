"""A stand-in for the model APIs of Anthropic, OpenAI and Google: real clients talk to it over TLS; it answers from a script.

It listens on loopback with a certificate from its own throw-away CA. It understands what the coding agents send, no more:
it is a scripted actor, not a model. Every request's head is recorded, so that a test can say which key the API saw.

A script is a list of steps; each turn plays the step whose number is the count of tool results seen so far:
    {"say": TEXT} | {"run": COMMAND} | {"read": PATH} | {"write": PATH, "content": TEXT} |
    {"edit": PATH, "old": TEXT, "new": TEXT} | {"ask": TOOL, "with": JSON}
`ask` calls a tool of the MCP server supervise with these arguments. `say` may stand beside a tool. Paths are relative to the
folder that the first step's `pwd` printed.
"""

import argparse
import contextlib
import dataclasses
import datetime
import ipaddress
import json
import ssl
import sys
import tempfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from chat import chat_answer, chat_chunks, chat_turn
from gemini import gemini_answer, gemini_turn
from turns import Json, Step, Turn, choose, locate, text_of, turn_for_blocks, turn_for_tools

__all__ = ["HOSTS", "Json", "Seen", "StandIn", "Step", "Turn", "standing_in", "text_of"]

HOSTS = ("api.anthropic.com", "api.openai.com", "generativelanguage.googleapis.com", "ampcode.com", "api.github.com")
BODY_LIMIT = 32 * 1024 * 1024
"""Largest request body in bytes; Claude Code's first one is about 150 kB."""
REQUEST_LIMIT = 2000
"""Most requests that are kept; a demo makes about twenty."""
IDLE_S = 120
"""A connection that sends nothing for this long is closed."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """One request as it arrived: header names in lower case, the body parsed when it was a JSON object."""

    method: str
    path: str
    headers: dict[str, str]
    body: Json


# --- the script -----------------------------------------------------------------------------------------------------


def turn_for_claude(step: Step, results: list[str]) -> Turn:
    """The step as Claude Code's own tools: Bash, Read, Write, Edit."""
    say = step.get("say", "")
    if "run" in step:
        return Turn(say=say, tool="Bash", input={"command": step["run"], "description": "Run a command", "timeout": 240_000})
    if "read" in step:
        return Turn(say=say, tool="Read", input={"file_path": locate(step["read"], results)})
    if "write" in step:
        return Turn(say=say, tool="Write", input={"file_path": locate(step["write"], results), "content": step["content"]})
    if "ask" in step:
        return Turn(say=say, tool=f"mcp__supervise__{step['ask']}", input=json.loads(step["with"]))
    if "edit" in step:
        path = locate(step["edit"], results)
        return Turn(say=say, tool="Edit", input={"file_path": path, "old_string": step["old"], "new_string": step["new"]})
    return Turn(say=say)


def turn_for_codex(step: Step, tools: set[str]) -> Turn:
    """The step as Codex's own tools: `exec` with a line of JavaScript where it is offered, else a shell and apply_patch."""
    say = step.get("say", "")
    if "write" in step or "edit" in step:
        patch = patch_text(step)
        if "exec" in tools:
            return Turn(say=say, tool="exec", input=f"text(await tools.apply_patch({json.dumps(patch)}))")
        return Turn(say=say, tool="apply_patch", input=patch)
    if "ask" in step:
        name = f"mcp__supervise__{step['ask']}"
        if "exec" in tools:
            # a call that waits yields after half a minute unless told otherwise
            return Turn(say=say, tool="exec", input=f"{PATIENTLY}text(await tools.{name}({step['with']}))")
        return Turn(say=say, tool=name, input=json.loads(step["with"]))
    if "run" in step or "read" in step:
        return shell_turn(say, step.get("run") or f"cat -- '{step['read']}'", tools)
    return Turn(say=say)


def shell_turn(say: str, command: str, tools: set[str]) -> Turn:
    """One command, run to its end, through whichever shell tool this version of Codex offers."""
    asked: Json = {"cmd": command, "yield_time_ms": 30_000, "login": False}
    if "exec" in tools:
        return Turn(say=say, tool="exec", input=RUN_TO_THE_END % json.dumps(asked))
    if "exec_command" in tools:
        return Turn(say=say, tool="exec_command", input=asked)
    return Turn(say=say, tool="shell", input={"command": ["bash", "-c", command], "timeout_ms": 240_000})


PATIENTLY = '// @exec: {"yield_time_ms": 290000}\n'

RUN_TO_THE_END = r"""// @exec: {"yield_time_ms": 240000}
let r = await tools.exec_command(%s);
let all = r.output;
while (r.session_id !== undefined && r.exit_code === undefined) {
  r = await tools.write_stdin({session_id: r.session_id, chars: "", yield_time_ms: 30000});
  all += r.output;
}
text(all + (r.exit_code ? "\nexit code " + r.exit_code : ""));
"""
"""A slow command yields before its end; ask for the rest, as a model would."""


def patch_text(step: Step) -> str:
    """The step in Codex's patch format."""
    if "write" in step:
        lines = [f"*** Add File: {step['write']}", *(f"+{line}" for line in step["content"].splitlines())]
    else:
        old = [f"-{line}" for line in step["old"].splitlines()]
        lines = [f"*** Update File: {step['edit']}", "@@", *old, *(f"+{line}" for line in step["new"].splitlines())]
    return "\n".join(["*** Begin Patch", *lines, "*** End Patch"])


# --- Anthropic: POST /v1/messages -----------------------------------------------------------------------------------


def claude_results(body: Json) -> list[str]:
    """The tool results in the conversation, in order."""
    contents = [message.get("content") for message in body.get("messages", []) if message.get("role") == "user"]
    blocks = [block for content in contents if isinstance(content, list) for block in content]
    return [text_of(block.get("content")) for block in blocks if block.get("type") == "tool_result"]


def claude_turn(script: list[Step], body: Json) -> Turn:
    """Side questions (a title, a summary) come without tools and get a short answer; the others play the script."""
    results, tools = claude_results(body), {tool.get("name"): tool.get("input_schema", {}) for tool in body.get("tools", [])}
    if "Bash" not in tools:
        return turn_for_blocks(script, (text_of(body.get("system")),)) or turn_for_tools(script, results, tools)
    return turn_for_claude(choose(script, results), results)


def claude_message(turn: Turn, *, model: str, number: int) -> Json:
    """The answer as one message object."""
    content: list[Json] = [{"type": "text", "text": turn.say}] if turn.say else []
    if turn.tool:
        content.append({"type": "tool_use", "id": f"toolu_{number:08d}", "name": turn.tool, "input": turn.input})
    return {
        "id": f"msg_{number:08d}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": content,
        "stop_reason": "tool_use" if turn.tool else "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 100, "output_tokens": 20},
    }


def claude_events(message: Json) -> Iterator[Json]:
    """The same message as the stream's events."""
    yield {"type": "message_start", "message": message | {"content": [], "stop_reason": None}}
    for index, block in enumerate(message["content"]):
        is_text = block["type"] == "text"
        empty = {"type": "text", "text": ""} if is_text else block | {"input": {}}
        delta = (
            {"type": "text_delta", "text": block["text"]}
            if is_text
            else {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
        )
        yield {"type": "content_block_start", "index": index, "content_block": empty}
        yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    ending = {"stop_reason": message["stop_reason"], "stop_sequence": None}
    yield {"type": "message_delta", "delta": ending, "usage": {"output_tokens": 20}}
    yield {"type": "message_stop"}


# --- OpenAI: POST /v1/responses -------------------------------------------------------------------------------------


def codex_results(body: Json) -> list[str]:
    """The tool results in the conversation, in order."""
    items = [item for item in body.get("input", []) if str(item.get("type", "")).endswith("_call_output")]
    return [text_of(item.get("output")) for item in items]


def codex_tools(body: Json) -> set[str]:
    """The names of the tools on offer, in the request itself or in an `additional_tools` item, namespaces opened."""
    groups = [body.get("tools") or [], *(item.get("tools") or [] for item in body.get("input", []))]
    tools = [tool for group in groups for tool in group]
    inner = [tool for group in tools for tool in group.get("tools", [])]
    return {str(tool.get("name", "")) for tool in [*tools, *inner]}


def codex_turn(script: list[Step], body: Json) -> Turn:
    """As `claude_turn`, for Codex."""
    tools = codex_tools(body)
    if not tools & {"shell", "exec_command", "exec"}:
        offered = {tool.get("name"): tool.get("parameters", {}) for tool in body.get("tools") or []}
        return turn_for_tools(script, codex_results(body), offered)  # another client of this API
    return turn_for_codex(choose(script, codex_results(body)), tools)


def codex_events(turn: Turn, *, model: str, number: int) -> Iterator[Json]:
    """The answer as the stream's events: whole items, no deltas."""
    response = {"id": f"resp_{number:08d}", "object": "response", "model": model}
    items: list[Json] = []
    if turn.say:
        text = {"type": "output_text", "text": turn.say, "annotations": []}
        items.append({"type": "message", "id": f"msg_{number:08d}", "role": "assistant", "content": [text]})
    call = {"id": f"fc_{number:08d}", "call_id": f"call_{number:08d}", "name": turn.tool, "status": "completed"}
    if isinstance(turn.input, str):
        items.append(call | {"type": "custom_tool_call", "input": turn.input})
    elif turn.tool:
        items.append(call | {"type": "function_call", "arguments": json.dumps(turn.input)})
    yield {"type": "response.created", "response": response | {"status": "in_progress", "output": []}}
    for index, item in enumerate(items):
        yield {"type": "response.output_item.added", "output_index": index, "item": item}
        yield {"type": "response.output_item.done", "output_index": index, "item": item}
    usage = {
        "input_tokens": 100,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": 20,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 120,
    }
    yield {"type": "response.completed", "response": response | {"status": "completed", "output": items, "usage": usage}}


# --- the server -----------------------------------------------------------------------------------------------------


class StandIn:
    """The running stand-in. `seen` grows while it runs; `url` is where it listens; `ca_file` is what its clients must trust."""

    def __init__(self, script: list[Step], folder: Path, hosts: tuple[str, ...] = HOSTS, *, tls: bool = True) -> None:
        self.script = script
        self.seen: list[Seen] = []
        self.ca_file = folder / "standin-ca.pem"
        self._log = folder / "standin-requests.jsonl"
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (Answering,), {"standin": self}))
        self._server.daemon_threads = True
        if tls:
            self._server.socket = server_context(self.ca_file, hosts).wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.port = int(self._server.server_address[1])
        self.address = f"127.0.0.1:{self.port}"

    def record(self, seen: Seen) -> int:
        """Keep the request; its number."""
        with self._lock:
            if len(self.seen) >= REQUEST_LIMIT:
                raise OverflowError("the stand-in has seen more requests than it keeps")
            self.seen.append(seen)
            with self._log.open("a") as log:
                log.write(json.dumps(dataclasses.asdict(seen) | {"body": sorted(seen.body)}) + "\n")
            return len(self.seen)

    def serve(self) -> None:
        """Serve until `stop`."""
        self._server.serve_forever(poll_interval=0.05)

    def stop(self) -> None:
        """Stop and free the port."""
        self._server.shutdown()
        self._server.server_close()


@contextlib.contextmanager
def standing_in(script: list[Step], folder: Path, hosts: tuple[str, ...] = HOSTS, *, tls: bool = True) -> Iterator[StandIn]:
    """A stand-in for as long as the context lasts; its CA file and request log are in `folder`. Without TLS, as a gateway is."""
    standin = StandIn(script, folder, hosts, tls=tls)
    thread = threading.Thread(target=standin.serve, name="stand-in")
    thread.start()
    try:
        yield standin
    finally:
        standin.stop()
        thread.join()


class Answering(BaseHTTPRequestHandler):
    """Reads one request, records it, answers it."""

    standin: StandIn
    protocol_version = "HTTP/1.1"
    timeout = IDLE_S

    def log_message(self, format: str, *args: object) -> None:
        """Silent: the log file has it all."""

    def do_GET(self) -> None:
        """Anything but the model call is refused politely; the clients go on without."""
        self.answer(self.read_body())

    do_HEAD = do_PUT = do_DELETE = do_PATCH = do_GET

    def do_POST(self) -> None:
        """The model call, or something the clients can do without."""
        self.answer(self.read_body())

    def read_body(self) -> Json:
        """The request's JSON object; empty for anything else."""
        length = int(self.headers.get("content-length") or 0)
        if not 0 <= length <= BODY_LIMIT:
            raise OverflowError("the request is larger than the stand-in reads")
        try:
            body = json.loads(self.rfile.read(length) or b"{}")
        except ValueError:
            return {}
        return body if isinstance(body, dict) else {}

    def answer(self, body: Json) -> None:
        """Record, then answer by path."""
        headers = {name.lower(): value for name, value in self.headers.items()}
        number = self.standin.record(Seen(method=self.command, path=self.path, headers=headers, body=body))
        path, model, script = self.path.partition("?")[0], str(body.get("model", "stand-in")), self.standin.script
        if path == "/v1/messages/count_tokens":
            self.send_json(200, {"input_tokens": 100})
        elif path == "/v1/messages" and self.command == "POST":
            message = claude_message(claude_turn(script, body), model=model, number=number)
            if body.get("stream"):
                self.send_events(named(claude_events(message)))
            else:
                self.send_json(200, message)
        elif path == "/v1/responses" and self.command == "POST":
            self.send_events(named(codex_events(codex_turn(script, body), model=model, number=number)))
        elif path == "/v1/chat/completions" and self.command == "POST":
            turn = chat_turn(script, body)
            if body.get("stream"):
                self.send_events(f"data: {line}" for line in chat_chunks(turn, model=model, number=number))
            else:
                self.send_json(200, chat_answer(turn, model=model, number=number))
        elif path.startswith("/v1beta/models/") and self.command == "POST":
            self.answer_gemini(path, body, number)
        else:
            error = {"type": "not_found_error", "message": f"The stand-in does not play {self.command} {path}."}
            self.send_json(404, {"type": "error", "error": error})

    def answer_gemini(self, path: str, body: Json, number: int) -> None:
        """One method of one model: `/v1beta/models/MODEL:METHOD`."""
        model, _, method = path.removeprefix("/v1beta/models/").partition(":")
        if method == "countTokens":
            self.send_json(200, {"totalTokens": 100})
            return
        answer = gemini_answer(gemini_turn(self.standin.script, body), model=model, number=number)
        if method == "streamGenerateContent":
            self.send_events(iter((f"data: {json.dumps(answer)}",)))
        else:
            self.send_json(200, answer)

    def send_json(self, status: int, answer: Json) -> None:
        """One whole answer."""
        content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def send_events(self, events: Iterator[str]) -> None:
        """Server-sent events (WHATWG HTML 9.2), each in a chunk of its own, as the real APIs send them."""
        self.send_response(200)
        self.send_header("content-type", "text/event-stream; charset=utf-8")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for event in events:
            content = f"{event}\n\n".encode()
            self.wfile.write(f"{len(content):x}\r\n".encode() + content + b"\r\n")
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")


def named(events: Iterator[Json]) -> Iterator[str]:
    """Events that say their type in a line of its own."""
    return (f"event: {event['type']}\ndata: {json.dumps(event)}" for event in events)


def server_context(ca_file: Path, hosts: tuple[str, ...]) -> ssl.SSLContext:
    """A server context for `hosts` under a new CA whose certificate is written to `ca_file`; no key stays on disk."""
    ca_certificate, chain = make_certificates(hosts)
    ca_file.write_bytes(ca_certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["http/1.1"])
    with tempfile.NamedTemporaryFile(suffix=".pem") as file:
        file.write(chain)
        file.flush()
        context.load_cert_chain(file.name)
    return context


def make_certificates(hosts: tuple[str, ...]) -> tuple[bytes, bytes]:
    """The CA's certificate, and a server certificate with its key, all PEM, good for two days."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    now = datetime.datetime.now(datetime.UTC)
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Stand-in model API CA")])
    leaf_name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, hosts[0])])

    def begin(subject: x509.Name, public_key: ec.EllipticCurvePublicKey, *, is_ca: bool) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder(subject_name=subject, issuer_name=ca_name, public_key=public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=2))
            .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        )

    ca_certificate = begin(ca_name, ca_key.public_key(), is_ca=True).sign(ca_key, hashes.SHA256())
    names: list[x509.GeneralName] = [x509.DNSName(host) for host in hosts]
    names.append(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
    leaf = begin(leaf_name, key.public_key(), is_ca=False).add_extension(x509.SubjectAlternativeName(names), critical=False)
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    key_pem = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
    return ca_certificate.public_bytes(pem), leaf.sign(ca_key, hashes.SHA256()).public_bytes(pem) + key_pem


def main() -> None:
    """Serve a script until standard input closes or the process is ended; print the address first."""
    parser = argparse.ArgumentParser(description="A scripted stand-in for the model APIs, on loopback.")
    parser.add_argument("script", type=Path, help="JSON file: a list of steps")
    parser.add_argument("folder", type=Path, help="where standin-ca.pem and the request log go")
    asked = parser.parse_args()
    with standing_in(json.loads(asked.script.read_text()), asked.folder) as standin:
        print(json.dumps({"address": standin.address, "ca": str(standin.ca_file)}), flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            sys.stdin.read()


if __name__ == "__main__":
    main()
