"""Makes the bottle's own certificate authority, while its first process starts: nothing about it is a decision.

Prepare wrote the merged roots without it, and the backend may have bound that very file already; so it is filled in place.
"""

from bot_bottle.host.files import write_file
from bot_bottle.plans.bottle import BottlePlan


def certify(plan: BottlePlan) -> None:
    """Write the key (0600), the certificate, and the certificate in front of the roots. Before the agent starts."""
    from bot_bottle.gates.egress.authority import make_authority

    certificate, key = make_authority(plan.slug)
    write_file(plan.ca_file.with_name("key.pem"), key)
    write_file(plan.ca_file, certificate, mode=0o644)
    with open(plan.ca_bundle_file, "r+b") as file:
        roots = file.read()
        file.seek(0)
        file.write(certificate.encode() + roots)
