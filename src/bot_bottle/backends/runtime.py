"""The portal's own interpreter, for bottles whose file system is an image: our Python with its loader, libraries and modules.

Copied once into the cache and shown read-only inside, so that any image works, one without a shell or of another C library too,
and nothing of an image runs before the agent does. About 12 MB.
"""

import json
import os
import shutil
import sys
from hashlib import sha256
from pathlib import Path

from bot_bottle import guest
from bot_bottle.errors import BottleError
from bot_bottle.host.files import make_private_folder
from bot_bottle.host.run import Command, plain_env, run

MODULES = (
    "bot_bottle.guest.portal",
    "bot_bottle.guest.probe",
    "bot_bottle.guest.landlock",
    "resource",
    "fcntl",
    "termios",
    "errno",
)
"""Everything that the portal imports, sooner or later."""

LIST = """
import json, sys
sys.path.insert(0, {source!r})
for name in {modules!r}:
    __import__(name)
import encodings.ascii, encodings.latin_1, encodings.utf_8
files = [[module.__name__, module.__file__] for module in list(sys.modules.values()) if getattr(module, "__file__", None)]
mapped = sorted({{line.split(None, 5)[5].strip() for line in open("/proc/self/maps") if "/" in line}})
print(json.dumps([files, mapped]))
"""
"""Says which files the portal consists of: modules by name, and what the kernel mapped (the interpreter, its libraries)."""


def runtime_folder(cache: Path) -> Path:
    """Where the runtime of this interpreter and these programs belongs. Reads only; the folder may not be there yet."""
    interpreter = os.path.realpath(sys.executable)
    programs = Path(str(guest.__file__)).parent
    seen = [interpreter, sys.version]
    for path in (interpreter, *(str(one) for one in sorted(programs.glob("*.py")))):
        status = os.stat(path)
        seen.append(f"{path} {status.st_size} {status.st_mtime_ns}")
    return cache / "portal" / sha256("\n".join(seen).encode()).hexdigest()[:16]


def make_runtime(folder: Path) -> None:
    """Make it where it is missing; atomic, and safe to run twice at once."""
    if folder.is_dir():
        return
    make_private_folder(folder.parent)
    building = folder.with_name(f".{folder.name}.{os.urandom(4).hex()}")
    try:
        _fill(building)
        building.rename(folder)
    except OSError as error:
        if not folder.is_dir():  # somebody else may have made it meanwhile
            raise BottleError("The portal's interpreter could not be copied.", facts=(str(error),)) from error
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _fill(target: Path) -> None:
    modules, mapped = _files()
    interpreter = os.path.realpath(sys.executable)
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    library = target / "lib" / version
    programs = target / "programs"
    for name, path in modules:
        place = programs if name.partition(".")[0] == "bot_bottle" else library
        if path.endswith(".py"):
            _copy_module(name, path, place)
        else:
            _copy(path, library / "lib-dynload" / os.path.basename(path))
    for path in mapped:
        name = os.path.basename(path)
        if name.startswith("ld-"):
            _copy(path, target / "loader")
        elif ".so" in name and "/lib-dynload/" not in path and "/site-packages/" not in path:
            _copy_library(path, target / "lib")
    if not (target / "loader").exists():
        raise BottleError("The portal's interpreter cannot be copied: it has no dynamic loader.", facts=(interpreter,))
    _copy(interpreter, target / "bin" / "python")
    (library / "lib-dynload").mkdir(parents=True, exist_ok=True)
    (library / "os.py").touch()  # by this name the interpreter knows its library (Modules/getpath.py)
    for place in (target, *(one for one in target.rglob("*") if one.is_dir())):
        place.chmod(0o755)


def _files() -> tuple[list[tuple[str, str]], list[str]]:
    source = str(Path(str(guest.__file__)).parents[2])
    code = LIST.format(source=source, modules=MODULES)
    done = run(Command(argv=(sys.executable, "-I", "-S", "-B", "-c", code), env=plain_env(), timeout_s=60.0))
    if done.code != 0:
        raise BottleError("The portal's interpreter could not be listed.", facts=(done.stderr.decode(errors="replace")[-500:],))
    modules, mapped = json.loads(done.stdout)
    return [(name, path) for name, path in modules], mapped


def _copy_module(name: str, path: str, place: Path) -> None:
    """The source and, beside it, its compiled form, which is taken without a look at dates."""
    import py_compile

    parts = name.split(".")
    is_package = os.path.basename(path) == "__init__.py"
    target = place.joinpath(*parts, "__init__.py") if is_package else place.joinpath(*parts[:-1], f"{parts[-1]}.py")
    _copy(path, target)
    py_compile.compile(str(target), doraise=True, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)


def _copy_library(path: str, folder: Path) -> None:
    """Under its full name and each shorter one: programs ask for libz.so.1, the file is libz.so.1.2.13."""
    name = os.path.basename(path)
    _copy(path, folder / name)
    shorter = name.rpartition(".")[0]
    while ".so" in shorter:
        (folder / shorter).unlink(missing_ok=True)
        (folder / shorter).symlink_to(name)
        shorter = shorter.rpartition(".")[0]


def _copy(path: str, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, target)
    target.chmod(0o755 if os.access(path, os.X_OK) else 0o644)
