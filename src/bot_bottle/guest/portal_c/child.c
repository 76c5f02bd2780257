/* A command of the keeper: session, streams, signals, folder, program. Ends with a shell's code when it cannot (POSIX 2.8.2). */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "portal.h"

enum { CANNOT_EXECUTE = 126, NOT_FOUND = 127, PATH_ROOM = 4096 };

/* What a shell would say, where it would. */
static void complain(const char *name, const char *what) {
    char text[PATH_ROOM];
    int length = snprintf(text, sizeof text, "bot-bottle: %s%s\n", name, what);
    if (length > 0) write_all(2, text, (size_t)length < sizeof text ? (size_t)length : sizeof text - 1);
}

static int take_streams(const int *streams, int count) {
    if (setsid() < 0) return -1;
    if (count == 1 && ioctl(streams[0], TIOCSCTTY, 0)) return -1;
    int spares[3];
    for (int target = 0; target < 3; target++)
        if ((spares[target] = fcntl(streams[count == 1 ? 0 : target], F_DUPFD_CLOEXEC, 3)) < 0) return -1;
    for (int target = 0; target < 3; target++)
        if (dup2(spares[target], target) < 0) return -1;
    return (int)syscall(SYS_close_range, 3u, ~0u, 0u) && errno != ENOSYS ? -1 : 0;
}

static void reset_signals(void) {
    struct sigaction usual = {.sa_handler = SIG_DFL};
    sigset_t none;
    for (int number = 1; number < 32; number++) sigaction(number, &usual, NULL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* A list of texts as execve(2) wants it; pairs become NAME=VALUE. NULL when something is no text, or holds a NUL. */
static char **words(const struct value *list) {
    if (!list || list->kind != LIST) return NULL;
    char **made = calloc(list->length + 1, sizeof *made);
    for (size_t index = 0; made && index < list->length; index++) {
        const struct value *item = list->items + index;
        if (item->kind == TEXT && strlen(item->text) == item->length) {
            made[index] = item->text;
        } else if (item->kind == LIST && item->length == 2 && item->items[0].kind == TEXT && item->items[1].kind == TEXT) {
            const struct value *name = item->items, *text = item->items + 1;
            if (strlen(name->text) != name->length || strlen(text->text) != text->length) return NULL;
            if (asprintf(&made[index], "%s=%s", name->text, text->text) < 0) return NULL;
        } else {
            return NULL;
        }
    }
    return made;
}

static const char *search_path(char **env) {
    for (; *env; env++)
        if (!strncmp(*env, "PATH=", 5)) return *env + 5;
    return "/usr/local/bin:/usr/bin:/bin";
}

/* As a shell looks for programs: PATH unless there is a slash; what was found but not runnable counts more than nothing. */
static int execute(char **argv, char **env) {
    char place[PATH_ROOM];
    int refused = 0;
    if (strchr(argv[0], '/')) {
        execve(argv[0], argv, env);
        return errno;
    }
    for (const char *folder = search_path(env);; folder++) {
        size_t length = strcspn(folder, ":");
        int fits = snprintf(place, sizeof place, "%.*s/%s", length ? (int)length : 1, length ? folder : ".", argv[0]);
        if (fits > 0 && (size_t)fits < sizeof place) {
            execve(place, argv, env);
            if (errno != ENOENT && errno != ENOTDIR && !refused) refused = errno;
        }
        folder += length;
        if (!*folder) return refused ? refused : ENOENT;
    }
}

void become(const struct value *message, const int *streams, int count) {
    const char *folder = json_text(message, "cwd");
    char **argv = words(json_member(message, "argv")), **env = words(json_member(message, "env"));
    if (take_streams(streams, count)) _exit(CANNOT_EXECUTE);
    if (become_user()) {
        complain("the agent's user: ", strerror(errno));
        _exit(CANNOT_EXECUTE);
    }
    if (!argv || !argv[0] || !env) {
        complain("the command", ": it holds a NUL, or is no command");
        _exit(CANNOT_EXECUTE);
    }
    int why = chdir(folder) ? errno : 0;
    if (why == ENOENT) {
        char reason[PATH_ROOM];
        snprintf(reason, sizeof reason, "%s in this bottle", folder);
        complain("there is no folder ", reason);
        _exit(CANNOT_EXECUTE);
    }
    reset_signals();
    if (!why) why = execute(argv, env);
    char reason[128];
    snprintf(reason, sizeof reason, ": %s", why == ENOENT ? "not found in this bottle" : strerror(why));
    complain(argv[0], reason);
    _exit(why == ENOENT ? NOT_FOUND : CANNOT_EXECUTE);
}
