/* The containment probe: tries from inside what must not work, and says what happened. The host judges, not this.
 *
 * The same questions and answers as guest/probe.py. Every attempt ends at once: a sealed network answers "unreachable", and a
 * time-out would be no proof. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "portal.h"

enum { TIMEOUT_S = 2, GATE_TIMEOUT_S = 10, DETAIL = 256, CLOSED = -1, REACHED = 1, WELL_CLOSED = 0 };

/* Each try gives REACHED or WELL_CLOSED with its own words in `detail`, or CLOSED with errno. */
typedef int try_it(const struct value *question, char *detail);

static const struct {
    int number;
    const char *name;
} errors[] = {
#define NAMED(name) {name, #name}
    NAMED(EPERM),        NAMED(ENOENT),         NAMED(EIO),           NAMED(ENXIO),          NAMED(EACCES),
    NAMED(EBUSY),        NAMED(EEXIST),         NAMED(ENODEV),        NAMED(ENOTDIR),        NAMED(EISDIR),
    NAMED(EINVAL),       NAMED(EMFILE),         NAMED(ETXTBSY),       NAMED(ENOSPC),         NAMED(EROFS),
    NAMED(ELOOP),        NAMED(ENAMETOOLONG),   NAMED(ENOSYS),        NAMED(EPROTONOSUPPORT), NAMED(ESOCKTNOSUPPORT),
    NAMED(EOPNOTSUPP),   NAMED(EAFNOSUPPORT),   NAMED(EADDRNOTAVAIL), NAMED(ENETDOWN),       NAMED(ENETUNREACH),
    NAMED(ECONNABORTED), NAMED(ECONNRESET),     NAMED(ETIMEDOUT),     NAMED(ECONNREFUSED),   NAMED(EHOSTDOWN),
    NAMED(EHOSTUNREACH), NAMED(EPROTOTYPE),     NAMED(ENOTCONN),
#undef NAMED
};

static const char *error_name(int number) {
    for (size_t index = 0; index < sizeof errors / sizeof *errors; index++)
        if (errors[index].number == number) return errors[index].name;
    return "another";
}

static int said(char *detail, int outcome, const char *words) {
    snprintf(detail, DETAIL, "%s", words);
    return outcome;
}

static int patient_socket(int family, int kind, int seconds) {
    struct timeval most = {.tv_sec = seconds}; /* of a connect as well (socket(7)) */
    int channel = socket(family, kind | SOCK_CLOEXEC, 0);
    if (channel >= 0) {
        setsockopt(channel, SOL_SOCKET, SO_SNDTIMEO, &most, sizeof most);
        setsockopt(channel, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof most);
    }
    return channel;
}

/* Close what was opened and keep the reason why it did not work. */
static int done(int channel, int failed, char *detail, const char *words) {
    int why = errno;
    if (channel >= 0) close(channel);
    errno = why;
    return channel < 0 || failed ? CLOSED : said(detail, REACHED, words);
}

struct address {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } at;
    socklen_t length;
};

static int address_of(const struct value *question, struct address *into) {
    const char *host = json_text(question, "host");
    uint16_t port = htons((uint16_t)json_number(question, "port", 0));
    memset(into, 0, sizeof *into);
    if (strchr(host, ':')) {
        into->at.v6.sin6_family = AF_INET6;
        into->at.v6.sin6_port = port;
        into->length = sizeof into->at.v6;
        char plain[INET6_ADDRSTRLEN + IF_NAMESIZE];
        snprintf(plain, sizeof plain, "%s", host);
        char *zone = strchr(plain, '%');
        if (zone) *zone++ = 0;
        into->at.v6.sin6_scope_id = zone ? if_nametoindex(zone) : 0;
        return inet_pton(AF_INET6, plain, &into->at.v6.sin6_addr) == 1 ? 0 : (errno = EINVAL, -1);
    }
    into->at.v4.sin_family = AF_INET;
    into->at.v4.sin_port = port;
    into->length = sizeof into->at.v4;
    return inet_pton(AF_INET, host, &into->at.v4.sin_addr) == 1 ? 0 : (errno = EINVAL, -1);
}

static int try_tcp(const struct value *question, char *detail) {
    struct address to;
    if (address_of(question, &to)) return CLOSED;
    int channel = patient_socket(to.at.any.sa_family, SOCK_STREAM, TIMEOUT_S);
    return done(channel, channel >= 0 && connect(channel, &to.at.any, to.length), detail, "connected");
}

static size_t from_hex(const char *text, char *into, size_t room) {
    size_t count = 0;
    for (unsigned byte; count < room && sscanf(text + 2 * count, "%2x", &byte) == 1; count++) into[count] = (char)byte;
    return count;
}

/* A datagram that leaves, and with `reply` its answer: on the loopback, only that or the refusal says whether anybody is there. */
static int try_udp(const struct value *question, char *detail) {
    struct address to;
    char sent[512] = {0};
    const char *hex = json_text(question, "hex");
    size_t length = *hex ? from_hex(hex, sent, sizeof sent) : 1;
    int yes = 1;
    if (address_of(question, &to)) return CLOSED;
    int channel = patient_socket(to.at.any.sa_family, SOCK_DGRAM, TIMEOUT_S);
    int failed = channel < 0 ||
                 (json_member(question, "broadcast") && setsockopt(channel, SOL_SOCKET, SO_BROADCAST, &yes, sizeof yes)) ||
                 connect(channel, &to.at.any, to.length) || send(channel, sent, length, 0) < 0 ||
                 (json_member(question, "reply") && recv(channel, sent, 1, 0) < 0);
    return done(channel, failed, detail, "sent");
}

static int try_socket(const struct value *question, char *detail) {
    int family = (int)json_number(question, "family", 0), kind = (int)json_number(question, "type", 0);
    return done(socket(family, kind, (int)json_number(question, "protocol", 0)), 0, detail, "made");
}

/* By path, or an abstract one by its name after a NUL. */
static int try_unix(const struct value *question, char *detail) {
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    const struct value *address = json_member(question, "address");
    if (!address || address->kind != TEXT || address->length >= sizeof to.sun_path) return errno = ENAMETOOLONG, CLOSED;
    memcpy(to.sun_path, address->text, address->length);
    socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + address->length + (*address->text ? 1 : 0));
    int channel = patient_socket(AF_UNIX, SOCK_STREAM, TIMEOUT_S);
    return done(channel, channel >= 0 && connect(channel, (struct sockaddr *)&to, length), detail, "connected");
}

static int try_exists(const struct value *question, char *detail) {
    struct stat found;
    return lstat(json_text(question, "path"), &found) ? CLOSED : said(detail, REACHED, "there");
}

static int try_read(const struct value *question, char *detail) {
    return done(open(json_text(question, "path"), O_RDONLY | O_NONBLOCK | O_CLOEXEC), 0, detail, "opened for reading");
}

static int try_write(const struct value *question, char *detail) {
    return done(open(json_text(question, "path"), O_WRONLY | O_NONBLOCK | O_CLOEXEC), 0, detail, "opened for writing");
}

static int try_create(const struct value *question, char *detail) {
    char path[4096];
    snprintf(path, sizeof path, "%s/.bot-bottle-probe", json_text(question, "path"));
    int made = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (made >= 0) unlink(path);
    return done(made, 0, detail, "a file could be made");
}

static int try_interfaces(const struct value *question, char *detail) {
    (void)question;
    struct if_nameindex *found = if_nameindex();
    if (!found) return CLOSED;
    int outcome = said(detail, WELL_CLOSED, "only lo");
    for (struct if_nameindex *one = found; one->if_index; one++)
        if (strcmp(one->if_name, "lo")) outcome = said(detail, REACHED, one->if_name);
    if_freenameindex(found);
    return outcome;
}

/* Processes that are not of this bottle: more than its first and this one. */
static int try_processes(const struct value *question, char *detail) {
    DIR *folder = opendir("/proc");
    int count = 0;
    if (!folder) return CLOSED;
    for (struct dirent *one; (one = readdir(folder));) count += one->d_name[strspn(one->d_name, "0123456789")] == 0;
    closedir(folder);
    snprintf(detail, DETAIL, "%d processes", count);
    return count > json_number(question, "most", 0) ? REACHED : WELL_CLOSED;
}

/* Whether this is still the host's namespace: each has a number of its own (namespaces(7)). */
static int try_namespace(const struct value *question, char *detail) {
    char path[64];
    snprintf(path, sizeof path, "/proc/self/ns/%s", json_text(question, "of"));
    ssize_t length = readlink(path, detail, DETAIL - 1);
    if (length < 0) return CLOSED;
    detail[length] = 0;
    return strcmp(detail, json_text(question, "host")) ? WELL_CLOSED : REACHED;
}

/* A gate that must answer: reached is good here. */
static int try_answers(const struct value *question, char *detail) {
    const char *send_it = json_text(question, "send"), *expected = json_text(question, "expect");
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)json_number(question, "port", 0)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    char got[DETAIL] = {0};
    int channel = patient_socket(AF_INET, SOCK_STREAM, GATE_TIMEOUT_S);
    int failed = channel < 0 || connect(channel, (struct sockaddr *)&to, sizeof to) ||
                 send(channel, send_it, strlen(send_it), MSG_NOSIGNAL) < 0 || recv(channel, got, 80, 0) < 0;
    int outcome = done(channel, failed, detail, got);
    return outcome == REACHED && strncmp(got, expected, strlen(expected)) ? WELL_CLOSED : outcome;
}

static const struct {
    const char *name;
    try_it *attempt;
} tries[] = {
    {"tcp", try_tcp},       {"udp", try_udp},       {"socket", try_socket},         {"unix", try_unix},
    {"exists", try_exists}, {"read", try_read},     {"write", try_write},           {"create", try_create},
    {"answers", try_answers}, {"interfaces", try_interfaces}, {"processes", try_processes}, {"namespace", try_namespace},
};

static void answer_one(const struct value *question, struct out *text) {
    static const char *const names[] = {"unreachable", "unreachable", "reached"};
    const struct value *id = json_member(question, "id");
    char detail[DETAIL] = "";
    const char *outcome = "error", *code = "", *kind = json_text(question, "try");
    for (size_t index = 0; index < sizeof tries / sizeof *tries; index++) {
        if (strcmp(tries[index].name, kind)) continue;
        int result = tries[index].attempt(question, detail);
        outcome = names[result + 1];
        if (errno == EAGAIN || errno == EINPROGRESS) errno = ETIMEDOUT; /* how SO_RCVTIMEO and SO_SNDTIMEO say it */
        if (result == CLOSED) {
            code = error_name(errno);
            said(detail, CLOSED, strerror(errno));
        }
    }
    out_plain(text, "{\"id\":");
    out_quoted(text, id && id->kind == TEXT ? id->text : "", id && id->kind == TEXT ? id->length : 0);
    const char *fields[][2] = {{",\"outcome\":", outcome}, {",\"errno\":", code}, {",\"detail\":", detail}};
    for (size_t index = 0; index < 3; index++) {
        out_plain(text, fields[index][0]);
        out_quoted(text, fields[index][1], strlen(fields[index][1]));
    }
    out_plain(text, "}");
}

void answer(const struct value *questions, int channel) {
    struct out text = {0};
    out_plain(&text, "[");
    for (size_t index = 0; questions && questions->kind == LIST && index < questions->length; index++) {
        if (index) out_plain(&text, ",");
        answer_one(questions->items + index, &text);
    }
    out_plain(&text, "]");
    if (!text.failed) write_all(channel, text.text, text.length);
}
