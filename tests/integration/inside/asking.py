"""Runs in a bottle: asks for a host, then fetches from it again and again, a status code a line."""

import json
import time
import urllib.error
import urllib.request
from pathlib import Path

CONF = json.loads(Path("~/.config/bot-bottle/mcp.json").expanduser().read_text())["mcpServers"]["supervise"]
ASK = {"host": "plain.example.com", "ports": [80], "scheme": "http", "methods": ["GET"], "paths": ["/"], "reason": "to try"}
CALL = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "request_permission", "arguments": ASK}}
HTTP = urllib.request.build_opener(urllib.request.ProxyHandler({}))
HTTP.open(
    urllib.request.Request(
        CONF["url"], data=json.dumps(CALL).encode(), headers={**CONF["headers"], "content-type": "application/json"}
    ),
    timeout=20,
).close()
for _ in range(600):
    try:
        with urllib.request.urlopen("http://plain.example.com/", timeout=20) as answer:
            print(answer.status, flush=True)
    except urllib.error.HTTPError as error:
        print(error.code, flush=True)
    time.sleep(0.1)
