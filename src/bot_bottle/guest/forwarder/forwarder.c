/*
 * The guest forwarder: listens on 127.0.0.1 inside a bottle whose kernel is not the host's, and relays each connection to a
 * Unix socket, one for each port. Nothing else: it reads no file, no environment, no name, and no byte that it passes on.
 *
 *     forwarder [--ready-fd N] [--user NUMBER] PORT=PATH... [-- COMMAND ARGUMENT...]
 *     forwarder --die-with PARENT -- COMMAND ARGUMENT...
 *
 * With a COMMAND it becomes that command once the ports listen, so it may be the first process; a child of its own relays, as the
 * user of that NUMBER and without capabilities.
 * What is written to the descriptor N, which is closed then, says that the ports listen. With PARENT, the number of the process
 * that started it, the command ends when that one does (PR_SET_PDEATHSIG), also when it has ended already.
 *
 * Whoever is inside controls every byte of the clients, and may kill it: then there is no way out at all. Connections are
 * bounded; past the bound nobody is accepted until one ends. Exit codes: 1 it cannot listen, 2 wrong arguments, as a
 * shell's 126 and 127 for a command that cannot be run.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    MOST_PORTS = 8,
    MOST_CONNECTIONS = 256, /* two buffers each: 32 MiB when all are full, nothing before */
    BUFFER = 64 * 1024,
    BACKLOG = 1024,
    ROUNDS = 8,          /* buffers moved for one connection before the others have their turn */
    LINGER_MS = 3000,    /* how long a client may still send after its gate has gone */
    CONNECT_MS = 10000,  /* how long a gate's queue may stay full */
    TICK_MS = 50,
    MOST_INHERITED = 1024,
    CAPABILITY_VERSION = 0x20080522, /* capget(2): version 3, two words */
};

/* One way of a connection: from one socket to the other. */
struct way {
    unsigned start, end; /* what is read and not yet written */
    int ended;           /* nothing more comes from its source */
    int deaf;            /* its target takes nothing any more: what comes is thrown away */
    int closed;          /* its target was told of the end, or is deaf */
};

enum { UP, DOWN };         /* from the client to the gate, and back */
enum { CLIENT, GATE };     /* the socket that a way reads from has the way's number */

struct connection {
    int used, port, is_connected;
    int sockets[2];
    int watched[2]; /* events asked for, -1 when not registered */
    struct way ways[2];
    long long deadline; /* 0 without */
};

static struct { unsigned short number; const char *path; int listener; } ports[MOST_PORTS];
static int port_count, is_paused, open_count, timed_count, poller;
static struct connection connections[MOST_CONNECTIONS];
static char buffers[MOST_CONNECTIONS][2][BUFFER];

static void say(const char *what, const char *which) {
    char line[512];
    size_t size = 0;
    const char *parts[] = {"forwarder: ", what, " ", which, "\n"};
    for (size_t part = 0; part < sizeof parts / sizeof *parts; part++)
        for (const char *letter = parts[part]; *letter && size < sizeof line; letter++) line[size++] = *letter;
    if (write(2, line, size) < 0) return;
}

static void stop(int code, const char *what, const char *which) {
    say(what, which);
    _exit(code);
}

static long long now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void set_deadline(struct connection *one, long long deadline) {
    timed_count += (deadline != 0) - (one->deadline != 0);
    one->deadline = deadline;
}

/* Asks for these events of a socket; -1 takes it out, for an end that was seen is reported for ever. */
static void watch(struct connection *one, int side, int events) {
    struct epoll_event wanted = {0};
    int before = one->watched[side];
    if (events == before || one->sockets[side] < 0) return;
    wanted.events = (unsigned)(events < 0 ? 0 : events);
    wanted.data.u32 = (unsigned)(one - connections);
    epoll_ctl(poller, events < 0 ? EPOLL_CTL_DEL : before < 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, one->sockets[side], &wanted);
    one->watched[side] = events;
}

static void pause_listening(int pause) {
    struct epoll_event wanted = {0};
    for (int port = 0; port < port_count && pause != is_paused; port++) {
        wanted.events = pause ? 0 : EPOLLIN;
        wanted.data.u32 = (unsigned)(MOST_CONNECTIONS + port);
        epoll_ctl(poller, EPOLL_CTL_MOD, ports[port].listener, &wanted);
    }
    is_paused = pause;
}

static void end(struct connection *one) {
    set_deadline(one, 0);
    for (int side = 0; side < 2; side++)
        if (one->sockets[side] >= 0) close(one->sockets[side]);
    one->used = 0;
    open_count--;
    pause_listening(0);
}

static int is_over(int socket, short which) {
    struct pollfd asked = {.fd = socket};
    return poll(&asked, 1, 0) == 1 && (asked.revents & which);
}

static int would_wait(void) { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

/* Moves what can be moved now. Returns 1 when something moved, 0 when not, -1 when the client is gone. */
static int move(struct connection *one, int number) {
    struct way *way = &one->ways[number];
    char *bytes = buffers[one - connections][number];
    int from = one->sockets[number], to = one->sockets[!number], moved = 0;
    if (way->start == way->end && !way->ended) {
        ssize_t size = recv(from, bytes, BUFFER, MSG_DONTWAIT);
        if (size > 0) {
            way->start = 0;
            way->end = (unsigned)size;
            moved = 1;
        } else if (size == 0 || !would_wait()) {
            if (size < 0 && number == UP) return -1;
            way->ended = moved = 1;
            if (number == DOWN && (size < 0 || is_over(from, POLLHUP | POLLERR))) one->ways[UP].deaf = 1;
        }
    }
    if (way->deaf) way->start = way->end = 0;
    if (way->start < way->end) {
        ssize_t size = send(to, bytes + way->start, way->end - way->start, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (size > 0) {
            way->start += (unsigned)size;
            moved = 1;
        } else if (size < 0 && !would_wait()) {
            if (number == DOWN) return -1;
            way->deaf = moved = 1;
            way->start = way->end = 0;
        }
    }
    if (way->ended && way->start == way->end && !way->closed) {
        if (!way->deaf) shutdown(to, SHUT_WR);
        way->closed = moved = 1;
    }
    return moved;
}

/* Which events matter now: room to write what waits, and something to read once the last was written. */
static void watch_both(struct connection *one) {
    struct way *up = &one->ways[UP], *down = &one->ways[DOWN];
    int client = (!up->ended && up->start == up->end ? EPOLLIN : 0) | (down->start < down->end ? EPOLLOUT : 0);
    int gate = (!down->ended && down->start == down->end ? EPOLLIN : 0) | (up->start < up->end ? EPOLLOUT : 0);
    watch(one, CLIENT, client || !down->closed ? client : -1);
    watch(one, GATE, gate || (down->ended && !up->deaf && !up->closed) ? gate : -1);
}

static void pump(struct connection *one) {
    for (int round = 0; round < ROUNDS; round++) {
        int up = move(one, UP), down = up < 0 ? 0 : move(one, DOWN);
        if (up < 0 || down < 0) return end(one);
        if (!up && !down) break;
    }
    struct way *up = &one->ways[UP], *down = &one->ways[DOWN];
    if (down->ended && !up->deaf && is_over(one->sockets[GATE], POLLHUP | POLLERR)) {
        up->deaf = 1;
        up->start = up->end = 0;
        if (up->ended) up->closed = 1;
    }
    if (up->closed && down->closed) return end(one);
    if (up->ended && is_over(one->sockets[CLIENT], POLLERR)) return end(one);
    if (up->deaf && down->closed && !one->deadline) set_deadline(one, now_ms() + LINGER_MS);
    watch_both(one);
}

static void connect_gate(struct connection *one) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int gate = one->sockets[GATE];
    strcpy(address.sun_path, ports[one->port].path); /* its length was checked when the arguments were read */
    if (gate < 0) gate = one->sockets[GATE] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (gate >= 0 && connect(gate, (struct sockaddr *)&address, sizeof address) == 0) {
        one->is_connected = 1;
        set_deadline(one, 0);
        return pump(one);
    }
    if (gate < 0 || errno != EAGAIN) return end(one); /* EAGAIN: its queue is full (connect(2)) */
    if (!one->deadline) set_deadline(one, now_ms() + CONNECT_MS);
}

static void accept_one(int port) {
    int yes = 1, client = accept4(ports[port].listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (client < 0) return;
    struct connection *one = connections;
    while (one->used) one++;
    memset(one, 0, sizeof *one);
    one->used = 1;
    one->port = port;
    one->sockets[CLIENT] = client;
    one->sockets[GATE] = one->watched[CLIENT] = one->watched[GATE] = -1;
    setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    if (++open_count == MOST_CONNECTIONS) pause_listening(1);
    connect_gate(one);
}

static void look_at_deadlines(void) {
    long long now = now_ms();
    for (struct connection *one = connections; one < connections + MOST_CONNECTIONS; one++) {
        if (!one->used || !one->deadline) continue;
        if (now >= one->deadline) end(one);
        else if (!one->is_connected) connect_gate(one);
    }
}

static void serve(void) {
    struct epoll_event events[64];
    for (;;) {
        int count = epoll_wait(poller, events, 64, timed_count ? TICK_MS : -1);
        for (int event = 0; event < count; event++) {
            unsigned which = events[event].data.u32;
            if (which >= MOST_CONNECTIONS) {
                if (open_count < MOST_CONNECTIONS) accept_one((int)(which - MOST_CONNECTIONS));
            } else if (connections[which].used && connections[which].is_connected) {
                pump(&connections[which]);
            }
        }
        if (timed_count) look_at_deadlines();
    }
}

static void listen_on(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    struct epoll_event wanted = {.events = EPOLLIN};
    int yes = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    address.sin_port = htons(ports[port].number);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (listener >= 0) setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, BACKLOG))
        stop(1, "cannot listen for", ports[port].path);
    ports[port].listener = listener;
    wanted.data.u32 = (unsigned)(MOST_CONNECTIONS + port);
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &wanted);
}

/* A number from 1 to the most, up to the end mark; 0 when it is none. */
static unsigned number_before(const char *text, char mark, unsigned long most) {
    unsigned long number = 0;
    int digits = 0;
    for (; *text >= '0' && *text <= '9' && digits < 9; text++, digits++) number = number * 10 + (unsigned)(*text - '0');
    return digits && *text == mark && number <= most ? (unsigned)number : 0;
}

static int number_in(const char *word) { return (int)number_before(word, '\0', 99999999); }

static void add_port(const char *word) {
    const char *equals = strchr(word, '=');
    unsigned number = equals ? number_before(word, '=', 65535) : 0;
    struct sockaddr_un address;
    if (!number || port_count == MOST_PORTS || !equals[1] || strlen(equals + 1) >= sizeof address.sun_path)
        stop(2, "not PORT=PATH:", word);
    ports[port_count].number = (unsigned short)number;
    ports[port_count++].path = equals + 1;
}

static void tell_ready(int ready) {
    if (ready < 0) return;
    if (write(ready, "ready\n", 6) != 6) stop(1, "cannot say", "ready");
    close(ready);
}

static void become(char **command) {
    execvp(command[0], command);
    stop(errno == ENOENT ? 127 : 126, "cannot run", command[0]);
}

/* Another user than the commands, so that none of them can look into the relay or end it; and none of what it does not need. */
static void become_nobody(int user_number) {
    struct { unsigned version; int process; } head = {CAPABILITY_VERSION, 0};
    struct { unsigned effective, permitted, inheritable; } none[2] = {{0, 0, 0}, {0, 0, 0}};
    unsigned user = (unsigned)user_number;
    if (user_number > 0 && (setgroups(0, NULL) || setresgid(user, user, user) || setresuid(user, user, user))) stop(1, "cannot change", "user");
    if (syscall(SYS_capset, &head, none)) stop(1, "cannot drop", "capabilities");
}

static int is_own(int descriptor) {
    for (int port = 0; port < port_count; port++)
        if (descriptor == ports[port].listener) return 1;
    return descriptor == poller;
}

/* All that it inherited but does not need: in as few calls as there are gaps, for each costs much on another kernel. */
static void close_others(int ready) {
    for (int from = 3, kept; from < MOST_INHERITED; from = kept + 1) {
        for (kept = from; kept < MOST_INHERITED && kept != ready && !is_own(kept); kept++) {}
        if (kept > from && syscall(SYS_close_range, (unsigned)from, (unsigned)(kept - 1), 0u))
            for (int descriptor = from; descriptor < kept; descriptor++) close(descriptor);
    }
}

/* The relaying child of a first process: an orphan, so that the command never hears of its end (SIGCHLD). */
static int is_relay(int ready, int user) {
    int is_first = getpid() == 1; /* who adopts every orphan anyway */
    pid_t child = fork();
    if (child < 0) stop(1, "cannot", "fork");
    if (child > 0 && is_first) return 0;
    if (child > 0) {
        while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {}
        return 0;
    }
    setsid();
    become_nobody(user);
    child = is_first ? 0 : fork();
    if (child != 0) _exit(child < 0);
    int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (nothing < 0) nothing = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    for (int standard = 0; standard < 3; standard++) dup2(nothing, standard); /* the command's, who may wait for their end */
    close_others(ready);
    return 1;
}

int main(int count, char **words) {
    int ready = -1, parent = -1, user = -1, word = 1;
    char **command = NULL;
    for (; word < count && !command; word++) {
        if (!strcmp(words[word], "--")) command = words + word + 1;
        else if (!strcmp(words[word], "--die-with") && word + 1 < count) parent = number_in(words[++word]);
        else if (!strcmp(words[word], "--user") && word + 1 < count) user = number_in(words[++word]);
        else if (!strcmp(words[word], "--ready-fd") && word + 1 < count) ready = number_in(words[++word]);
        else add_port(words[word]);
    }
    if (!ready || !parent || !user || (command && !*command) || (!command && !port_count)) stop(2, "usage:", "[--ready-fd N] PORT=PATH... [-- COMMAND...]");
    if (parent > 0 && (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) || getppid() != parent)) stop(1, "its parent", "has ended");
    if (!port_count) become(command);
    poller = epoll_create1(EPOLL_CLOEXEC);
    for (int port = 0; port < port_count; port++) listen_on(port);
    if (!command || is_relay(ready, user)) {
        prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
        tell_ready(ready);
        serve();
    }
    if (ready > 0) close(ready);
    become(command);
}
