#include "json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEEPEST = 16 };

struct reader {
    char *at, *end;
};

static int read_value(struct reader *in, struct value *into, int depth);

static void skip_space(struct reader *in) {
    while (in->at < in->end && strchr(" \t\n\r", *in->at) && *in->at) in->at++;
}

static int take(struct reader *in, const char *word) {
    size_t length = strlen(word);
    if ((size_t)(in->end - in->at) < length || memcmp(in->at, word, length)) return 0;
    in->at += length;
    return 1;
}

static int hex4(struct reader *in, unsigned *code) {
    if (in->end - in->at < 4) return 0;
    *code = 0;
    for (int digit = 0; digit < 4; digit++) {
        char letter = *in->at++;
        unsigned part = letter >= '0' && letter <= '9'   ? (unsigned)(letter - '0')
                        : letter >= 'a' && letter <= 'f' ? (unsigned)(letter - 'a' + 10)
                        : letter >= 'A' && letter <= 'F' ? (unsigned)(letter - 'A' + 10)
                                                         : 16;
        if (part == 16) return 0;
        *code = *code * 16 + part;
    }
    return 1;
}

/* UTF-8 (RFC 3629) of a code point; a byte for what PEP 383 escaped. Never longer than the escape that it replaces. */
static char *put_code(char *to, unsigned code) {
    if (code >= 0xdc80 && code <= 0xdcff) {
        *to++ = (char)(code - 0xdc00);
    } else if (code < 0x80) {
        *to++ = (char)code;
    } else if (code < 0x800) {
        *to++ = (char)(0xc0 | code >> 6);
        *to++ = (char)(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
        *to++ = (char)(0xe0 | code >> 12);
        *to++ = (char)(0x80 | (code >> 6 & 0x3f));
        *to++ = (char)(0x80 | (code & 0x3f));
    } else {
        *to++ = (char)(0xf0 | code >> 18);
        *to++ = (char)(0x80 | (code >> 12 & 0x3f));
        *to++ = (char)(0x80 | (code >> 6 & 0x3f));
        *to++ = (char)(0x80 | (code & 0x3f));
    }
    return to;
}

static int read_escape(struct reader *in, char **to) {
    static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    if (in->at == in->end) return 0;
    char letter = *in->at++;
    if (letter != 'u') {
        const char *found = letter ? strchr(letters, letter) : NULL;
        if (!found) return 0;
        *(*to)++ = meanings[found - letters];
        return 1;
    }
    unsigned code, low;
    if (!hex4(in, &code)) return 0;
    if (code >= 0xd800 && code <= 0xdbff) {
        if (!take(in, "\\u") || !hex4(in, &low) || low < 0xdc00 || low > 0xdfff) return 0;
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    } else if (code >= 0xdc00 && code <= 0xdfff && (code < 0xdc80 || code > 0xdcff)) {
        return 0;
    }
    *to = put_code(*to, code);
    return 1;
}

/* Decoded in place: no escape is shorter than what it stands for, and the closing quote makes room for the NUL. */
static int read_text(struct reader *in, struct value *into) {
    if (!take(in, "\"")) return 0;
    char *to = into->text = in->at;
    while (in->at < in->end && *in->at != '"') {
        if ((unsigned char)*in->at < 0x20) return 0;
        if (*in->at != '\\') {
            *to++ = *in->at++;
        } else {
            in->at++;
            if (!read_escape(in, &to)) return 0;
        }
    }
    if (in->at++ >= in->end) return 0;
    into->kind = TEXT;
    into->length = (size_t)(to - into->text);
    *to = 0;
    return 1;
}

static int read_number(struct reader *in, struct value *into) {
    int negative = take(in, "-"), digits = 0;
    long long number = 0;
    for (; in->at < in->end && *in->at >= '0' && *in->at <= '9'; in->at++, digits++) {
        if (digits == 18) return 0;
        number = number * 10 + (*in->at - '0');
    }
    into->kind = NUMBER;
    into->number = negative ? -number : number;
    return digits > 0;
}

/* Items until the closing mark; an object's name and value are two items. */
static int read_items(struct reader *in, struct value *into, int depth, char closing) {
    size_t each = closing == '}' ? 2 : 1, space = 0, used = 0;
    into->kind = closing == '}' ? OBJECT : LIST;
    skip_space(in);
    if (in->at < in->end && *in->at == closing) return in->at++, 1;
    for (;;) {
        if (used + each > space) {
            space = space ? space * 2 : 8;
            struct value *grown = realloc(into->items, space * sizeof *grown);
            if (!grown) return 0;
            into->items = grown;
        }
        memset(into->items + used, 0, each * sizeof *into->items);
        into->length = (used += each) / each;
        struct value *item = into->items + used - each;
        skip_space(in);
        if (each == 2) {
            if (!read_text(in, item++)) return 0;
            skip_space(in);
            if (!take(in, ":")) return 0;
        }
        if (!read_value(in, item, depth + 1)) return 0;
        skip_space(in);
        if (in->at == in->end) return 0;
        if (*in->at == closing) return in->at++, 1;
        if (*in->at++ != ',') return 0;
    }
}

static int read_value(struct reader *in, struct value *into, int depth) {
    if (depth > DEEPEST) return 0;
    skip_space(in);
    if (in->at == in->end) return 0;
    if (*in->at == '"') return read_text(in, into);
    if (take(in, "{")) return read_items(in, into, depth, '}');
    if (take(in, "[")) return read_items(in, into, depth, ']');
    if (take(in, "null")) return 1;
    if (take(in, "true")) return into->kind = BOOLEAN, into->number = 1, 1;
    if (take(in, "false")) return into->kind = BOOLEAN, 1;
    return read_number(in, into);
}

static void free_items(struct value *value) {
    size_t count = value->kind == OBJECT ? value->length * 2 : value->kind == LIST ? value->length : 0;
    for (size_t index = 0; index < count; index++) free_items(value->items + index);
    free(value->items);
}

void json_free(struct value *tree) {
    if (tree) free_items(tree);
    free(tree);
}

struct value *json_read(char *bytes, size_t length) {
    struct reader in = {bytes, bytes + length};
    struct value *tree = calloc(1, sizeof *tree);
    if (!tree) return NULL;
    if (read_value(&in, tree, 0)) {
        skip_space(&in);
        if (in.at == in.end) return tree;
    }
    json_free(tree);
    return NULL;
}

const struct value *json_member(const struct value *object, const char *name) {
    if (!object || object->kind != OBJECT) return NULL;
    for (size_t pair = 0; pair < object->length; pair++) {
        const struct value *key = object->items + 2 * pair;
        if (key->length == strlen(name) && !memcmp(key->text, name, key->length)) return key + 1;
    }
    return NULL;
}

const char *json_text(const struct value *object, const char *name) {
    const struct value *found = json_member(object, name);
    return found && found->kind == TEXT ? found->text : "";
}

long long json_number(const struct value *object, const char *name, long long missing) {
    const struct value *found = json_member(object, name);
    return found && found->kind == NUMBER ? found->number : missing;
}

void out_bytes(struct out *out, const char *bytes, size_t length) {
    if (out->failed) return;
    if (length > out->space - out->length) {
        size_t space = 2 * (out->space + length) + 256;
        char *grown = realloc(out->text, space);
        if (!grown) {
            out->failed = 1;
            return;
        }
        out->text = grown;
        out->space = space;
    }
    memcpy(out->text + out->length, bytes, length);
    out->length += length;
}

void out_plain(struct out *out, const char *text) { out_bytes(out, text, strlen(text)); }

/* The length of the UTF-8 character (RFC 3629, 4) that begins here, 0 when there is none. */
static size_t character(const unsigned char *at, size_t left) {
    unsigned code = *at;
    size_t length = code < 0x80 ? 1 : code >= 0xc2 && code < 0xe0 ? 2 : code >= 0xe0 && code < 0xf0 ? 3 : code >= 0xf0 && code < 0xf5 ? 4 : 0;
    if (!length || length > left) return 0;
    for (size_t index = 1; index < length; index++)
        if ((at[index] & 0xc0) != 0x80) return 0;
    if ((code == 0xe0 && at[1] < 0xa0) || (code == 0xed && at[1] > 0x9f)) return 0; /* overlong; a surrogate */
    if ((code == 0xf0 && at[1] < 0x90) || (code == 0xf4 && at[1] > 0x8f)) return 0; /* overlong; beyond U+10FFFF */
    return length;
}

/* Whatever is no UTF-8 as the escape that `put_code` undoes, so that nothing from inside can break the text. */
void out_quoted(struct out *out, const char *bytes, size_t length) {
    const unsigned char *at = (const unsigned char *)bytes;
    char escape[8];
    out_plain(out, "\"");
    for (size_t step; length; at += step, length -= step) {
        size_t found = character(at, length);
        step = found ? found : 1;
        if (found && *at >= 0x20 && *at != '"' && *at != '\\' && *at != 0x7f) {
            out_bytes(out, (const char *)at, found);
        } else {
            snprintf(escape, sizeof escape, "\\u%04x", *at < 0x80 ? *at : 0xdc00u + *at);
            out_plain(out, escape);
        }
    }
    out_plain(out, "\"");
}
