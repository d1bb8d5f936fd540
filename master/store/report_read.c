// SPDX-License-Identifier: MIT
#include "master/store/report_read.h"
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "master/store/bucket_json.h"
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#define ZLIB_CONST
#include <zlib.h>

#define FILE_MOST (16 << 20)
#define JSON_MOST (128u << 20)
#define LISTS_MOST 1000000 /* each takes 130 bytes of memory; a value 40 */
#define VALUES_MOST 12000000
#define BLOCK_BEGINS "id=\"katydid-report\">"

/* ---- the file ---- */

/* A pipe would keep who asks waiting. */
static bool read_file(const char *path, struct sbuf *out, char **why)
{
    struct stat about;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &about) != 0)
        *why = sbuf_words("%s: %s", path, strerror(errno));
    else if (!S_ISREG(about.st_mode))
        *why = sbuf_words("%s: this is no file", path);
    else if (about.st_size > FILE_MOST)
        *why = sbuf_words("%s: it is too large", path);
    char piece[65536];
    ssize_t n = 1;
    while (!*why && n > 0 && (n = read(fd, piece, sizeof piece)) > 0)
        sbuf_add(out, piece, (size_t)n);
    if (!*why && n < 0)
        *why = sbuf_words("%s: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return !*why;
}

static int digit_of(char c)
{
    return c >= 'A' && c <= 'Z'   ? c - 'A'
           : c >= 'a' && c <= 'z' ? c - 'a' + 26
           : c >= '0' && c <= '9' ? c - '0' + 52
           : c == '+'             ? 62
           : c == '/'             ? 63
                                  : -1;
}

static bool add_of_base64(struct sbuf *out, const char *text, size_t len)
{
    uint32_t bits = 0;
    unsigned count = 0;
    for (size_t i = 0; i < len && text[i] != '='; i++) {
        const int digit = digit_of(text[i]);
        if (digit < 0)
            return false;
        bits = bits << 6 | (uint32_t)digit;
        count += 6;
        if (count >= 8) {
            count -= 8;
            sbuf_addc(out, (char)(bits >> count & 0xff));
        }
    }
    return true;
}

static bool inflate_into(struct sbuf *out, const struct sbuf *packed)
{
    z_stream z = {.next_in = (const unsigned char *)packed->data, .avail_in = (uInt)packed->len};
    unsigned char piece[65536];
    int rc = Z_OK;
    if (packed->len == 0 || inflateInit2(&z, 15 + 16) != Z_OK)
        return false;
    while (rc == Z_OK && out->len <= JSON_MOST) {
        z.next_out = piece;
        z.avail_out = sizeof piece;
        rc = inflate(&z, Z_NO_FLUSH);
        sbuf_add(out, (const char *)piece, sizeof piece - z.avail_out);
    }
    inflateEnd(&z);
    return rc == Z_STREAM_END;
}

/* What is packed well may take some thousand times as much memory. */
static bool is_small(const struct sbuf *text)
{
    size_t lists = 0, values = 0;
    for (size_t i = 0; i < text->len; i++) {
        lists += text->data[i] == '[' || text->data[i] == '{';
        values += text->data[i] == ',';
    }
    return lists <= LISTS_MOST && values <= VALUES_MOST;
}

/* The JSON in it; NULL: it is no report, or one of which nobody would have the memory. */
static json_t *block_of(const struct sbuf *file, bool *is_large)
{
    struct sbuf packed = {0}, text = {0};
    json_t *block = NULL;
    const char *begin =
        file->len ? memmem(file->data, file->len, BLOCK_BEGINS, sizeof BLOCK_BEGINS - 1) : NULL;
    if (begin)
        begin += sizeof BLOCK_BEGINS - 1;
    const char *end = begin ? memchr(begin, '<', file->len - (size_t)(begin - file->data)) : NULL;
    const bool is_there = end && add_of_base64(&packed, begin, (size_t)(end - begin)) &&
                          inflate_into(&text, &packed) && text.len > 0;
    *is_large = text.len > JSON_MOST || (is_there && !is_small(&text));
    if (is_there && !*is_large)
        block = json_loadb(text.data, text.len, 0, NULL);
    sbuf_fini(&packed);
    sbuf_fini(&text);
    return block;
}

/* ---- rows ---- */

struct columns {
    size_t id, count, failed, sum_us, hist, min_us, max_us, none, bytes, known;
};

static struct columns columns_of(const json_t *list)
{
    struct columns c = {0};
    struct {
        const char *name;
        size_t *to;
    } wanted[] = {{"id", &c.id},         {"count", &c.count}, {"failed", &c.failed},
                  {"sum_us", &c.sum_us}, {"hist", &c.hist},   {"min_us", &c.min_us},
                  {"max_us", &c.max_us}, {"none", &c.none},   {"bytes", &c.bytes}};
    size_t i;
    const json_t *name;
    json_array_foreach(list, i, name)
    {
        const char *text = json_string_value(name);
        for (size_t k = 0; text && k < sizeof wanted / sizeof *wanted; k++)
            if (strcmp(wanted[k].name, text) == 0) {
                *wanted[k].to = i;
                c.known |= (size_t)1 << k;
            }
    }
    return c;
}

static uint64_t count_at(const json_t *row, size_t column)
{
    const json_int_t n = json_integer_value(json_array_get(row, column));
    return n > 0 && n <= BUCKET_COUNT_MAX ? (uint64_t)n : 0;
}

/* Pairs of a gap and a count. */
static bool take_hist(const json_t *pairs, struct hist *h)
{
    json_int_t bucket = 0;
    for (size_t i = 0; i + 1 < json_array_size(pairs); i += 2) {
        const json_int_t gap = json_integer_value(json_array_get(pairs, i));
        if (gap < 0 || gap > (json_int_t)(HIST_OCTAVES * HIST_SUB_COUNT))
            return false;
        bucket += gap;
        if (!bucket_json_add(h, bucket++, json_integer_value(json_array_get(pairs, i + 1))))
            return false;
    }
    return true;
}

static bool take_row(const json_t *row, const struct columns *c, struct tally *t)
{
    t->requests += count_at(row, c->count);
    t->failures += count_at(row, c->failed);
    t->none_requests += count_at(row, c->none);
    t->bytes += count_at(row, c->bytes);
    t->sum_us += count_at(row, c->sum_us);
    t->min_us =
        json_is_null(json_array_get(row, c->min_us)) ? UINT64_MAX : count_at(row, c->min_us);
    t->max_us = count_at(row, c->max_us);
    return take_hist(json_array_get(row, c->hist), &t->hist);
}

/* Of [[id, method, name]…], which rises as rows do; *at goes on. Borrowed; NULL: it has none. */
static const json_t *name_of(const json_t *names, size_t *at, json_int_t id)
{
    const json_t *each;
    while ((each = json_array_get(names, *at)) && json_integer_value(json_array_get(each, 0)) < id)
        ++*at;
    return json_integer_value(json_array_get(each, 0)) == id ? each : NULL;
}

static bool take_rows(const json_t *block, struct stats *s)
{
    const json_t *run = json_object_get(block, "rows_run"), *row;
    const json_t *names = json_object_get(json_object_get(block, "tick"), "defs");
    const struct columns c = columns_of(json_object_get(run, "columns"));
    size_t i, at = 0;
    bool has_total = false;
    if (c.known != 0x1ff || json_integer_value(json_object_get(json_object_get(block, "hist_rule"),
                                                               "sub_bits")) != HIST_SUB_BITS)
        return false;
    json_array_foreach(json_object_get(run, "rows"), i, row)
    {
        const json_int_t id = json_integer_value(json_array_get(row, c.id));
        const json_t *name = id ? name_of(names, &at, id) : NULL;
        const char *method = json_string_value(json_array_get(name, 1));
        const char *text = json_string_value(json_array_get(name, 2));
        struct tally *t = id == 0 ? &s->total
                          : method && text
                              ? stats_row(s, method, strlen(method), text, strlen(text))
                              : NULL;
        has_total |= id == 0;
        if (t && !take_row(row, &c, t))
            return false;
    }
    return has_total;
}

/* ---- what is known of the run ---- */

static double number_of(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

/* By the file's name it is called. Users are those that were asked for. */
static json_t *meta_of(const json_t *block, const char *path)
{
    const json_t *hello = json_object_get(block, "hello"), *value;
    const char *slash = strrchr(path, '/');
    const double duration = number_of(hello, "ended") - number_of(hello, "started");
    const double users = json_number_value(json_array_get(json_object_get(hello, "next"), 0));
    static const char *const same[] = {"run",     "version",  "locustfile", "host",
                                       "started", "run_time", "shape",      "ended"};
    json_t *meta = json_object();
    json_t *name = json_string(slash ? slash + 1 : path);
    json_object_set_new(meta, "id", name ? name : json_string("the report"));
    json_object_set_new(meta, "plans",
                        json_integer(json_integer_value(json_object_get(hello, "scenarios"))));
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        if ((value = json_object_get(hello, same[i])))
            json_object_set(meta, same[i], (json_t *)(uintptr_t)value);
    if (isfinite(duration) && duration > 0)
        json_object_set_new(meta, "duration", json_real(duration));
    if (users > 0)
        json_object_set_new(meta, "users", json_real(users));
    json_object_set_new(
        meta, "valid",
        json_boolean(json_is_true(json_object_get(json_object_get(block, "verdict"), "valid"))));
    return meta;
}

struct stored *report_read(const char *path, char **why)
{
    struct sbuf file = {0};
    if (!read_file(path, &file, why)) {
        sbuf_fini(&file);
        return NULL;
    }
    bool is_large;
    json_t *block = block_of(&file, &is_large);
    sbuf_fini(&file);
    if (!block) {
        *why =
            sbuf_words(is_large ? "%s: it is too large" : "%s: this is no report of a run", path);
        return NULL;
    }
    struct stored *s = mem_zalloc(sizeof *s);
    stats_init(&s->stats, 0, STATS_LIMITS_DEFAULT);
    s->totals = json_object();
    s->meta = meta_of(block, path);
    const bool is_good = take_rows(block, &s->stats);
    json_decref(block);
    if (is_good)
        return s;
    *why = sbuf_words("%s: its rows are damaged", path);
    stored_close(s);
    return NULL;
}
