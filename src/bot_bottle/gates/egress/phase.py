"""What a connection of the bottle is at."""

from enum import Enum


class Phase(Enum):
    """What the bytes that come next are."""

    HEAD = "head"
    HELLO = "hello"
    SHAKE = "handshake"
    RENEWAL = "waits for a token"
    BODY = "body"
    ANSWER = "answer"
    RELAY = "relay"
    OVER = "over"
