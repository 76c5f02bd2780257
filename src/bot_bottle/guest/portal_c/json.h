/* JSON as the keeper writes it (RFC 8259): a strict reader into a tree, and the writer of one flat answer.
 *
 * Texts are bytes with a length: `\u0000` is allowed, and `\udc80` to `\udcff` stand for the bytes 0x80 to 0xff that are no UTF-8
 * (Python's surrogateescape, PEP 383). Depth and size are bounded; whatever is not exactly one value is refused. */
#pragma once
#include <stddef.h>
#include <stdint.h>

enum kind { NOTHING, BOOLEAN, NUMBER, TEXT, LIST, OBJECT };

struct value {
    enum kind kind;
    long long number;    /* NUMBER and BOOLEAN */
    char *text;          /* TEXT: ends with a NUL that `length` does not count */
    size_t length;       /* TEXT: bytes; LIST: items; OBJECT: pairs */
    struct value *items; /* LIST: items; OBJECT: name, value, name, value … */
};

/* The value in these bytes, which the reader overwrites and which must outlive it; NULL when it is not exactly one. */
struct value *json_read(char *bytes, size_t length);
void json_free(struct value *tree);

/* A member of an object, or NULL; then its text, number or items with what to take when it is missing or of another kind. */
const struct value *json_member(const struct value *object, const char *name);
const char *json_text(const struct value *object, const char *name);
long long json_number(const struct value *object, const char *name, long long missing);

/* A growing text. `failed` says that memory ran out; what was added since is lost. */
struct out {
    char *text;
    size_t length, space;
    int failed;
};
void out_bytes(struct out *out, const char *bytes, size_t length);
void out_plain(struct out *out, const char *text);
void out_quoted(struct out *out, const char *bytes, size_t length);
