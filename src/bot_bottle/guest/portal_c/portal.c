/* The first process inside a bottle: hands out the gates' listening sockets, then starts what the keeper asks for, and reaps.
 *
 * The same as guest/portal.py, message for message, for every bottle that it was built for: it starts in a millisecond and needs
 * nothing of the bottle's file system. It runs as the agent's user, so it makes itself unreadable (no ptrace, no /proc/1/mem),
 * keeps no handler for a signal that the agent could send with effect, and holds no secret. The host bounds and checks whatever
 * comes from here. It lives only as long as its control channel. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "portal.h"

enum { BACKLOG = 1024 };

/* Each command of the keeper: its number, and the descriptor on which its exit code is reported, once, in decimal (then -1). With
 * a terminal whose bytes are relayed, after all that was printed; such a child stays until the keeper lets go of the terminal. */
struct child {
    pid_t process; /* 0 once it has ended */
    int life, code;
    struct terminal *terminal;
    struct child *next;
};
static struct child *children;
static int control, woken;

static void give_up(const char *what) {
    fprintf(stderr, "portal: %s: %s\n", what, strerror(errno));
    _exit(1);
}

static int listen_on(int port) {
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;
    if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) ||
        bind(listener, (struct sockaddr *)&here, sizeof here) || listen(listener, BACKLOG))
        give_up("cannot listen");
    return listener;
}

static int port_of(int listener) {
    struct sockaddr_in here;
    socklen_t length = sizeof here;
    if (getsockname(listener, (struct sockaddr *)&here, &length)) give_up("cannot listen");
    return ntohs(here.sin_port);
}

/* Bind the gates, hand the sockets out, keep none. */
static void hand_out(const struct value *gates) {
    int listeners[DESCRIPTOR_LIMIT];
    char port[16];
    struct out text = {0};
    if (!gates || gates->kind != LIST || gates->length > DESCRIPTOR_LIMIT) {
        errno = EINVAL;
        give_up("gates");
    }
    out_plain(&text, "{\"type\":\"ready\",\"gates\":[");
    for (size_t index = 0; index < gates->length; index++) {
        const struct value *pair = gates->items + index;
        if (pair->kind != LIST || pair->length != 2 || pair->items[0].kind != TEXT || pair->items[1].kind != NUMBER) _exit(1);
        listeners[index] = listen_on((int)pair->items[1].number);
        snprintf(port, sizeof port, ",%d]", port_of(listeners[index]));
        out_plain(&text, index ? ",[" : "[");
        out_quoted(&text, pair->items[0].text, pair->items[0].length);
        out_plain(&text, port);
    }
    out_plain(&text, "]}");
    if (text.failed || !send_frame(control, text.text, text.length, listeners, (int)gates->length)) _exit(1);
    for (size_t index = 0; index < gates->length; index++) close(listeners[index]);
    free(text.text);
}

static void begin(void) {
    struct frame frame;
    if (!receive_frame(control, &frame)) _exit(0);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC); /* now: the user that it may become may be barred from the root */
    if (seal(frame.message)) give_up("cannot seal");
    hand_out(json_member(frame.message, "gates"));
    drop_frame(&frame);
    for (int standard = 0; standard < 3; standard++)
        if (dup2(null, standard) < 0) _exit(1);
    if (null > 2) close(null);
}

static void say(const char *text, const int *descriptors, int count) {
    if (!send_frame(control, text, strlen(text), descriptors, count)) _exit(0);
}

static void refuse(int why) {
    char text[64];
    snprintf(text, sizeof text, "{\"type\":\"refused\",\"errno\":%d}", why);
    say(text, NULL, 0);
}

/* Fork and execute. With `rows`, on a terminal of the bottle's own, whose controlling end goes to the keeper; when a channel came
 * along, its bytes go over that instead. */
static void start(struct frame *frame) {
    const struct value *message = frame->message;
    int has_terminal = json_member(message, "rows") != NULL, controlling = -1, terminal = -1;
    struct child *made = calloc(1, sizeof *made);
    int is_relayed = has_terminal && frame->count == 2;
    if (!made || (!is_relayed && frame->count != (has_terminal ? 1 : 4))) {
        free(made);
        return refuse(made ? EINVAL : ENOMEM);
    }
    struct winsize size = {.ws_row = (unsigned short)json_number(message, "rows", 24),
                           .ws_col = (unsigned short)json_number(message, "cols", 80)};
    if (has_terminal && (openpty(&controlling, &terminal, NULL, NULL, &size) || give_to_user(terminal))) {
        int why = errno;
        if (controlling >= 0) close(controlling);
        if (terminal >= 0) close(terminal);
        free(made);
        return refuse(why);
    }
    sigset_t every, before; /* no signal reaches the child before it is ready for one; `become` lets them in */
    sigfillset(&every);
    sigprocmask(SIG_BLOCK, &every, &before);
    pid_t process = fork();
    if (process == 0) become(message, has_terminal ? &terminal : frame->descriptors + 1, has_terminal ? 1 : 3);
    int why = errno;
    sigprocmask(SIG_SETMASK, &before, NULL);
    if (has_terminal) close(terminal);
    if (process < 0) {
        free(made);
        refuse(why);
    } else {
        char text[64];
        *made = (struct child){.process = process, .life = fcntl(frame->descriptors[0], F_DUPFD_CLOEXEC, 3), .next = children};
        if (is_relayed && !(made->terminal = open_terminal(controlling, frame->descriptors[1], process))) give_up("no terminal");
        children = made;
        snprintf(text, sizeof text, "{\"type\":\"started\",\"process\":%d}", process);
        say(text, &controlling, has_terminal && !is_relayed);
    }
    if (has_terminal) close(controlling);
}

/* To the process group; before the child has made its group, to the child. */
static void pass_signal(const struct value *message) {
    pid_t process = (pid_t)json_number(message, "process", 0);
    int number = (int)json_number(message, "number", 0);
    for (struct child *one = children; one; one = one->next)
        if (process && one->process == process && kill(-process, number) && errno == ESRCH) kill(process, number);
}

/* In a child, so that nothing it does stays with process 1; the answers go straight to the keeper. */
static void probe(struct frame *frame) {
    if (frame->count != 1 || fork()) return;
    if (become_user()) _exit(1);
    answer(json_member(frame->message, "questions"), frame->descriptors[0]);
    _exit(0);
}

static void resize(const struct value *message) {
    pid_t process = (pid_t)json_number(message, "process", 0);
    for (struct child *one = children; one; one = one->next)
        if (process && one->process == process)
            resize_terminal(one->terminal, json_number(message, "rows", 24), json_number(message, "cols", 80));
}

static void obey(struct frame *frame) {
    const char *kind = json_text(frame->message, "type");
    if (!strcmp(kind, "resize")) resize(frame->message);
    if (!strcmp(kind, "start")) start(frame);
    if (!strcmp(kind, "signal")) pass_signal(frame->message);
    if (!strcmp(kind, "probe")) probe(frame);
}

/* Says how it ended once that may be said; 1 when nothing of it is left to do. */
static int report(struct child *one) {
    if (one->terminal) relay_terminal(one->terminal);
    if (one->process || !terminal_is_told(one->terminal)) return 0;
    if (one->life >= 0) {
        char text[16];
        int length = snprintf(text, sizeof text, "%d", one->code);
        write_all(one->life, text, (size_t)length);
        close(one->life);
        one->life = -1;
    }
    return terminal_is_over(one->terminal);
}

static void report_all(void) {
    for (struct child **at = &children; *at;) {
        struct child *one = *at;
        if (!report(one)) {
            at = &one->next;
            continue;
        }
        *at = one->next;
        close_terminal(one->terminal);
        free(one);
    }
}

/* Collect every ended process; report those that the keeper started. */
static void reap(void) {
    int status;
    pid_t process;
    while ((process = waitpid(-1, &status, WNOHANG)) > 0)
        for (struct child *one = children; one; one = one->next)
            if (one->process == process) {
                one->code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
                one->process = 0;
            }
}

/* The control channel, the ended children, and two descriptors for each relayed terminal. */
static size_t wait_for_all(struct pollfd **all, size_t *room) {
    size_t count = 2, wanted = 2;
    for (struct child *one = children; one; one = one->next) wanted += one->terminal ? 2 : 0;
    if (wanted > *room) {
        struct pollfd *more = realloc(*all, wanted * sizeof *more);
        if (!more) give_up("poll");
        *all = more;
        *room = wanted;
    }
    (*all)[0] = (struct pollfd){.fd = control, .events = POLLIN};
    (*all)[1] = (struct pollfd){.fd = woken, .events = POLLIN};
    for (struct child *one = children; one; one = one->next) {
        if (!one->terminal) continue;
        terminal_waits_for(one->terminal, *all + count);
        count += 2;
    }
    return poll(*all, count, -1) < 0 && errno != EINTR ? 0 : count;
}

static void serve(void) {
    struct signalfd_siginfo told;
    struct frame frame;
    struct pollfd *all = NULL;
    size_t room = 0;
    while (wait_for_all(&all, &room)) {
        if (all[1].revents) {
            while (read(woken, &told, sizeof told) > 0) continue;
            reap();
        }
        report_all();
        if (all[0].revents) {
            if (!receive_frame(control, &frame)) return;
            obey(&frame);
            drop_frame(&frame);
        }
    }
}

/* What the kernel does when a process 1 ends: kill every descendant. Orphans come to us (PR_SET_CHILD_SUBREAPER). */
static void end_all(void) {
    do {
        FILE *list = fopen("/proc/thread-self/children", "re");
        int process;
        if (!list) return;
        while (fscanf(list, "%d", &process) == 1) kill(process, SIGKILL);
        fclose(list);
    } while (waitpid(-1, NULL, 0) > 0 || errno == EINTR);
}

/* Where no descriptor can be inherited, the keeper waits behind a socket of this name; it unlinks it when we are through. */
static int knock(const char *path) {
    struct sockaddr_un door = {.sun_family = AF_UNIX};
    int channel = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (strlen(path) >= sizeof door.sun_path) errno = ENAMETOOLONG, give_up(path);
    memcpy(door.sun_path, path, strlen(path));
    if (channel < 0 || connect(channel, (struct sockaddr *)&door, sizeof door)) give_up(path);
    return channel;
}

int main(int count, char **arguments) {
    sigset_t ended;
    const char *last = count > 1 ? arguments[count - 1] : "-1";
    control = *last == '/' ? knock(last) : atoi(last);
    sigemptyset(&ended);
    sigaddset(&ended, SIGCHLD);
    if (fcntl(control, F_SETFD, FD_CLOEXEC) || sigprocmask(SIG_BLOCK, &ended, NULL) ||
        (woken = signalfd(-1, &ended, SFD_CLOEXEC | SFD_NONBLOCK)) < 0)
        give_up("cannot begin");
    begin();
    serve();
    if (getpid() != 1) end_all();
    return 0;
}
