"""Programs that agents use, unmodified, through the gate to a server on loopback; and what they show when they are denied."""

import io
import json
import sys
import tarfile
import zipfile

import pytest
from clients import run, serve
from wire import HOST, Scene


def test_curl_fetches_and_shows_the_denial(stage: Scene) -> None:
    serve(stage, {"/allowed/x": b"content\n"})
    assert run(stage, "curl", "-sS", f"https://{HOST}/allowed/x").stdout == "content\n"
    denied = run(stage, "curl", "-sS", f"https://{HOST}/other")
    assert json.loads(denied.stdout)["hint"]["tool"] == "request_permission"
    other = run(stage, "curl", "-sS", "-w", "%{http_code}", "https://other.example.com/")
    assert other.stdout.endswith("403")
    assert "No rule allows" in other.stdout


def test_curl_goes_on_over_one_connection(stage: Scene) -> None:
    serve(stage, {"/allowed/x": b"content\n"})
    done = run(stage, "curl", "-sS", "-v", *[f"https://{HOST}/allowed/x"] * 3)
    assert done.stdout == "content\n" * 3
    assert done.stderr.count("CONNECT api.example.com:443 HTTP/1.1") == 1


def test_pythons_own_client_goes_through(stage: Scene) -> None:
    serve(stage, {"/allowed/x": b"content\n"})
    code = f"import urllib.request; print(urllib.request.urlopen('https://{HOST}/allowed/x').read())"
    done = run(stage, sys.executable, "-I", "-c", code)
    assert done.stdout == "b'content\\n'\n", done.stderr


def wheel(name: str) -> bytes:
    """The smallest wheel that pip installs."""
    packed = io.BytesIO()
    info = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(f"{name}.py", "answer = 42\n")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", f"{name}.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
    return packed.getvalue()


def test_pip_installs(stage: Scene) -> None:
    page = b'<a href="/allowed/small-1.0-py3-none-any.whl">small-1.0-py3-none-any.whl</a>'
    serve(stage, {"/allowed/simple/small/": page, "/allowed/small-1.0-py3-none-any.whl": wheel("small")})
    target = stage.folder / "target"
    pip = (
        sys.executable,
        "-m",
        "pip",
        "--no-input",
        "--disable-pip-version-check",
        "install",
        "--no-cache-dir",
        "--retries",
        "0",
    )
    done = run(stage, *pip, "--target", str(target), "--index-url", f"https://{HOST}/allowed/simple", "small")
    assert done.returncode == 0, done.stderr
    assert (target / "small.py").read_text() == "answer = 42\n"
    denied = run(stage, *pip, "--target", str(target), f"https://{HOST}/other/small-1.0-py3-none-any.whl")
    assert denied.returncode != 0
    assert "403" in denied.stderr + denied.stdout


def package(name: str) -> bytes:
    """The smallest package that npm installs."""
    packed = io.BytesIO()
    content = json.dumps({"name": name, "version": "1.0.0"}).encode()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        entry = tarfile.TarInfo("package/package.json")
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def test_npm_installs(stage: Scene) -> None:
    versions = {"1.0.0": {"name": "small", "version": "1.0.0", "dist": {"tarball": f"https://{HOST}/allowed/small-1.0.0.tgz"}}}
    document = json.dumps({"name": "small", "dist-tags": {"latest": "1.0.0"}, "versions": versions}).encode()
    serve(stage, {"/allowed/small": document, "/allowed/small-1.0.0.tgz": package("small")})
    npm = ("npm", "install", "--prefix", str(stage.folder / "project"), "--no-audit", "--no-fund", "--fetch-retries", "0")
    done = run(stage, *npm, "--registry", f"https://{HOST}/allowed/", "small")
    assert done.returncode == 0, done.stderr
    assert json.loads((stage.folder / "project/node_modules/small/package.json").read_text())["version"] == "1.0.0"
    denied = run(stage, *npm, "--registry", f"https://{HOST}/other/", "another")
    assert denied.returncode != 0
    assert "403" in denied.stderr


def test_git_clones(stage: Scene) -> None:
    source = stage.folder / "source"
    for argv in (
        ("git", "init", "-q", str(source)),
        (
            "git",
            "-C",
            str(source),
            "-c",
            "user.name=a",
            "-c",
            "user.email=a@example.com",
            "commit",
            "-q",
            "--allow-empty",
            "-m",
            "x",
        ),
        ("git", "-C", str(source), "update-server-info"),
    ):
        assert run(stage, *argv).returncode == 0
    root = source / ".git"
    files = {f"/allowed/repository.git/{path.relative_to(root)}": path.read_bytes() for path in root.rglob("*") if path.is_file()}
    serve(stage, files, git=True)
    done = run(stage, "git", "clone", "-q", f"https://{HOST}/allowed/repository.git", str(stage.folder / "clone"))
    assert done.returncode == 0, done.stderr
    assert (stage.folder / "clone/.git/HEAD").is_file()
    denied = run(stage, "git", "clone", "-q", f"https://{HOST}/other.git", str(stage.folder / "other"))
    assert "403" in denied.stderr


NODE = """
const http = require('node:http'), https = require('node:https');
const host = process.argv[1], port = +process.env.HTTP_PROXY.split(':').pop();
const connect = {host: '127.0.0.1', port, method: 'CONNECT', path: host + ':443', headers: {Host: host + ':443'}};
http.request(connect).on('connect', (answer, socket) => {
  https.get({host, path: '/allowed/x', socket, agent: false}, (got) => got.pipe(process.stdout));
}).end();
"""


def test_nodes_own_client_goes_through(stage: Scene) -> None:
    serve(stage, {"/allowed/x": b"content\n"})
    done = run(stage, "node", "-e", NODE, HOST)
    assert done.stdout == "content\n", done.stderr


def test_the_openssl_tool_accepts_the_chain(stage: Scene) -> None:
    serve(stage, {"/allowed/x": b"content\n"})
    done = run(
        stage, "openssl", "s_client", "-proxy", f"127.0.0.1:{stage.port}", "-connect", f"{HOST}:443", "-servername", HOST,
        "-verify_return_error", "-x509_strict", "-CAfile", str(stage.ca), "-alpn", "h2,http/1.1",
    )  # fmt: skip
    assert "Verify return code: 0 (ok)" in done.stdout
    assert "ALPN protocol: http/1.1" in done.stdout


@pytest.mark.parametrize("version", ["-tls1", "-tls1_1"])
def test_old_tls_is_not_spoken(stage: Scene, version: str) -> None:
    serve(stage, {})
    done = run(
        stage, "openssl", "s_client", "-proxy", f"127.0.0.1:{stage.port}", "-connect", f"{HOST}:443", "-servername", HOST,
        version, "-cipher", "DEFAULT@SECLEVEL=0",
    )  # fmt: skip
    assert "Cipher is (NONE)" in done.stdout + done.stderr
