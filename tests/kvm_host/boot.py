"""Boots the KVM host under QEMU and runs one job in it: `boot.py JOB_FOLDER RESULTS_FOLDER` with an executable JOB_FOLDER/run.

Software emulation of a CPU with AMD-V: no /dev/kvm is needed, and everything takes about ten times as long. The guest has no
network card; the job goes in as a tar on the second disk and the results come out as a tar on the third. The disk itself is not
changed. Exits with the job's code, or 125 when the guest gave none.
"""

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from disk import disk

LOST = 125
RESULTS_SIZE = 256 * 1024**2
TIME_LIMIT_S = float(os.environ.get("KVM_HOST_TIME_LIMIT_S", "2400"))
CPU = "EPYC,+svm,+npt,-xsavec,-xsaves"
"""Without the two xsave extensions, whose emulation the engine's kernel does not survive."""


def command(*, image: Path, job: Path, results: Path, memory: str) -> tuple[str, ...]:
    """QEMU's command line."""

    def drive(path: Path, *more: str) -> tuple[str, str]:
        return ("-drive", ",".join((f"file={path},if=virtio,format=raw,cache=unsafe", *more)))

    return (
        *("qemu-system-x86_64", "-machine", "q35", "-accel", "tcg,thread=multi", "-cpu", CPU, "-smp", "2", "-m", memory),
        *("-nographic", "-no-reboot", "-nic", "none", "-monitor", "none"),
        *("-kernel", str(image.with_name("vmlinuz")), "-initrd", str(image.with_name("initrd.img"))),
        *(
            "-append",
            "root=/dev/vda rw console=ttyS0 quiet mitigations=off tsc=reliable kvm.halt_poll_ns=0 init=/sbin/kvm-host-init",
        ),
        *(*drive(image, "snapshot=on"), *drive(job, "readonly=on"), *drive(results)),
    )


def boot(folder: Path, results: Path, *, memory: str = "5G") -> int:
    """Run the job in a fresh guest; its output goes to our own, its results into the folder. The job's exit code."""
    image = disk()
    with tempfile.TemporaryDirectory(dir=image.parent) as made:
        job, back = Path(made, "job.tar"), Path(made, "results.tar")
        subprocess.run(("tar", "-C", folder, "-cf", job, "."), check=True)
        with back.open("wb") as file:
            file.truncate(RESULTS_SIZE)
        words = ("nice", "-n", "10", *command(image=image, job=job, results=back, memory=memory))
        env = dict(os.environ) | {"TMPDIR": made}
        try:
            subprocess.run(words, check=False, env=env, stdin=subprocess.DEVNULL, timeout=TIME_LIMIT_S)
        except subprocess.TimeoutExpired:
            print(f"kvm_host: the job took longer than {TIME_LIMIT_S:g} s", flush=True)
        return read_results(back, results)


def read_results(back: Path, results: Path) -> int:
    """Unpack what the guest left; the job's code, or LOST."""
    shutil.rmtree(results, ignore_errors=True)
    results.mkdir(parents=True)
    try:
        with tarfile.open(back) as packed:
            packed.extractall(results, filter="data")
        return int((results / "code").read_text())
    except (tarfile.TarError, OSError, ValueError) as error:
        print(f"kvm_host: the guest left no results: {error}", flush=True)
        return LOST


if __name__ == "__main__":
    sys.exit(boot(Path(sys.argv[1]), Path(sys.argv[2])))
