"""Names of files as some file system reads them: what NTFS, HFS+ and APFS take for the same name becomes the same text. Pure.

A bottle writes the names. A repository is checked out on any system, so a name must be harmless on all of them; git itself guards
`.git` in this way (git-config(1), core.protectNTFS and core.protectHFS), and here the protected paths are guarded likewise.
"""

import re
import unicodedata
from functools import lru_cache

_SHORT = re.compile(r"([^~]{1,6})~[0-9]{1,6}(?:\.[^.]{0,3})?")
"""An 8.3 name that NTFS makes for a long one: up to six characters, a tilde, a number, an extension."""

_GIT = re.compile(r"\.git|git~[0-9]+|\.git[ .]*")

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@lru_cache(maxsize=4096)
def fold_name(name: str) -> str:
    """One name as the most forgiving file system reads it: no ignorable code points, no case, no stream, no last dots or spaces.

    HFS+ ignores zero-width and directional code points and case; NTFS ignores case, last dots and spaces, and reads what is
    behind a colon as the name of a stream (`.git::$INDEX_ALLOCATION`). Compatibility forms (full-width letters) fold as well.
    """
    if name.isascii():
        folded = name.lower()
    else:
        seen = "".join(letter for letter in name if not is_ignorable(letter))
        folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", seen).casefold())
    bare = folded.partition(":")[0].rstrip(" .") if folded.strip(". ") else folded
    return bare or folded


def is_ignorable(letter: str) -> bool:
    """Format characters (UAX #44, Cf), which HFS+ and eyes skip, and variation selectors."""
    return unicodedata.category(letter) == "Cf" or "\ufe00" <= letter <= "\ufe0f" or letter == "\u034f"


def fold_path(path: bytes) -> str:
    """The whole path folded; a backslash separates names, as it does on Windows."""
    text = path.decode("utf-8", "surrogateescape").replace("\\", "/")
    return "/".join(fold_name(name) for name in text.split("/"))


def short_stem(folded: str) -> str:
    """What an 8.3 name begins with, when this is one; else nothing."""
    match = _SHORT.fullmatch(folded)
    return match.group(1) if match else ""


def may_be_short_for(stem: str, folded: str) -> bool:
    """Whether NTFS could have made an 8.3 name with this stem for that name.

    After four names alike it keeps two characters and adds four of a hash, so two equal ones are enough.
    """
    letters = re.sub(r"[. ]", "", folded)
    return letters[:2] == stem[:2]


def misnamed(name: bytes) -> str:
    """Why a tree must not have an entry of this name, or nothing."""
    if name in {b"", b".", b".."} or b"/" in name:
        return "it is no name"
    try:
        text = name.decode("utf-8")
    except UnicodeDecodeError:
        return "it is not UTF-8"
    if _GIT.fullmatch(fold_name(text)):
        return "a file system may read it as .git"
    if _CONTROL.search(text):
        return "it has a control character"
    if not text.isascii() and any(is_ignorable(letter) for letter in text if letter != "\u200d"):
        return "it has characters that nobody sees"
    if "\\" in text:
        return "it has a backslash, which separates folders on Windows"
    return ""
