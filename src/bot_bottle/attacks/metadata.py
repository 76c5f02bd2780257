"""Attacks on the metadata services of clouds, which hand out keys to whoever can ask."""

from bot_bottle.attacks.case import Group, attack
from bot_bottle.attacks.errnos import NO_NETWORK, NOBODY

NAMED = {
    "link-local": ("169.254.169.254", "AWS, Azure, Google and others"),
    "ecs": ("169.254.170.2", "AWS containers"),
    "eks": ("169.254.170.23", "AWS Kubernetes pods"),
    "ipv6": ("fd00:ec2::254", "AWS by IPv6"),
    "alibaba": ("100.100.100.200", "Alibaba"),
    "oracle": ("192.0.0.192", "Oracle"),
    "azure-wire": ("168.63.129.16", "Azure's host"),
}

CASES = (
    *(
        attack(f"metadata-{name}", f"The metadata service of {whose}", "net.tcp", NO_NETWORK, hosts=[address], ports=[80, 443, 1338])
        for name, (address, whose) in NAMED.items()
        if name != "azure-wire"  # a public address: asked through the gate alone
    ),
    attack("metadata-udp", "The metadata services by UDP", "net.udp", NO_NETWORK, hosts=["169.254.169.254", "169.254.169.123"], port=123),
    attack("metadata-relay", "Relays of metadata on the loopback", "net.tcp", NOBODY, hosts=["127.0.0.1"], ports=[1338, 8775, 51679, 988]),
)  # fmt: skip

GROUP = Group(name="metadata", about="services of clouds that hand out keys", cases=CASES)
