"""Has the bottle trust its gates: their certificate is there before the agent is.

Prepare wrote the merged roots without it, and the backend may have bound that very file already; so it is filled in place.
"""

from bot_bottle.host.files import write_file
from bot_bottle.plans.bottle import BottlePlan


def trust(plan: BottlePlan, certificate: str) -> None:
    """Write the certificate (PEM) of the bottle's own authority, and put it in front of the roots."""
    write_file(plan.ca_file, certificate, mode=0o644)
    with open(plan.ca_bundle_file, "r+b") as file:
        roots = file.read()
        file.seek(0)
        file.write(certificate.encode() + roots)
