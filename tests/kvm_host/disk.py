"""Builds the disk of the KVM host: a Debian with the engine, this project's requirements, an agent, and an image for bottles.

Everything comes through the host's own apt, pip and npm, and is cached below ~/.cache/bot-bottle-tests/kvm-host by what went
into it. The guest itself has no network. Needs root (mmdebstrap, chroot).
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bot-bottle-tests" / "kvm-host"
SUITE = "bookworm"
HOST_PACKAGES = (
    "linux-image-amd64",
    *("kmod", "procps", "iproute2", "e2fsprogs", "zstd", "ca-certificates"),
    *("python3", "python3-venv", "git"),
)
BOTTLE_PACKAGES = ("ca-certificates", "git", "python3-minimal", "procps")
"""What the image of the bottles holds: the agents bring their own programs."""

ENGINE = "smolmachines==1.32.2"
TEST_WHEELS = ("pytest", "iniconfig", "hypothesis", "sortedcontainers")
"""Of the pins of development, only what runs tests."""

DISK_SIZE = "12G"
AGENTS = ("claude",)


def run(*words: str | Path, env: dict[str, str] | None = None) -> None:
    """Run to its end, giving way to whoever else works here. CalledProcessError when it fails; its output is shown."""
    subprocess.run(("nice", "-n", "10", *words), check=True, timeout=1800, env=env)


def digest(*parts: str | bytes) -> str:
    """A short name for what went into something."""
    return hashlib.sha256(b"\0".join(part.encode() if isinstance(part, str) else part for part in parts)).hexdigest()[:16]


def sources() -> str:
    """The Debian archives that apt here is set up for, as one-line sources."""
    wanted = ("Origin: Debian", "Component: main", "Identifier: Packages")
    words = ("apt-get", "indextargets", "--format", "deb $(REPO_URI) $(RELEASE) $(COMPONENT)", *wanted)
    lines = sorted(set(subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines()))
    if not lines:
        sys.exit("kvm_host: apt knows no Debian archive here; run apt-get update")
    return "\n".join(lines) + "\n"


def cached(name: str, make: Callable[[Path], None]) -> Path:
    """The cache's file or folder of this name, made by `make(place)` when it is missing; never half made."""
    place = CACHE / name
    if not place.exists():
        print(f"kvm_host: making {name} …", flush=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as folder:
            new = Path(folder) / "new"
            make(new)
            new.rename(place)
    return place


def system(packages: tuple[str, ...]) -> Path:
    """A Debian with these packages, as a tar archive."""
    key = digest(SUITE, *packages)

    def make(place: Path) -> None:
        with tempfile.NamedTemporaryFile("w", suffix=".list", dir=CACHE) as listed:
            listed.write(sources())
            listed.flush()
            words = ("mmdebstrap", "--quiet", "--variant=minbase", "--format=tar", "--skip=check/empty")
            run(*words, f"--include={','.join(packages)}", SUITE, place, listed.name)

    return cached(f"system-{key}.tar", make)


def wheels() -> Path:
    """Wheels of everything that runs in the guest, for its own Python."""
    pins = (ROOT / "pins/run.txt").read_text() + chosen((ROOT / "pins/dev.txt").read_text(), TEST_WHEELS)

    def make(place: Path) -> None:
        pip = (
            sys.executable,
            "-m",
            "pip",
            "download",
            "--quiet",
            "--dest",
            place,
            "--only-binary=:all:",
            "--python-version=3.11",
        )
        with tempfile.NamedTemporaryFile("w", suffix=".txt", dir=CACHE) as listed:
            listed.write(pins)
            listed.flush()
            run(*pip, "--no-deps", "--requirement", listed.name)
        run(*pip, "--no-deps", ENGINE)

    return cached(f"wheels-{digest(ENGINE, pins)}", make)


def chosen(pins: str, names: tuple[str, ...]) -> str:
    """The requirements of these names, each with the lines of hashes that belong to it."""
    requirements = re.split(r"^(?=\w)", pins, flags=re.MULTILINE)
    return "".join(one for one in requirements if one.partition("==")[0] in names)


def agents() -> Path:
    """The cache of installed agents, filled by this project's own installer."""
    folder = CACHE / "agents"
    env = dict(os.environ) | {"XDG_CACHE_HOME": str(folder), "PYTHONPATH": str(ROOT / "src")}
    run(sys.executable, "-m", "bot_bottle", "agents", "install", "--quiet", *AGENTS, env=env)
    return folder / "bot-bottle" / "agents"


def disk() -> Path:
    """The guest's disk; its kernel and initrd lie beside it as vmlinuz and initrd.img."""
    parts = (system(HOST_PACKAGES), system(BOTTLE_PACKAGES), wheels())
    installed = agents()
    versions = sorted(str(path.relative_to(installed)) for path in installed.glob("*/*"))
    key = digest(
        DISK_SIZE, *(part.name for part in parts), *versions, (HERE / "init.sh").read_bytes(), Path(__file__).read_bytes()
    )
    host, bottle, wheelhouse = parts

    def make(place: Path) -> None:
        tree = place.with_name("tree")
        fill(tree, host=host, bottle=bottle, wheelhouse=wheelhouse, installed=installed)
        place.mkdir()
        for name in ("vmlinuz", "initrd.img"):
            (found,) = (tree / "boot").glob(f"{name}-*")
            shutil.copy(found, place / name)
        run("mke2fs", "-q", "-t", "ext4", "-d", tree, "-E", "lazy_itable_init=1", place / "disk.img", DISK_SIZE)
        shutil.rmtree(tree)

    CACHE.mkdir(parents=True, exist_ok=True)
    return cached(f"disk-{key}", make) / "disk.img"


def fill(tree: Path, *, host: Path, bottle: Path, wheelhouse: Path, installed: Path) -> None:
    """The guest's file system, unpacked and completed."""
    tree.mkdir(mode=0o755)
    run("tar", "-C", tree, "-xf", host)
    image = tree / "opt" / "bottle-image"
    image.mkdir()
    run("tar", "-C", image, "--exclude=./dev/*", "-xf", bottle)
    shutil.copytree(installed, tree / "opt/agents", symlinks=True)
    run("chmod", "-R", "a+rX", tree / "opt/agents")
    (tree / "root/.cache/bot-bottle").mkdir(parents=True)
    (tree / "root/.cache/bot-bottle/agents").symlink_to("/opt/agents")
    shutil.copytree(wheelhouse, tree / "opt/wheels")
    run("chroot", tree, "python3", "-m", "venv", "/opt/venv")
    pip = ("/opt/venv/bin/pip", "install", "--quiet", "--no-index", "--no-deps", "--no-warn-script-location")
    run("chroot", tree, "sh", "-c", " ".join((*pip, "/opt/wheels/*")))
    shutil.rmtree(tree / "opt/wheels")
    for template in (tree / "opt/venv/lib/python3.11/site-packages/smol").glob("*.ext4.zst"):
        # thirty gigabytes of holes: the engine writes them at its first start, which takes minutes on an emulated processor
        run("chroot", tree, "zstd", "--quiet", "--decompress", "--sparse", "/" + str(template.relative_to(tree)))
    (tree / "opt/venv/lib/python3.11/site-packages/bot_bottle.pth").write_text("/job/tree/src\n")
    shutil.copy(HERE / "init.sh", tree / "sbin/kvm-host-init")
    (tree / "sbin/kvm-host-init").chmod(0o755)


if __name__ == "__main__":
    CACHE.mkdir(parents=True, exist_ok=True)
    print(disk())
