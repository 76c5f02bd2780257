/* What the parts of the portal share. */
#pragma once
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
