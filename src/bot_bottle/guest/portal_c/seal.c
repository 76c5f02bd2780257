/* How the portal closes itself: unreadable to the agent, deaf to ^C, within its limits, Landlock where the plan says so.
 *
 * A filter for system calls comes as the hexadecimal text of its instructions (seccomp(2)); it holds besides any other.
 * Numbers of Landlock: Linux include/uapi/linux/landlock.h, as in guest/landlock.py. Reading is held by the mounts, not here. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "portal.h"

enum { CREATE_RULESET = 444, ADD_RULE = 445, RESTRICT_SELF = 446, PATH_BENEATH = 1 };
enum {
    WRITE_FILE = 1 << 1,
    REMOVE_AND_MAKE = 0x1ff0,
    MAKE_DEVICES = 1 << 6 | 1 << 11,
    REFER = 1 << 13,
    TRUNCATE = 1 << 14,
    IOCTL_DEVICE = 1 << 15,
    FILE_RIGHTS = WRITE_FILE | TRUNCATE | IOCTL_DEVICE,
    SCOPES = 3, /* abstract sockets and signals, from level 6 */
};

static int allow(long ruleset, const char *path, uint64_t handled) {
    struct stat found;
    struct {
        uint64_t granted;
        int32_t place;
    } __attribute__((packed)) rule;
    rule.granted = handled & ~(uint64_t)MAKE_DEVICES;
    if (strcmp(path, "/dev")) rule.granted &= ~(uint64_t)IOCTL_DEVICE;
    rule.place = open(path, O_PATH | O_CLOEXEC);
    if (rule.place < 0 || fstat(rule.place, &found)) return -1;
    if (!S_ISDIR(found.st_mode)) rule.granted &= FILE_RIGHTS;
    long done = syscall(ADD_RULE, ruleset, PATH_BENEATH, &rule, 0);
    close(rule.place);
    return done < 0 ? -1 : 0;
}

static int restrict_writing(const struct value *landlock) {
    const struct value *writable = json_member(landlock, "writable");
    long long level = json_number(landlock, "level", 0);
    if (level < 2 || !writable || writable->kind != LIST) return errno = EINVAL, -1;
    uint64_t handled = WRITE_FILE | REMOVE_AND_MAKE | REFER | (level >= 3 ? TRUNCATE : 0) | (level >= 5 ? IOCTL_DEVICE : 0);
    uint64_t settings[3] = {handled, 0, level >= 6 ? SCOPES : 0};
    long ruleset = syscall(CREATE_RULESET, settings, level < 4 ? 8 : level < 6 ? 16 : 24, 0);
    if (ruleset < 0) return -1;
    for (size_t index = 0; index < writable->length; index++)
        if (writable->items[index].kind != TEXT || allow(ruleset, writable->items[index].text, handled)) return -1;
    long done = syscall(RESTRICT_SELF, ruleset, 0);
    close((int)ruleset);
    return done < 0 ? -1 : 0;
}

static int digit(char letter) {
    if (letter >= '0' && letter <= '9') return letter - '0';
    return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

static int set_filter(const struct value *text) {
    size_t size = text->length / 2;
    if (size == 0 || text->length % (2 * sizeof(struct sock_filter)) || size / sizeof(struct sock_filter) > BPF_MAXINSNS)
        return errno = EINVAL, -1;
    struct sock_filter *steps = malloc(size);
    if (!steps) return -1;
    for (size_t index = 0; index < size; index++) {
        int high = digit(text->text[2 * index]), low = digit(text->text[2 * index + 1]);
        if (high < 0 || low < 0) return free(steps), errno = EINVAL, -1;
        ((unsigned char *)steps)[index] = (unsigned char)(high << 4 | low);
    }
    struct sock_fprog program = {(unsigned short)(size / sizeof *steps), steps};
    int failed = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0);
    free(steps);
    return failed ? -1 : 0;
}

static int limit(int what, rlim_t most) {
    struct rlimit both = {most, most};
    return setrlimit(what, &both);
}

int seal(const struct value *settings) {
    const struct value *processes = json_member(settings, "processes"), *landlock = json_member(settings, "landlock");
    const struct value *filter = json_member(settings, "filter");
    if (!processes || !landlock) return errno = EINVAL, -1;
    if (leave_user(json_number(settings, "user", 0))) return -1;
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)) return -1;
    if (getpid() != 1 && prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)) return -1;
    if (signal(SIGINT, SIG_IGN) == SIG_ERR || signal(SIGPIPE, SIG_IGN) == SIG_ERR || signal(SIGXFSZ, SIG_IGN) == SIG_ERR)
        return -1;
    if (limit(RLIMIT_CORE, 0)) return -1;
    if (processes->kind == NUMBER && limit(RLIMIT_NPROC, (rlim_t)processes->number)) return -1;
    if (landlock->kind == OBJECT && restrict_writing(landlock)) return -1;
    if (filter && filter->kind != NOTHING && (filter->kind != TEXT || set_filter(filter))) return -1;
    return 0;
}
