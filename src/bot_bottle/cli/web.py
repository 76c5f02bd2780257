"""`bot-bottle web`: the inbox and the bottles in a browser, on this machine alone."""

import re
import signal
import sys
import threading

import click

from bot_bottle.cli.say import make_say
from bot_bottle.errors import BadUsage, CannotRunHere

ORIGIN = re.compile(r"https?://[a-z0-9](?:[a-z0-9.-]{0,250}[a-z0-9])?(?::[0-9]{1,5})?")


@click.command(short_help="See and answer your agents in a browser.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="The port on 127.0.0.1; any free one when left out.")
@click.option("--public", default="", metavar="URL", help="The https:// address under which a tunnel of yours serves the page.")
def web(*, port: int, public: str) -> None:
    """Serve a page with the bottles and what their agents ask, and print a link that opens it once. Ctrl-C ends it."""
    if public and not ORIGIN.fullmatch(public):
        raise BadUsage(
            "--public takes scheme, host and port.", facts=(f"found {public[:80]!a}",), next="As https://box.example.com."
        )
    from bot_bottle.dashboard.door import Bottles
    from bot_bottle.dashboard.web.serve import Page

    say = make_say(quiet=False)
    used = threading.Event()
    try:
        page = Page(Bottles(), port=port, public=public, on_login=used.set)
    except OSError as error:
        raise CannotRunHere(
            f"The page cannot be served on port {port}.", facts=(str(error),), next="Choose another --port."
        ) from error
    serving = threading.Thread(target=page.serve, name="page")
    serving.start()
    previous = signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        while True:
            used.clear()
            click.echo(page.link())
            sys.stdout.flush()
            say.line("This link opens the page once, in one browser; Ctrl-C ends the page.")
            used.wait()
    except KeyboardInterrupt:
        say.line("The page has ended; the bottles go on.")
    finally:
        signal.signal(signal.SIGTERM, previous)
        page.stop()
        serving.join()
