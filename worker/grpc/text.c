// SPDX-License-Identifier: MIT
#include "worker/grpc/text.h"

#include <stdio.h>
#include <string.h>

#include "common/base/hex.h"

size_t grpc_timeout_text(uint64_t ns, char text[GRPC_TIMEOUT_ROOM])
{
    static const struct {
        uint64_t ns;
        char unit;
    } units[] = {{1000, 'u'},
                 {1000000, 'm'},
                 {1000000000, 'S'},
                 {UINT64_C(60000000000), 'M'},
                 {UINT64_C(3600000000000), 'H'}};
    enum { UNITS = sizeof units / sizeof *units, MOST = 99999999 };
    size_t i = ns % 1000000 ? 0 : 1; /* "2000m" is what people read in a log */
    uint64_t count = 0;
    for (; i < UNITS; i++) {
        count = ns / units[i].ns + (ns % units[i].ns > 0);
        if (count <= MOST)
            break;
    }
    if (i == UNITS)
        count = MOST, i--;
    return (size_t)snprintf(text, GRPC_TIMEOUT_ROOM, "%u%c", (unsigned)count, units[i].unit);
}

void grpc_add_unescaped(struct sbuf *out, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        const int byte = hex_escaped(text + i, len - i);
        sbuf_addc(out, byte < 0 ? text[i] : (char)byte);
        i += byte < 0 ? 0 : 2;
    }
}

void grpc_add_base64(struct sbuf *out, const void *bytes, size_t len)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const uint8_t *in = bytes;
    uint32_t bits = 0;
    int count = 0;
    for (size_t i = 0; i < len; i++) {
        bits = bits << 8 | in[i];
        for (count += 8; count >= 6; count -= 6)
            sbuf_addc(out, digits[bits >> (count - 6) & 63]);
    }
    if (count)
        sbuf_addc(out, digits[bits << (6 - count) & 63]);
}

static int digit_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool grpc_add_from_base64(struct sbuf *out, const char *text, size_t len)
{
    const size_t before = out->len;
    uint32_t bits = 0;
    int count = 0;
    while (len && text[len - 1] == '=')
        len--;
    bool is_good = len % 4 != 1;
    for (size_t i = 0; i < len && is_good; i++) {
        const int digit = digit_of(text[i]);
        is_good = digit >= 0;
        bits = bits << 6 | ((uint32_t)digit & 63);
        count += 6;
        if (count < 8)
            continue;
        count -= 8;
        sbuf_addc(out, (char)(bits >> count));
    }
    if (!is_good)
        out->len = before;
    return is_good;
}

bool grpc_is_key(const char *key, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        const char c = key[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.'))
            return false;
    }
    return len > 0;
}

bool grpc_is_binary(const char *key, size_t len)
{
    return len > 4 && !memcmp(key + len - 4, "-bin", 4);
}

bool grpc_is_value(const char *value, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (value[i] < ' ' || value[i] > '~')
            return false;
    return true;
}

bool grpc_is_reserved(const char *name, size_t len)
{
    static const char *const names[] = {"grpc-status",   "grpc-message",         "grpc-encoding",
                                        "content-type",  "grpc-accept-encoding", "accept-encoding",
                                        "content-length"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strlen(names[i]) == len && !memcmp(names[i], name, len))
            return true;
    return false;
}
