/* Terminals whose controlling end cannot be given away, for the bottle's kernel is not the host's: their bytes go over a socket
 * that the keeper sent along. The keeper is on the other end; the program on the terminal may be hostile, and may stop reading. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "portal.h"

enum { UP_ROOM = 4096, DOWN_ROOM = 65536 };

struct terminal {
    int controlling, channel; /* -1 once closed */
    pid_t process;
    int is_dry;               /* nothing was left to read when it was last tried */
    size_t up_start, up_end, down_start, down_end;
    char up[UP_ROOM], down[DOWN_ROOM]; /* from the keeper, and to it */
};

struct terminal *open_terminal(int controlling, int channel, pid_t process) {
    struct terminal *made = calloc(1, sizeof *made);
    if (!made) return NULL;
    made->controlling = fcntl(controlling, F_DUPFD_CLOEXEC, 3);
    made->channel = fcntl(channel, F_DUPFD_CLOEXEC, 3);
    made->process = process;
    if (made->controlling < 0 || made->channel < 0 || fcntl(made->controlling, F_SETFL, O_RDWR | O_NONBLOCK)) {
        close_terminal(made);
        return NULL;
    }
    return made;
}

static void shut(int *descriptor) {
    if (*descriptor >= 0) close(*descriptor);
    *descriptor = -1;
}

void close_terminal(struct terminal *terminal) {
    if (!terminal) return;
    shut(&terminal->controlling);
    shut(&terminal->channel);
    free(terminal);
}

void resize_terminal(struct terminal *terminal, long long rows, long long cols) {
    struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)cols};
    if (!terminal || terminal->controlling < 0) return;
    ioctl(terminal->controlling, TIOCSWINSZ, &size);
    pid_t foreground = tcgetpgrp(terminal->controlling);
    kill(foreground > 1 ? -foreground : -terminal->process, SIGWINCH); /* gVisor changes the size and tells nobody */
}

/* As a line that is cut: the session learns of it (termio(7)). Sent by hand too, for not every kernel does. */
static void hang_up(struct terminal *terminal) {
    shut(&terminal->controlling);
    shut(&terminal->channel);
    kill(-terminal->process, SIGHUP);
    kill(-terminal->process, SIGCONT);
}

static int would_wait(void) { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

static int move_up(struct terminal *terminal) {
    ssize_t size;
    if (terminal->up_start == terminal->up_end) {
        size = recv(terminal->channel, terminal->up, UP_ROOM, MSG_DONTWAIT);
        if (size < 0 && would_wait()) return 0;
        if (size <= 0) return hang_up(terminal), 0;
        terminal->up_start = 0;
        terminal->up_end = (size_t)size;
    }
    if (terminal->controlling < 0) return terminal->up_start = terminal->up_end, 1; /* nobody is there to read it */
    size = write(terminal->controlling, terminal->up + terminal->up_start, terminal->up_end - terminal->up_start);
    if (size <= 0) return 0;
    terminal->up_start += (size_t)size;
    return 1;
}

static int move_down(struct terminal *terminal) {
    ssize_t size;
    if (terminal->down_start == terminal->down_end) {
        if (terminal->controlling < 0) return 0;
        size = read(terminal->controlling, terminal->down, DOWN_ROOM);
        terminal->is_dry = size <= 0;
        if (size < 0 && would_wait()) return 0;
        if (size <= 0) { /* EIO: the last process that had it open is gone (pty(7)) */
            shut(&terminal->controlling);
            shutdown(terminal->channel, SHUT_WR);
            return 0;
        }
        terminal->down_start = 0;
        terminal->down_end = (size_t)size;
    }
    size = send(terminal->channel, terminal->down + terminal->down_start, terminal->down_end - terminal->down_start,
                MSG_DONTWAIT | MSG_NOSIGNAL);
    if (size < 0 && !would_wait()) return hang_up(terminal), 0;
    if (size <= 0) return 0;
    terminal->down_start += (size_t)size;
    return 1;
}

void relay_terminal(struct terminal *terminal) {
    for (int round = 0; round < 64; round++) {
        int up = terminal->channel < 0 ? 0 : move_up(terminal);
        int down = terminal->channel < 0 ? 0 : move_down(terminal);
        if (!up && !down) return;
    }
}

int terminal_is_told(const struct terminal *terminal) {
    if (!terminal || terminal->channel < 0) return 1;
    return terminal->down_start == terminal->down_end && (terminal->is_dry || terminal->controlling < 0);
}

int terminal_is_over(const struct terminal *terminal) { return !terminal || terminal->channel < 0; }

void terminal_waits_for(const struct terminal *terminal, struct pollfd *both) {
    int takes = terminal->up_start == terminal->up_end, gives = terminal->down_start == terminal->down_end;
    int controlling = (gives ? POLLIN : 0) | (takes ? 0 : POLLOUT), channel = (takes ? POLLIN : 0) | (gives ? 0 : POLLOUT);
    both[0] = (struct pollfd){.fd = controlling ? terminal->controlling : -1, .events = (short)controlling};
    both[1] = (struct pollfd){.fd = channel ? terminal->channel : -1, .events = (short)channel};
}
