"""Every token format, in the order in which they are tried and shown."""

from bot_bottle.gates.dlp.formats.cloud import CLOUD
from bot_bottle.gates.dlp.formats.code import CODE
from bot_bottle.gates.dlp.formats.named import NAMED
from bot_bottle.gates.dlp.formats.record import Format
from bot_bottle.gates.dlp.formats.services import AI, MESSAGING, PAYMENTS, SOFTWARE
from bot_bottle.gates.dlp.formats.shaped import SHAPED, Shaped

FORMATS: tuple[Format, ...] = (*CODE, *CLOUD, *AI, *MESSAGING, *PAYMENTS, *SOFTWARE)
"""Formats of a prefix and a tail."""

ALL: tuple[Format | Shaped, ...] = (*FORMATS, *SHAPED, *NAMED)
