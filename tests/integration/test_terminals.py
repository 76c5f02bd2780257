"""The agent's own screen on a real terminal: resize, detach, attach, a closed window, and the exit code."""

import shutil

import pytest
from shop import Shop
from terminal import Terminal

pytestmark = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")

SHELL = ("shell", "--", "sh", "-c", "echo started; exec sh")


def run(shop: Shop, *words: str) -> Terminal:
    """`bot-bottle run …` at a terminal."""
    return Terminal(shop.argv("run", "-q", *words), env=shop.env(), cwd=shop.project)


def test_a_shell_on_a_terminal_ends_with_its_own_exit_code(shop: Shop) -> None:
    with run(shop, "--name", "t1", *SHELL) as terminal:
        terminal.wait_for(b"started")
        terminal.press(b"tty; echo [$((6 * 7))]\n")
        terminal.wait_for(b"/dev/pts/")
        terminal.wait_for(b"[42]")
        terminal.press(b"exit 5\n")
        assert terminal.wait() == 5


def test_the_size_follows_the_window(shop: Shop) -> None:
    with run(shop, *SHELL) as terminal:
        terminal.wait_for(b"started")
        terminal.resize(41, 77)
        terminal.press(b"until [ \"$(stty size)\" = '41 77' ]; do sleep 0.05; done; echo si''ze-is-right\n")
        terminal.wait_for(b"size-is-right")
        terminal.press(b"exit\n")
        assert terminal.wait() == 0


def test_detach_leaves_it_running_and_attach_shows_it_again(shop: Shop) -> None:
    with run(shop, "--name", "t2", *SHELL) as terminal:
        terminal.wait_for(b"started")
        terminal.press(b"echo remem''bered\n")
        terminal.wait_for(b"remembered")
        terminal.press(b"\x10\x11")
        assert terminal.wait() == 0
    assert b"t2" in shop.bot_bottle("ls").stdout
    with Terminal(shop.argv("attach", "t2"), env=shop.env(), cwd=shop.project) as again:
        again.wait_for(b"remembered")
        again.press(b"exit 6\n")
        assert again.wait() == 6


def test_a_closed_window_does_not_end_the_agent(shop: Shop) -> None:
    with run(shop, "--name", "t3", *SHELL) as terminal:
        terminal.wait_for(b"started")
        terminal.close_window()
        terminal.__exit__(None, None, None)
    assert b"running" in shop.bot_bottle("ls").stdout
    assert shop.bot_bottle("exec", "t3", "--", "echo", "alive").stdout == b"alive\n"
    assert shop.bot_bottle("stop", "t3", "-t", "0").returncode == 0


def test_two_terminals_share_one_agent(shop: Shop) -> None:
    with run(shop, "--name", "t4", *SHELL) as one:
        one.wait_for(b"started")
        with Terminal(shop.argv("attach", "t4"), env=shop.env(), cwd=shop.project) as other:
            other.wait_for(b"started")
            other.press(b"echo shar''ed\n")
            other.wait_for(b"shared")
            one.wait_for(b"shared")
            one.press(b"exit 0\n")
            assert other.wait() == 0
        assert one.wait() == 0


def test_the_terminal_is_as_it_was_afterwards(shop: Shop) -> None:
    script = "printf '\\033[?1049h\\033[?1000h\\033[?25l'; exit 0"
    with run(shop, "shell", "--", "sh", "-c", script) as terminal:
        assert terminal.wait() == 0
        for undone in (b"\x1b[?1049l", b"\x1b[?1000l", b"\x1b[?25h"):
            assert undone in terminal.seen


def test_exec_gets_a_terminal_of_its_own(shop: Shop) -> None:
    with run(shop, "--name", "t5", *SHELL) as terminal:
        terminal.wait_for(b"started")
        with Terminal(
            shop.argv("exec", "t5", "--", "sh", "-c", "tty; stty size; exit 4"), env=shop.env(), cwd=shop.project
        ) as second:
            second.wait_for(b"/dev/pts/")
            second.wait_for(b"30 100")
            assert second.wait() == 4
        terminal.press(b"exit\n")
        assert terminal.wait() == 0


def test_what_logs_prints_cannot_move_the_cursor(shop: Shop) -> None:
    script = "printf 'a\\033[2Jb\\033]52;c;AAAA\\007c'"
    with run(shop, "--name", "t6", "shell", "--", "sh", "-c", script) as terminal:
        assert terminal.wait() == 0
    shown = shop.bot_bottle("logs", "t6").stdout
    assert b"\x1b" not in shown
    assert b"\\x1b[2Jb" in shown
