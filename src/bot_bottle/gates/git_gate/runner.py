"""Git as the gate runs it: nobody's settings but ours, no hooks, no prompts, no other transport than the one that is meant.

A git child trusts its configuration file (0600, ours) and the objects it reads as little as git itself does; an attacker controls
packs, refs and requests. Nothing here runs in a tree that a bottle can write.
"""

import base64
import resource
from collections.abc import Mapping, Sequence
from pathlib import Path

from bot_bottle.gates.git_gate.records import HIDDEN_REFS
from bot_bottle.gates.git_gate.sandbox import confinement, leashed, sealed
from bot_bottle.host.confine import spawn_confined, within
from bot_bottle.host.files import write_file
from bot_bottle.host.run import NOWHERE, Command, Finished, LongCommand, Process, run, spawn
from bot_bottle.record import dataclass, field, replace

GIB = 1024**3
PACK_LIMIT = 2 * GIB
"""Largest pack that a push may bring: the limit that large hosts have, too."""

STORE_LIMIT = 64 * GIB
"""Largest file that a fetch from an upstream may write."""

MEMORY_LIMIT = 16 * GIB
"""Address space of a git child. Git maps packs, so it is far over what is used; it stops a bomb before the host swaps."""

CPU_LIMIT_S = 3600
QUICK_S = 30.0
"""For commands that only look at refs."""

OUTPUT_LIMIT = 64 * 1024 * 1024
"""Bytes that such a command may print."""

TOLERATED = (
    "badTimezone", "missingSpaceBeforeDate", "missingSpaceBeforeEmail", "missingNameBeforeEmail", "zeroPaddedFilemode",
)  # fmt: skip
"""Faults in old commits of well-known repositories (git-fsck(1)): a fetch takes them, a push does not."""

SETTINGS: Sequence[tuple[str, str]] = (
    ("core.hooksPath", "/dev/null"),
    ("core.fsmonitor", "false"),
    ("core.askPass", "false"),
    ("core.logAllRefUpdates", "false"),
    ("core.packedGitLimit", "512m"),
    ("credential.helper", ""),
    ("advice.detachedHead", "false"),
    ("fetch.recurseSubmodules", "false"),
    ("fetch.unpackLimit", "1"),
    ("fetch.writeCommitGraph", "false"),
    *((f"fetch.fsck.{kind}", "warn") for kind in TOLERATED),
    ("gc.auto", "0"),
    ("http.followRedirects", "false"),
    ("http.sslVerify", "true"),
    ("http.lowSpeedLimit", "1000"),
    ("http.lowSpeedTime", "60"),
    ("http.postBuffer", "8388608"),  # in pieces, a push asks first whether it is let in: one more way to the upstream and back
    ("maintenance.auto", "false"),
    ("pack.windowMemory", "256m"),
    ("protocol.allow", "never"),
    ("push.recurseSubmodules", "no"),
    ("safe.bareRepository", "explicit"),
    ("submodule.recurse", "false"),
    ("transfer.advertiseSID", "false"),
    ("transfer.bundleURI", "false"),
    ("transfer.credentialsInUrl", "die"),
    ("transfer.fsckObjects", "true"),
    ("transfer.hideRefs", HIDDEN_REFS),
    ("uploadpack.allowFilter", "true"),
    ("uploadpackfilter.allow", "false"),
    *((f"uploadpackfilter.{kind}.allow", "true") for kind in ("blob:none", "blob:limit", "tree", "object:type")),
    ("uploadpack.allowReachableSHA1InWant", "true"),
)
"""Our whole configuration, the places aside. See git-config(1) for each."""


def limits(*, largest_file: int) -> tuple[tuple[int, int], ...]:
    """What a git child may use (getrlimit(2))."""
    return (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_CPU, CPU_LIMIT_S),
        (resource.RLIMIT_FSIZE, largest_file),
        (resource.RLIMIT_AS, MEMORY_LIMIT),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Git:
    """A way to run git. `env` is a child's whole environment; `more` are settings that only a child's environment holds."""

    program: str
    config: Path
    env: Mapping[str, str] = field(repr=False)
    bwrap: str = ""
    landlock: bool = False
    """Whether sealed children are confined by Landlock; else bubblewrap does it, where it is here."""
    sees: tuple[tuple[Path, ...], tuple[Path, ...]] | None = None
    """What a sealed child may read and what it may write; None for one that runs in the open."""
    ends_with_us: bool = False

    def leashed(self) -> "Git":
        """The same, with nothing of it left when we die, where this host has what makes that sure."""
        return replace(self, ends_with_us=True) if self.bwrap else self

    def sealed(self, *, read: Sequence[Path], write: Sequence[Path] = ()) -> "Git":
        """The same in a sandbox, where this host has what makes one."""
        return replace(self, sees=((self.config, *read), tuple(write))) if self.landlock or self.bwrap else self

    def with_env(self, **more: str) -> "Git":
        """The same with more variables."""
        return replace(self, env={**self.env, **more})

    def without(self, *names: str) -> "Git":
        """The same without these variables."""
        return replace(self, env={name: value for name, value in self.env.items() if name not in names})

    def with_settings(self, settings: Sequence[tuple[str, str]]) -> "Git":
        """The same with settings that stand in the environment: a secret in them is in no file and no argv (git-config(1))."""
        count = int(self.env.get("GIT_CONFIG_COUNT", "0"))
        more = {"GIT_CONFIG_COUNT": str(count + len(settings))}
        for number, (key, value) in enumerate(settings, count):
            more |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
        return self.with_env(**more)

    def argv(self, *words: str, at: Path | None = None) -> tuple[str, ...]:
        """The whole command; `at` is the repository."""
        place = (f"--git-dir={at}",) if at is not None else ()
        argv = (self.program, *place, *words)
        if self.sees is not None and not self.landlock:
            return sealed(self.bwrap, argv, read=self.sees[0], write=self.sees[1])
        return leashed(self.bwrap, argv) if self.ends_with_us else argv

    def run(
        self,
        *words: str,
        at: Path | None = None,
        stdin: bytes = b"",
        timeout_s: float = QUICK_S,
        output_limit: int = OUTPUT_LIMIT,
    ) -> Finished:
        """Run to its end. `at` is the repository; CouldNotRun past its bounds."""
        command = Command(
            argv=self.argv(*words, at=at),
            env=self.env,
            timeout_s=timeout_s,
            stdin=stdin,
            cwd=self.config.parent,
            output_limit=output_limit,
        )
        if self.sees is not None and self.landlock:
            return within(confinement(*self.sees), lambda: run(command))
        return run(command)

    def start(
        self,
        *words: str,
        at: Path | None = None,
        stdin: int,
        stdout: int,
        stderr: int = NOWHERE,
        largest_file: int = PACK_LIMIT,
    ) -> Process:
        """Start with these descriptors, in a session of its own and within limits that hold before it reads anything."""
        command = LongCommand(
            argv=self.argv(*words, at=at),
            env=self.env,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            cwd=self.config.parent,
            new_session=True,
            limits=limits(largest_file=largest_file),
        )
        if self.sees is not None and self.landlock:
            return spawn_confined(command, confinement(*self.sees))
        return spawn(command)


def only_own(own: str) -> list[tuple[str, str]]:
    """Settings for a repository of the operator's: other bottles' branches stay hidden (git-config(1), hideRefs)."""
    return [("uploadpack.hideRefs", "refs/heads/bottle"), ("uploadpack.hideRefs", f"!{own.rstrip('/')}")]


def make_git(
    program: str,
    folder: Path,
    *,
    name: str = "config",
    safe: Sequence[Path] = (),
    bwrap: str = "",
    landlock: bool = False,
    more: Sequence[tuple[str, str]] = (),
) -> Git:
    """Write our settings into the folder (0600) and give the git that reads them and no others."""
    rows = [*SETTINGS, *more, *(("safe.directory", str(path)) for path in safe)]
    config = write_file(folder / name, config_text(rows))
    return Git(program=program, config=config, env=base_env(config), bwrap=bwrap, landlock=landlock)


def base_env(config: Path) -> dict[str, str]:
    """The environment of every git child. Nothing of the operator's is in it."""
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": str(config.parent),
        "LC_ALL": "C.UTF-8",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": str(config),
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "false",
        "SSH_ASKPASS": "false",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_ALLOW_PROTOCOL": "",
    }


def config_text(rows: Sequence[tuple[str, str]]) -> str:
    """Settings as a file in git's format; values quoted as git-config(1) asks."""
    lines = []
    for key, value in rows:
        section, _, name = key.rpartition(".")
        first, dot, rest = section.partition(".")
        quoted = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        head = f'[{first} "{rest}"]' if dot else f"[{first}]"
        lines += [head, f'\t{name} = "{quoted}"']
    return "\n".join(lines) + "\n"


def authorization(slot: str, name: str, form: str, value: str) -> str:
    """The header that authenticates the gate, as `http.extraHeader` takes it."""
    if slot == "basic":
        pair = f"{name}:{value}" if name else value
        return f"Authorization: Basic {base64.b64encode(pair.encode()).decode()}"
    return f"{name}: {form.replace('{value}', value)}"
