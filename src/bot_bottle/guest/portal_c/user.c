/* Another user for the commands than for the portal, where the kernel inside is another one and gives the portal what it needs.
 *
 * There, only user 0 owns what the host's user owns (rootless gVisor maps nobody else), and agents would take themselves for root:
 * so they are user 0 in a user namespace of their own, which calls them by the number that they have elsewhere, and hold no
 * capability. The portal is a user whom they can neither look at nor signal. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "portal.h"

enum { CAPABILITY_VERSION = 0x20080522, CAP_CHOWN = 0, CAP_KILL = 5, CAP_SETGID = 6, CAP_SETUID = 7 }; /* capget(2), capabilities(7) */
enum { PORTAL = 65532 };

static int set_capabilities(unsigned mask) {
    struct {
        unsigned version;
        int process;
    } head = {CAPABILITY_VERSION, 0};
    struct {
        unsigned effective, permitted, inheritable;
    } sets[2] = {{mask, mask, 0}, {0, 0, 0}};
    return (int)syscall(SYS_capset, &head, sets);
}

static int take_ids(unsigned id) { return setgroups(0, NULL) || setresgid(id, id, id) || setresuid(id, id, id) ? -1 : 0; }

static int map(const char *path, long long inside, unsigned outside) {
    char text[64];
    int length = snprintf(text, sizeof text, "%lld %u 1\n", inside, outside), file = open(path, O_WRONLY | O_CLOEXEC);
    if (file < 0) return -1;
    ssize_t put = write(file, text, (size_t)length);
    close(file);
    return put == length ? 0 : -1;
}

static long long agent; /* 0: the portal's own user */

int leave_user(long long number) {
    if (!number) return 0;
    if (number < 1 || number > 65533 || number == PORTAL) return errno = EINVAL, -1;
    agent = number;
    if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) || take_ids(PORTAL) || prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0)) return -1;
    return set_capabilities(1 << CAP_CHOWN | 1 << CAP_KILL | 1 << CAP_SETGID | 1 << CAP_SETUID);
}

int give_to_user(int terminal) { return agent ? fchown(terminal, 0, 0) : 0; }

int become_user(void) {
    if (!agent) return 0;
    if (take_ids(0) || unshare(CLONE_NEWUSER)) return -1;
    int denied = open("/proc/self/setgroups", O_WRONLY | O_CLOEXEC); /* Linux asks for this first; gVisor has no such file */
    if (denied >= 0) {
        ssize_t put = write(denied, "deny", 4);
        close(denied);
        if (put != 4) return -1;
    }
    if (map("/proc/self/uid_map", agent, 0) || map("/proc/self/gid_map", agent, 0)) return -1;
    for (int capability = 0; prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0; capability++) continue;
    return set_capabilities(0) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ? -1 : 0;
}
