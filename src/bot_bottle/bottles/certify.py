"""Has the bottle trust its gates: their certificate is there before the agent is.

Prepare wrote the merged roots without it, and the backend may have bound that very file already; so it is filled in place.
"""

from bot_bottle.host.files import write_file
from bot_bottle.plans.bottle import JAVA_ROOTS, BottlePlan


def trust(plan: BottlePlan, certificate: str) -> None:
    """Write the certificate (PEM) of the bottle's own authority, and put it in front of the roots."""
    write_file(plan.ca_file, certificate, mode=0o644)
    with open(plan.ca_bundle_file, "r+b") as file:
        roots = file.read()
        file.seek(0)
        file.write(certificate.encode() + roots)
    if any(file.path == JAVA_ROOTS for file in plan.agent_provision.files):
        _certify_for_java(plan, certificate + roots.decode())


def _certify_for_java(plan: BottlePlan, roots: str) -> None:
    """The same in Java's form, in the home: only the bottle's first process has run, and a link it left is not followed."""
    import os

    from bot_bottle.gates.egress.java_roots import java_roots

    descriptor = os.open(plan.stage_dir / "home" / JAVA_ROOTS, os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC)
    with open(descriptor, "wb") as file:
        file.write(java_roots(roots))
