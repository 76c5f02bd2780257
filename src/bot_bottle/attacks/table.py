"""Every class of attacks, in the order in which they are shown."""

from bot_bottle.attacks import (
    cgroups,
    devices,
    egress,
    exfiltration,
    git_gate,
    ipv6,
    kernel,
    keyrings,
    metadata,
    mounts,
    names,
    namespaces,
    network,
    privileges,
    proc,
    processes,
    sockets,
    supervise,
    sysfs,
    tracing,
    unix_sockets,
)

GROUPS = tuple(
    module.GROUP
    for module in (
        network,
        names,
        ipv6,
        metadata,
        sockets,
        unix_sockets,
        processes,
        proc,
        sysfs,
        devices,
        mounts,
        namespaces,
        privileges,
        tracing,
        keyrings,
        kernel,
        cgroups,
        egress,
        exfiltration,
        git_gate,
        supervise,
    )
)
