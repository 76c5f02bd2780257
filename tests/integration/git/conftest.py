"""One repository for all hostile pushes: nothing that a check does changes it."""

import pytest
from pushes import BRANCH, OWN, SECRET, Files, Known, Pile, Push, git, make_repository

from bot_bottle.gates.dlp.blobs import BlobScanner


@pytest.fixture(scope="session")
def scanner() -> BlobScanner:
    return BlobScanner(OWN, key=b"k")


@pytest.fixture(scope="session")
def known(tmp_path_factory: pytest.TempPathFactory) -> Known:
    """main ← first, side ← first; the bottle has pushed BRANCH before."""
    path = make_repository(tmp_path_factory.mktemp("git") / "mirror.git")
    pile = Pile()
    files: Files = {
        "README.md": b"# Shop\n",
        "src/app.py": b"def add(a, b):\n    return a + b\n",
        "src/fixture.py": b'TOKEN = "ghp_' + b"0" * 36 + b'"\nOLD = "' + SECRET + b'"\n',
        ".github/workflows/ci.yml": b"on: push\n",
        "CLAUDE.md": ("120000", "docs/rules.md"),
        "docs/rules.md": b"Write tests.\n",
    }
    old_ci = {**files, ".github/workflows/ci.yml": b"on: [pull_request]\n"}
    first = pile.commit(pile.tree(old_ci), message=b"Begin\n")
    main = pile.commit(pile.tree(files), first, message=b"Let CI run on every push\n")
    side = pile.commit(pile.tree({**old_ci, "side.txt": b"side\n"}), first, message=b"Go aside\n")
    work = pile.commit(pile.tree({**files, "work.txt": b"work\n"}), main, message=b"Work\n")
    done = git("index-pack", "--stdin", "--strict", at=path, stdin=pile.pack())
    assert done.code == 0, done.stderr
    refs = {"refs/heads/main": main, "refs/heads/side": side, BRANCH: work}
    rows = "".join(f"create {ref} {id}\n" for ref, id in refs.items())
    assert git("update-ref", "--stdin", at=path, stdin=rows.encode()).code == 0
    return Known(path=path, main=main, side=side, first=first, work=work, files=files)


@pytest.fixture
def push(known: Known, scanner: BlobScanner) -> Push:
    return Push(known, scanner)
