"""The one ordered list of detectors. To add one: write its file, add its line here."""

from bot_bottle.gates.dlp.detectors.base import Detector
from bot_bottle.gates.dlp.detectors.blobs import Blobs
from bot_bottle.gates.dlp.detectors.commands import Commands
from bot_bottle.gates.dlp.detectors.environment import Environment
from bot_bottle.gates.dlp.detectors.hints import Hints
from bot_bottle.gates.dlp.detectors.host_labels import HostLabels
from bot_bottle.gates.dlp.detectors.injection import Injection
from bot_bottle.gates.dlp.detectors.nesting import Nesting
from bot_bottle.gates.dlp.detectors.numbers import Numbers
from bot_bottle.gates.dlp.detectors.paths import Paths
from bot_bottle.gates.dlp.detectors.sealed import Sealed
from bot_bottle.gates.dlp.detectors.seed_phrase import SeedPhrase
from bot_bottle.gates.dlp.detectors.tokens import Tokens

OUTGOING: tuple[Detector, ...] = (
    Tokens(),
    Numbers(),
    SeedPhrase(),
    Environment(),
    HostLabels(),
    Paths(),
    Nesting(),
    Blobs(),
    Commands(),
    Sealed(),
    Hints(),
)
"""What is looked for in everything that leaves, after the operator's own secrets."""

TO_MODEL: tuple[Detector, ...] = (Tokens(),)
"""What is looked for on routes to the model, where all but the operator's own secrets is only noted: its requests are large."""

INCOMING: tuple[Detector, ...] = (Injection(),)
"""What is looked for in everything that a model will read."""
