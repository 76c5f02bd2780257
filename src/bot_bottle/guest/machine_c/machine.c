/* What runs in a machine of its own kernel beside the agent: makes the machine ready, and starts each command sealed.
 *
 *     machine first          the machine's workload: makes it ready, starts the forwarder, ends when its keeper is gone
 *     machine run NUMBER     one command of the keeper, as the bottle's user; reports its exit code when it ended
 *     machine signal NUMBER SIGNAL
 *     machine probe NUMBER   the answers to the keeper's questions, as the bottle's user
 *
 * The engine starts it as root of the machine, with every capability; what it starts has none, runs under the system call filter
 * and cannot gain any. Everything it reads lies on a share that the machine cannot write to. The agent controls what it does as
 * the bottle's user: its processes, the gates' clients, never this program, its reports or its process numbers. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/filter.h>
#include <linux/rtnetlink.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "../portal_c/portal.h"

#define GIVEN "/run/bot-bottle" /* read-only: what the host prepared */
#define OURS "/run/bot-bottle-ran" /* the machine's own: process numbers */
#define TOLD "/run/bot-bottle-told" /* a share: exit codes */
enum { FAILED = 125, WAIT_MS = 10000, STEP_MS = 20, PATH_ROOM = 128, LAST_CAPABILITY = 63, MOST_STEPS = 4096, FORWARDER = 65532 };

static void give_up(const char *what) {
    fprintf(stderr, "bot-bottle: %s: %s\n", what, strerror(errno));
    exit(FAILED);
}

int write_all(int channel, const char *text, size_t length) {
    while (length) {
        ssize_t put = write(channel, text, length);
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0) return 0;
        text += put;
        length -= (size_t)put;
    }
    return 1;
}

static char *read_whole(const char *path, size_t *length) {
    struct stat found;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0 || fstat(file, &found) || found.st_size > FRAME_LIMIT) give_up(path);
    char *bytes = malloc((size_t)found.st_size + 1);
    size_t size = 0;
    while (bytes && size < (size_t)found.st_size) {
        ssize_t got = read(file, bytes + size, (size_t)found.st_size - size);
        if (got <= 0) give_up(path);
        size += (size_t)got;
    }
    close(file);
    *length = size;
    return bytes;
}

static const struct value *read_json(const char *path) {
    size_t length;
    char *bytes = read_whole(path, &length);
    const struct value *message = bytes ? json_read(bytes, length) : NULL;
    if (!message || message->kind != OBJECT) {
        errno = EINVAL;
        give_up(path);
    }
    return message;
}

static const struct value *settings(void) { return read_json(GIVEN "/machine.json"); }

static const struct value *command(const char *number) {
    char path[PATH_ROOM];
    snprintf(path, sizeof path, GIVEN "/commands/%s.json", number);
    return read_json(path);
}

static void limit(int what, rlim_t most) {
    struct rlimit both = {most, most};
    if (setrlimit(what, &both)) give_up("a limit");
}

static void filter(void) {
    size_t length;
    char *bytes = read_whole(GIVEN "/seccomp.bpf", &length);
    struct sock_fprog program = {(unsigned short)(length / sizeof(struct sock_filter)), (struct sock_filter *)(void *)bytes};
    if (!bytes || length > MOST_STEPS * sizeof(struct sock_filter)) give_up("the filter");
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0)) give_up("the filter");
    free(bytes);
}

/* From here on another user, without capabilities and without a way to any (capabilities(7)). */
static void lower_to(uid_t user, gid_t group, const struct value *given) {
    long long processes = json_number(given, "processes", -1);
    if (!user || !group) {
        errno = EINVAL;
        give_up("the bottle's user");
    }
    for (int capability = 0; capability <= LAST_CAPABILITY; capability++)
        if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) && errno != EINVAL) give_up("capabilities");
    limit(RLIMIT_CORE, 0);
    if (processes >= 0) limit(RLIMIT_NPROC, (rlim_t)processes);
    if (setgroups(0, NULL) || setresgid(group, group, group) || setresuid(user, user, user)) give_up("the bottle's user");
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) give_up("new privileges");
    filter();
}

static void lower(const struct value *given) {
    lower_to((uid_t)json_number(given, "uid", 0), (gid_t)json_number(given, "gid", 0), given);
}

/* The kernel makes a dummy interface that leads nowhere. Without it only the loopback is left (rtnetlink(7)). */
static void remove_interface(const char *name) {
    struct {
        struct nlmsghdr head;
        struct ifinfomsg link;
    } ask = {.head = {.nlmsg_len = sizeof ask, .nlmsg_type = RTM_DELLINK, .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK}};
    ask.link.ifi_index = (int)if_nametoindex(name);
    char reply[256];
    int channel = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (ask.link.ifi_index && channel >= 0 && send(channel, &ask, sizeof ask, 0) > 0 && recv(channel, reply, sizeof reply, 0) < 0)
        give_up(name);
    close(channel);
}

/* [from, to, whether it can be written]. A place bound to itself is a mount of its own: it cannot be renamed away. */
static void bind_all(const struct value *pairs) {
    for (size_t index = 0; pairs && pairs->kind == LIST && index < pairs->length; index++) {
        const struct value *pair = pairs->items + index;
        if (pair->kind != LIST || pair->length != 3 || pair->items[0].kind != TEXT || pair->items[1].kind != TEXT) {
            errno = EINVAL;
            give_up("binds");
        }
        unsigned long how = pair->items[2].number ? 0 : MS_RDONLY;
        const char *from = pair->items[0].text, *to = pair->items[1].text;
        int file = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
        if (file >= 0) close(file);
        if (mount(from, to, NULL, MS_BIND, NULL)) give_up(to);
        if (mount(NULL, to, NULL, MS_BIND | MS_REMOUNT | how | MS_NOSUID | MS_NODEV, NULL)) give_up(to);
    }
}

/* Returns once the ports listen. */
static void forward(const struct value *given) {
    const struct value *words = json_member(given, "forward");
    char number[16], told[8];
    int ready[2];
    char **argv = words && words->kind == LIST ? calloc(words->length + 4, sizeof *argv) : NULL;
    if (!argv || pipe(ready)) give_up("forward");
    snprintf(number, sizeof number, "%d", ready[1]);
    argv[0] = GIVEN "/forwarder", argv[1] = "--ready-fd", argv[2] = number;
    for (size_t index = 0; index < words->length; index++) argv[index + 3] = words->items[index].text;
    pid_t process = fork();
    if (process < 0) give_up("forward");
    if (!process) {
        close(ready[0]);
        lower_to(FORWARDER, FORWARDER, given); /* a user of its own, whom the agent can send no signal */
        execv(argv[0], argv);
        give_up(argv[0]);
    }
    close(ready[1]);
    if (read(ready[0], told, sizeof told) <= 0) give_up("the forwarder does not listen");
    close(ready[0]);
    free(argv);
}

/* The line to the keeper: that it is open says that the machine is ready, and it closes when the keeper is gone. */
static int call_keeper(const char *path) {
    struct sockaddr_un there = {.sun_family = AF_UNIX};
    int channel = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (channel < 0 || strlen(path) >= sizeof there.sun_path) give_up(path);
    strcpy(there.sun_path, path);
    for (int waited = 0; connect(channel, (struct sockaddr *)&there, sizeof there); waited += STEP_MS) {
        if (waited > WAIT_MS) give_up(path);
        usleep(STEP_MS * 1000);
    }
    if (!write_all(channel, "ready\n", 6)) give_up(path);
    return channel;
}

static int first(void) {
    char nothing[64];
    const struct value *given = settings();
    signal(SIGPIPE, SIG_IGN);
    if (mkdir(OURS, 0700) && errno != EEXIST) give_up(OURS);
    remove_interface("dummy0");
    bind_all(json_member(given, "binds"));
    forward(given);
    int keeper = call_keeper(json_text(given, "keeper"));
    for (ssize_t got; (got = read(keeper, nothing, sizeof nothing)) != 0;)
        if (got < 0 && errno != EINTR) break;
    return 0; /* the engine then stops the machine */
}

static void write_number(const char *folder, const char *name, int number) {
    char path[PATH_ROOM], new_path[PATH_ROOM], text[16];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    snprintf(new_path, sizeof new_path, "%s/.%s", folder, name);
    int length = snprintf(text, sizeof text, "%d", number);
    int file = open(new_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file < 0 || !write_all(file, text, (size_t)length) || close(file) || rename(new_path, path)) give_up(path);
}

/* A terminal belongs to one session: ours lets go of it, the command's takes it (tty_ioctl(4)). */
static void let_go_of_terminal(void) {
    signal(SIGHUP, SIG_IGN);
    signal(SIGCONT, SIG_IGN);
    ioctl(0, TIOCNOTTY);
}

/* Tells the keeper that the engine has brought the command here. A command that the keeper sent twice runs once. */
static void begin(const char *number) {
    char path[PATH_ROOM];
    snprintf(path, sizeof path, TOLD "/%s.began", number);
    int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file < 0) give_up(path);
    close(file);
}

static int run(const char *number) {
    const struct value *given = settings(), *message = command(number);
    int has_terminal = json_number(message, "terminal", 0) != 0, streams[3] = {0, 1, 2}, status;
    char path[PATH_ROOM];
    begin(number);
    if (has_terminal) let_go_of_terminal();
    pid_t process = fork();
    if (process < 0) give_up("fork");
    if (!process) {
        lower(given);
        become(message, streams, has_terminal ? 1 : 3);
    }
    write_number(OURS, number, process);
    while (waitpid(process, &status, 0) < 0)
        if (errno != EINTR) give_up("wait");
    snprintf(path, sizeof path, OURS "/%s", number);
    unlink(path);
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    write_number(TOLD, number, code);
    return code;
}

/* To the process group of the command; before it has made its group, to the command. */
static int send_signal(const char *number, const char *text) {
    char path[PATH_ROOM], told[PATH_ROOM];
    snprintf(path, sizeof path, OURS "/%s", number);
    snprintf(told, sizeof told, TOLD "/%s", number);
    for (int waited = 0; access(path, F_OK); waited += STEP_MS) {
        if (!access(told, F_OK) || waited > WAIT_MS) return 0; /* it has ended */
        usleep(STEP_MS * 1000);
    }
    size_t length;
    char *bytes = read_whole(path, &length);
    if (!bytes) return FAILED;
    bytes[length] = 0;
    pid_t process = atoi(bytes);
    if (process > 1 && kill(-process, atoi(text)) && errno == ESRCH) kill(process, atoi(text));
    return 0;
}

static int probe(const char *number) {
    const struct value *given = settings(), *message = command(number);
    lower(given);
    answer(json_member(message, "questions"), 1);
    return 0;
}

static int is_number(const char *text) {
    size_t length = strspn(text, "0123456789");
    return length && length < 10 && !text[length];
}

int main(int count, char **words) {
    if (count == 2 && !strcmp(words[1], "first")) return first();
    if (count >= 3 && is_number(words[2])) {
        if (count == 3 && !strcmp(words[1], "run")) return run(words[2]);
        if (count == 3 && !strcmp(words[1], "probe")) return probe(words[2]);
        if (count == 4 && !strcmp(words[1], "signal") && is_number(words[3])) return send_signal(words[2], words[3]);
    }
    fprintf(stderr, "usage: machine first | run NUMBER | signal NUMBER SIGNAL | probe NUMBER\n");
    return 2;
}
