#!/bin/sh
# Process 1 of the guest: mounts, the KVM module, the job from the second disk, its results to the third, power off.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 TERM=dumb
export PATH HOME LANG TERM
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev 2>/dev/null
mkdir -p /dev/pts /dev/shm
mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts /dev/pts
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
mount -t tmpfs -o mode=755 tmpfs /run
mount -t tmpfs -o mode=1777 tmpfs /tmp
mount -t cgroup2 cgroup2 /sys/fs/cgroup
hostname kvm-host
ip link set lo up
modprobe -a kvm-amd fuse overlay tun 2>/dev/null || modprobe kvm-amd
chgrp kvm /dev/kvm && chmod 660 /dev/kvm
mkdir -p /job /results
tar -C /job -xf /dev/vdb
/job/run >/results/output.txt 2>&1 </dev/null &
job=$!
tail -n +1 -f --pid=$job /results/output.txt 2>/dev/null
wait $job
echo $? >/results/code
tar -C /results -cf /dev/vdc .
sync
echo o >/proc/sysrq-trigger
sleep 60
