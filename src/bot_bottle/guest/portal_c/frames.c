/* Frames as in guest/frames.py; see portal.h. The keeper is on the other end, before and after the agent starts. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "portal.h"

static int read_exactly(int channel, char *into, size_t count) {
    while (count) {
        ssize_t got = recv(channel, into, count, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return 0;
        into += got;
        count -= (size_t)got;
    }
    return 1;
}

#pragma GCC diagnostic ignored "-Wsign-compare" /* in musl's CMSG_NXTHDR */
static int receive_head(int channel, unsigned char *head, struct frame *into) {
    union {
        char bytes[CMSG_SPACE(DESCRIPTOR_LIMIT * sizeof(int))];
        struct cmsghdr aligned;
    } control;
    struct iovec part = {head, 4};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    ssize_t got;
    do got = recvmsg(channel, &message, MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    if (got <= 0) return 0;
    for (struct cmsghdr *one = CMSG_FIRSTHDR(&message); one; one = CMSG_NXTHDR(&message, one)) {
        if (one->cmsg_level != SOL_SOCKET || one->cmsg_type != SCM_RIGHTS) continue;
        size_t bytes = one->cmsg_len - CMSG_LEN(0);
        into->count = (int)(bytes / sizeof(int));
        memcpy(into->descriptors, CMSG_DATA(one), (size_t)into->count * sizeof(int));
    }
    return !(message.msg_flags & MSG_CTRUNC) && read_exactly(channel, (char *)head + got, 4 - (size_t)got);
}

int receive_frame(int channel, struct frame *into) {
    unsigned char head[4];
    memset(into, 0, sizeof *into);
    if (receive_head(channel, head, into)) {
        uint32_t length = (uint32_t)head[0] << 24 | (uint32_t)head[1] << 16 | (uint32_t)head[2] << 8 | head[3];
        if (length <= FRAME_LIMIT && (into->bytes = malloc(length + 1)) && read_exactly(channel, into->bytes, length) &&
            (into->message = json_read(into->bytes, length)) && into->message->kind == OBJECT)
            return 1;
    }
    drop_frame(into);
    return 0;
}

void drop_frame(struct frame *frame) {
    for (int index = 0; index < frame->count; index++) close(frame->descriptors[index]);
    json_free(frame->message);
    free(frame->bytes);
    memset(frame, 0, sizeof *frame);
}

int send_frame(int channel, const char *text, size_t length, const int *descriptors, int count) {
    unsigned char head[4] = {(unsigned char)(length >> 24), (unsigned char)(length >> 16), (unsigned char)(length >> 8),
                             (unsigned char)length};
    union {
        char bytes[CMSG_SPACE(DESCRIPTOR_LIMIT * sizeof(int))];
        struct cmsghdr aligned;
    } control;
    struct iovec part = {head, 4};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (count) {
        memset(&control, 0, sizeof control);
        message.msg_control = &control;
        message.msg_controllen = (socklen_t)CMSG_SPACE((size_t)count * sizeof(int));
        struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = (socklen_t)CMSG_LEN((size_t)count * sizeof(int));
        memcpy(CMSG_DATA(rights), descriptors, (size_t)count * sizeof(int));
    }
    return sendmsg(channel, &message, MSG_NOSIGNAL) == 4 && write_all(channel, text, length);
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
