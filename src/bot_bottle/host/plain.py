"""Text from elsewhere, made fit to be shown: what could move the cursor, hide, or reorder other text is escaped."""


def plain(text: str, *, limit: int | None = None, keep_newlines: bool = False) -> str:
    """`text` with every unprintable character as an escape; cut after `limit` characters of the result, with an ellipsis.

    Unprintable is what `str.isprintable` says: controls, formats (bidi, zero-width), private, unassigned, surrogates, and every
    separator but the space (Unicode general categories, UAX #44).
    """
    if text.isascii() and text.isprintable():
        shown = text
    else:
        shown = "".join(_plain_character(character, keep_newlines=keep_newlines) for character in text)
    if limit is not None and len(shown) > limit:
        return shown[: limit - 1] + "…"
    return shown


def _plain_character(character: str, *, keep_newlines: bool) -> str:
    if character == "\n" and keep_newlines:
        return character
    if character.isprintable():
        return character
    return character.encode("unicode_escape").decode("ascii")
