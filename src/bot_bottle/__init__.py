"""bot-bottle runs coding agents in sealed bottles: no network, no secrets, three sockets that the operator owns."""

__version__ = "0.1.0"
