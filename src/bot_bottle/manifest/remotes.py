"""Git remotes as people write them (git-clone(1), GIT URLS), as one record. Pure; what has no single meaning is refused."""

import re
from typing import Literal, get_args

from bot_bottle.errors import Refused
from bot_bottle.manifest.names import canonical_host
from bot_bottle.record import dataclass

RemoteScheme = Literal["https", "http", "ssh", "git"]
DEFAULT_PORTS: dict[str, int] = {"https": 443, "http": 80, "ssh": 22, "git": 9418}

_URL = re.compile(
    r"(?P<scheme>[a-z][a-z+]*)://(?:(?P<user>[A-Za-z0-9._~-]{1,64})@)?(?P<host>\[[0-9A-Fa-f:.]+\]|[^/:@\[\]]+)"
    r"(?::(?P<port>[0-9]{1,5}))?/(?P<path>[^?#]*)"
)
_SCP = re.compile(r"(?:(?P<user>[A-Za-z0-9._~-]{1,64})@)?(?P<host>\[[0-9A-Fa-f:.]+\]|[^/:@\[\]]+):(?P<path>[^?#]*)")
_SEGMENT = re.compile(r"[A-Za-z0-9._~+@,=!-]{1,255}")
PATH_LIMIT = 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Remote:
    """One repository on a server. `path` has no slash at its ends and no `.git`, which servers take either way."""

    scheme: RemoteScheme
    host: str
    port: int
    path: str
    user: str = ""

    @property
    def url(self) -> str:
        """In the form with a scheme, the port only where it is not the usual one."""
        user = f"{self.user}@" if self.user else ""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == DEFAULT_PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{user}{host}{port}/{self.path}"


def parse_remote(text: str) -> Remote:
    """`https://…`, `ssh://…`, `git://…` or `user@host:path`. Refused for anything else, with the reason."""
    if len(text) > PATH_LIMIT or not text.isascii() or not text.isprintable():
        raise Refused("this is not the address of a repository")
    if match := _URL.fullmatch(text):
        scheme = {"git+ssh": "ssh", "ssh+git": "ssh"}.get(match["scheme"], match["scheme"])
        if scheme not in get_args(RemoteScheme):
            raise Refused(f"{scheme} is not a way to a repository")
        return _remote(scheme, match["user"] or "", match["host"], match["port"], match["path"])
    if "://" not in text and (match := _SCP.fullmatch(text)):
        return _remote("ssh", match["user"] or "", match["host"], None, match["path"])
    raise Refused("this is not the address of a repository")


def _remote(scheme: str, user: str, host: str, port: str | None, path: str) -> Remote:
    number = int(port) if port else DEFAULT_PORTS[scheme]
    if not 1 <= number <= 65535:
        raise Refused("this is not a port")
    name = canonical_host(host.removeprefix("[").removesuffix("]"))
    return Remote(scheme=scheme, host=name, port=number, path=repository_path(path), user=user)  # type: ignore[arg-type]  # checked


def repository_path(path: str) -> str:
    """The path of a repository on its server, in one spelling. Refused when a segment is empty, a dot or unusual."""
    trimmed = path.strip("/")
    trimmed = trimmed.removesuffix(".git").rstrip("/") or trimmed
    segments = trimmed.split("/")
    if any(not _SEGMENT.fullmatch(one) or one in {".", "..", ".git"} for one in segments):
        raise Refused("this is not the path of a repository")
    return trimmed
