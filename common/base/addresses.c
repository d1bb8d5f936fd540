// SPDX-License-Identifier: MIT
#include "common/base/addresses.h"

#include "common/base/mem.h"
#include "common/base/sbuf.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BYTES 16 /* of an address; those of IPv4 are the last ones of it */
#define WORD_MAX 96
#define SEPARATORS ", \t"

struct range {
    int family;
    unsigned char first[BYTES];
    uint64_t count;
};

struct addresses {
    struct range *ranges;
    size_t count;
    uint64_t totals[2]; /* of IPv4, of IPv6 */
};

static unsigned bits_of(int family)
{
    return family == AF_INET ? 32 : 128;
}

static size_t place_of(int family)
{
    return family == AF_INET ? BYTES - 4 : 0;
}

static uint64_t *total_of(struct addresses *a, int family)
{
    return &a->totals[family == AF_INET6];
}

static bool read_one(const char *text, struct range *r)
{
    r->family = strchr(text, ':') ? AF_INET6 : AF_INET;
    memset(r->first, 0, BYTES);
    r->count = 1;
    return inet_pton(r->family, text, r->first + place_of(r->family)) == 1;
}

/* *to += n */
static void advance(unsigned char to[BYTES], uint64_t n)
{
    unsigned carry = 0;
    for (int i = BYTES - 1; i >= 0; i--) {
        const unsigned sum = to[i] + (unsigned)(n & 255) + carry;
        to[i] = (unsigned char)sum;
        carry = sum >> 8;
        n >>= 8;
    }
}

/* to - from; at most UINT64_MAX. Negative: false. */
static bool distance(const unsigned char from[BYTES], const unsigned char to[BYTES], uint64_t *n)
{
    bool is_far = false;
    int borrow = 0;
    unsigned char bytes[BYTES];
    if (memcmp(from, to, BYTES) > 0)
        return false;
    for (int i = BYTES - 1; i >= 0; i--) {
        const int rest = to[i] - from[i] - borrow;
        borrow = rest < 0;
        bytes[i] = (unsigned char)rest;
    }
    *n = 0;
    for (int i = 0; i < BYTES; i++) {
        is_far |= i < BYTES - 8 && bytes[i];
        *n = *n << 8 | bytes[i];
    }
    if (is_far)
        *n = UINT64_MAX;
    return true;
}

static bool read_range(char *text, char *dash, struct range *r)
{
    struct range last;
    *dash = '\0';
    if (!read_one(text, r) || !read_one(dash + 1, &last) || r->family != last.family ||
        !distance(r->first, last.first, &r->count))
        return false;
    r->count += r->count < UINT64_MAX;
    return true;
}

static bool read_prefix(char *text, char *slash, struct range *r)
{
    char *end;
    *slash = '\0';
    const unsigned long bits = strtoul(slash + 1, &end, 10);
    if (!read_one(text, r) || slash[1] < '0' || slash[1] > '9' || *end || bits > bits_of(r->family))
        return false;
    const unsigned host = bits_of(r->family) - (unsigned)bits;
    for (unsigned i = 0; i < host; i++)
        r->first[BYTES - 1 - i / 8] &= (unsigned char)~(1u << i % 8);
    r->count = host < 64 ? UINT64_C(1) << host : UINT64_MAX;
    if (r->family == AF_INET && host > 1) { /* the network itself and its broadcast are nobody's */
        r->count -= 2;
        advance(r->first, 1);
    }
    return true;
}

static bool read_word(char *word, struct range *r)
{
    char *slash = strchr(word, '/'), *dash = strchr(word, '-');
    if (slash)
        return read_prefix(word, slash, r);
    return dash ? read_range(word, dash, r) : read_one(word, r);
}

static void add(struct addresses *a, const struct range *r)
{
    uint64_t *total = total_of(a, r->family);
    a->ranges = mem_realloc(a->ranges, (a->count + 1) * sizeof *a->ranges);
    a->ranges[a->count++] = *r;
    if (__builtin_add_overflow(*total, r->count, total))
        *total = UINT64_MAX;
}

static bool read_all(struct addresses *a, const char *text, char **why)
{
    struct range r;
    for (text += strspn(text, SEPARATORS); *text; text += strspn(text, SEPARATORS)) {
        char word[WORD_MAX];
        const size_t len = strcspn(text, SEPARATORS);
        if (a->count == ADDRESSES_RANGES_MAX)
            return sbuf_refuse(why, "there are more than %d addresses and ranges; write prefixes",
                               ADDRESSES_RANGES_MAX);
        memcpy(word, text, len < WORD_MAX ? len : WORD_MAX - 1);
        word[len < WORD_MAX ? len : WORD_MAX - 1] = '\0';
        if (len >= WORD_MAX || !read_word(word, &r))
            return sbuf_refuse(why,
                               "\"%.*s\" is neither an address nor a range or prefix of them; give "
                               "such as 10.0.0.5,10.0.1.1-10.0.1.9,10.0.2.0/24,2001:db8::/64",
                               (int)(len < WORD_MAX ? len : WORD_MAX), text);
        add(a, &r);
        text += len;
    }
    return a->count > 0 || sbuf_refuse(why, "there is no address in it");
}

struct addresses *addresses_read(const char *text, char **why)
{
    struct addresses *a = mem_zalloc(sizeof *a);
    if (read_all(a, text, why))
        return a;
    addresses_free(a);
    return NULL;
}

void addresses_free(struct addresses *a)
{
    if (!a)
        return;
    free(a->ranges);
    free(a);
}

uint64_t addresses_count(const struct addresses *a, int family)
{
    return a->totals[family == AF_INET6];
}

static void write_address(const struct range *r, uint64_t n, struct sockaddr_storage *to)
{
    unsigned char bytes[BYTES];
    memcpy(bytes, r->first, BYTES);
    advance(bytes, n);
    memset(to, 0, sizeof *to);
    to->ss_family = (sa_family_t)r->family;
    if (r->family == AF_INET)
        memcpy(&((struct sockaddr_in *)to)->sin_addr, bytes + BYTES - 4, 4);
    else
        memcpy(&((struct sockaddr_in6 *)to)->sin6_addr, bytes, BYTES);
}

bool addresses_at(const struct addresses *a, int family, uint64_t n, struct sockaddr_storage *to)
{
    const uint64_t total = addresses_count(a, family);
    if (!total)
        return false;
    n %= total;
    for (size_t i = 0; i < a->count; i++) {
        const struct range *r = &a->ranges[i];
        if (r->family != family)
            continue;
        if (n < r->count) {
            write_address(r, n, to);
            return true;
        }
        n -= r->count;
    }
    return false;
}

static int bind_error(const struct sockaddr_storage *from)
{
    const int fd = socket(from->ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int error = fd < 0 ? errno : 0;
    if (fd >= 0 && bind(fd, (const struct sockaddr *)from, sizeof *from) != 0)
        error = errno;
    if (fd >= 0)
        close(fd);
    return error;
}

static bool try_one(const struct range *r, uint64_t n, char **why)
{
    struct sockaddr_storage from;
    char text[INET6_ADDRSTRLEN];
    write_address(r, n, &from);
    const int error = bind_error(&from);
    if (error == 0)
        return true;
    inet_ntop(r->family,
              r->family == AF_INET ? (void *)&((struct sockaddr_in *)&from)->sin_addr
                                   : (void *)&((struct sockaddr_in6 *)&from)->sin6_addr,
              text, sizeof text);
    if (error == EADDRNOTAVAIL)
        return sbuf_refuse(why,
                           "this machine has no address %s to send from; give it one, such as "
                           "with: ip addr add %s/%u dev <interface>",
                           text, text, bits_of(r->family));
    return sbuf_refuse(why, "cannot send from %s: %s", text, strerror(error));
}

bool addresses_try(const struct addresses *a, char **why)
{
    for (size_t i = 0; i < a->count; i++)
        if (!try_one(&a->ranges[i], 0, why) || !try_one(&a->ranges[i], a->ranges[i].count - 1, why))
            return false;
    return true;
}
