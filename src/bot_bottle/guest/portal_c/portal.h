/* What the parts of the portal share. */
#pragma once
#include <sys/types.h>

#include "json.h"

/* From frames.c. A frame is a 4-byte big-endian length and that many bytes of JSON, descriptors ride with its first byte. */
enum { FRAME_LIMIT = 16 * 1024 * 1024, DESCRIPTOR_LIMIT = 8 };
struct frame {
    struct value *message;
    char *bytes;
    int descriptors[DESCRIPTOR_LIMIT];
    int count;
};
int receive_frame(int channel, struct frame *into); /* 1, or 0 when the other end is gone or sent no frame */
void drop_frame(struct frame *frame);               /* closes its descriptors */
int send_frame(int channel, const char *text, size_t length, const int *descriptors, int count);
int write_all(int channel, const char *text, size_t length);

/* From seal.c. All give 0, or -1 with errno. */
int seal(const struct value *settings);

/* From child.c: becomes the command, with these streams (three, or one terminal). Never returns. */
void become(const struct value *message, const int *streams, int count) __attribute__((noreturn));

/* From probe.c: the answers to the keeper's questions, as JSON on the channel. */
void answer(const struct value *questions, int channel);

/* From user.c, with 0, or -1 and errno. The number that commands go by, where they are another user than the portal, who then leaves
 * user 0 to them; and a child's step to being that user, without capabilities. */
int leave_user(long long number);
int become_user(void);
int give_to_user(int terminal); /* so that it can be opened by its name */

/* From terminals.c: a terminal whose bytes go over the keeper's channel. The portal's own descriptors stay the caller's. */
struct terminal;
struct pollfd;
struct terminal *open_terminal(int controlling, int channel, pid_t process); /* NULL when there is no room */
void relay_terminal(struct terminal *terminal);                              /* moves what can be moved now */
void resize_terminal(struct terminal *terminal, long long rows, long long cols);
int terminal_is_told(const struct terminal *terminal); /* all that was printed is with the keeper, or nobody hears it */
int terminal_is_over(const struct terminal *terminal); /* the keeper has let go of it */
void terminal_waits_for(const struct terminal *terminal, struct pollfd *both); /* what to poll for, on two descriptors */
void close_terminal(struct terminal *terminal);
