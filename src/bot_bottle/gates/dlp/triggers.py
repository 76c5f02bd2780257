"""Signs in raw bytes that something may be encoded there; `decode.py` looks closer. Cheap, and rare in ordinary text."""

from bot_bottle.gates.dlp.engine import Pattern

RUN = 20
"""A run of letters and digits this long may be base64, base32 or hex: 15 bytes or more of content."""

TO_MODEL = (
    "run", "percent", "escape", "entity", "quoted-printable", "utf-16", "backwards", "hex-list", "zero-width", "full-width",
    "gzip", "zlib", "zstd", "zip", "bzip2", "xz",
)  # fmt: skip
"""The signs that are looked for in requests to the model: all that may hide a secret behind an encoding."""

TRIGGERS: dict[str, Pattern] = {
    "run": Pattern(f"(?:^|[^A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{{{RUN}}}", group=1),
    "percent": Pattern("%[0-9A-Fa-f]{2}", ("%",)),
    "escape": Pattern(r"\\(?:u00[2-7][0-9a-fA-F]|x[2-7][0-9a-fA-F]|[01][0-7][0-7]|u\{[2-7][0-9a-fA-F]\}|/[A-Za-z0-9])", ("\\",)),
    "entity": Pattern(r"&#(?:x[2-7][0-9a-fA-F]|[0-9]{2,3});", ("&#",)),
    "quoted-printable": Pattern("(?:=[0-9A-F]{2}){6}"),
    "utf-16": Pattern(r"(?:[\x20-\x7e]\x00){8}|(?:\x00[\x20-\x7e]){8}"),
    "spaced": Pattern(r"(?:[A-Za-z0-9]{1,3}[ :,._-]{1,2}){12}", group=1),
    "backwards": Pattern(
        r"(?:^|[^%0-9a-fA-F])[0-9a-fA-F]{0,6}(?:[0-9a-fA-F]{2}(?:%|x\\|00u\\)[A-Za-z0-9]{0,5}){2}", ("%", "\\"), group=2
    ),
    "hex-list": Pattern(r"(?:0x[0-9a-fA-F]{2}[ ,;]{0,2}){8}", ("0x",)),
    "zero-width": Pattern(
        r"\xe2\x80[\x8b-\x8f]|\xe2\x81\xa0|\xef\xbb\xbf|\xc2\xad", ("\xe2\x80", "\xe2\x81\xa0", "\xef\xbb\xbf", "\xc2\xad")
    ),
    "full-width": Pattern(r"(?:\xef\xbc[\x81-\xbf]|\xef\xbd[\x80-\x9e]){4}"),
    "gzip": Pattern(r"\x1f\x8b\x08"),
    "zlib": Pattern(r"\x78(?:[\x01\x9c\xda]|\x5e[^\x20-\x7e])"),
    "zstd": Pattern(r"\x28\xb5\x2f\xfd"),
    "zip": Pattern(r"PK\x03\x04"),
    "bzip2": Pattern(r"BZh[1-9]1AY&SY"),
    "xz": Pattern(r"\xfd7zXZ\x00"),
    "sealed": Pattern(
        r"7z\xbc\xaf\x27\x1c|Rar!\x1a\x07|^Salted__|^U2FsdGVkX1|-----BEGIN PGP MESSAGE-----|-----BEGIN AGE ENCRYPTED FILE-----"
        r"|^age-encryption\.org/v1|[$]ANSIBLE_VAULT;1\.[0-9];AES256[^\n]{0,40}\n[ ]*[0-9]{40}"
    ),
}
"""Kind of encoding → its sign. Expressions whose literals hold bytes above 0x7F have no anchors: those are lower-cased."""
