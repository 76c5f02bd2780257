"""Commits and tags: what is read from their bytes, and what deceives a reader of them."""

import pytest

from bot_bottle.gates.git_gate.commits import LARGEST, judge_object, read_object
from bot_bottle.gates.git_gate.records import PushRules
from bot_bottle.record import replace

RULES = PushRules(prefixes=("refs/heads/**",))
WHO = b"A U Thor <author@example.com> 1700000000 +0000"


def commit(*, author: bytes = WHO, committer: bytes = WHO, headers: bytes = b"", message: bytes = b"Work\n") -> bytes:
    return b"tree " + b"a" * 40 + b"\nauthor " + author + b"\ncommitter " + committer + b"\n" + headers + b"\n" + message


def fired(content: bytes, rules: PushRules = RULES, kind: str = "commit") -> list[str]:
    return [finding.rule for finding in judge_object(kind, content, "commit x", rules)]


def test_headers_of_several_lines_are_read_as_one() -> None:
    written = read_object("commit", commit(headers=b"gpgsig -----BEGIN\n abc\n -----END\n", message=b"A\n\nB\n"))
    assert written.first(b"gpgsig") == b"-----BEGIN\nabc\n-----END"
    assert written.message == b"A\n\nB\n"
    assert written.is_signed


@pytest.mark.parametrize(
    "content",
    [
        commit(),
        commit(message="Gruß, 日本語, 👩\u200d💻\n\nSigned-off-by: A <a@b>\n".encode()),
        commit(headers=b"encoding ISO-8859-1\n", message=b"Gru\xdf\n"),
        commit(headers=b"encoding UTF-8\n"),
        commit(author=b" <a@b> 0 +0000"),
        commit(author="Łukasz <l@example.com> 1700000000 +0100".encode()),
        commit(message=b"Tabs\tand\r\nlines\n"),
        commit(message=b""),
    ],
)
def test_an_ordinary_commit_passes(content: bytes) -> None:
    assert fired(content) == []


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (commit(headers=b"x-secret abc\n"), "commit-header"),
        (commit(headers=b"\x1b[2J a\n"), "commit-header"),
        (commit(message=b"a\0b"), "commit-hidden"),
        (commit(headers=b"gpgsig a\0b\n"), "commit-hidden"),
        (commit(message=b"a\x1b[1Ab\n"), "commit-hidden"),
        (commit(message=b"a\x08b\n"), "commit-hidden"),
        (commit(message="a\u202eb\n".encode()), "commit-hidden"),
        (commit(message="a\u200bb\n".encode()), "commit-hidden"),
        (commit(headers=b"encoding UTF-7\n"), "commit-encoding"),
        (commit(headers=b"encoding utf-16\n"), "commit-encoding"),
        (commit(headers=b"encoding IBM500\n"), "commit-encoding"),
        (commit(headers=b"encoding rot13\n"), "commit-encoding"),
        (commit(headers=b"encoding no-such\n"), "commit-encoding"),
        (commit(headers=b"encoding a\xff\n"), "commit-encoding"),
        (commit(author=b"A"), "identity"),
        (commit(author=b"A <a@b>"), "identity"),
        (commit(author=b"A <a@b> soon +0000"), "identity"),
        (commit(author="A\u202e <a@b> 1 +0000".encode()), "identity"),
        (commit(committer=b"A\xff <a@b> 1 +0000"), "identity"),
        (commit(message=b"x" * (LARGEST + 1)), "commit-size"),
    ],
)
def test_what_deceives_a_reader_is_refused(content: bytes, rule: str) -> None:
    assert rule in fired(content)


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        (b"me@example.com", True),
        (b"ME@EXAMPLE.COM", True),
        (b"me@sub.example.com", False),
        (b"me@example.com.evil.test", False),
        (b"me@example.org", False),
        (b"", False),
        (b"me@example.com, boss@example.org", False),
    ],
)
def test_only_named_addresses_write(address: bytes, allowed: bool) -> None:
    rules = replace(RULES, authors=("*@example.com",))
    who = b"A <" + address + b"> 1 +0000"
    assert fired(commit(author=who, committer=b"A <me@example.com> 1 +0000"), rules) == ([] if allowed else ["identity"])
    assert fired(commit(committer=who, author=b"A <me@example.com> 1 +0000"), rules) == ([] if allowed else ["identity"])


@pytest.mark.parametrize(
    ("message", "signed_off"),
    [
        (b"Work\n\nSigned-off-by: A U Thor <author@example.com>\n", True),
        (b"Work\n\nsigned-off-by: A <AUTHOR@example.com>\n", True),
        (b"Work\n\nSigned-off-by: B <b@example.com>\nSigned-off-by: A <author@example.com>\n", True),
        (b"Work\n\nSigned-off-by: B <b@example.com>\n", False),
        (b"Work\n\n> Signed-off-by: A <author@example.com>\n", False),
        (b"Work\n", False),
    ],
)
def test_a_sign_off_is_that_of_the_author(message: bytes, signed_off: bool) -> None:
    assert fired(commit(message=message), replace(RULES, sign_off=True)) == ([] if signed_off else ["sign-off"])


def test_signatures_are_forbidden_or_wanted_as_the_rules_say() -> None:
    signed = commit(headers=b"gpgsig -----BEGIN PGP SIGNATURE-----\n -----END PGP SIGNATURE-----\n")
    tag = b"object " + b"a" * 40 + b"\ntype commit\ntag v1\ntagger " + WHO + b"\n\nv1\n-----BEGIN SSH SIGNATURE-----\nabc\n"
    assert fired(signed) == fired(signed, replace(RULES, signatures="required")) == []
    assert fired(signed, replace(RULES, signatures="none")) == ["signature"]
    assert fired(commit(), replace(RULES, signatures="required")) == ["signature"]
    assert fired(tag, replace(RULES, signatures="none"), kind="tag") == ["signature"]
    assert fired(tag, kind="tag") == []
