// SPDX-License-Identifier: MIT
/* Any bytes as a summary, and as a report or what is packed into one, that a run is compared with:
 * a run, or an error with words; and as JSON, of which the pieces are those that a parser finds. */
#include "common/base/sbuf.h"
#include "master/store/json_slice.h"
#include "master/store/report_read.h"
#include "master/store/summary_file.h"
#include "tests/fuzz/fuzz.h"
#include "worker/grpc/text.h"
#include <zlib.h>

static void close_run(struct stored *s, char *why)
{
    fuzz_why(s, why);
    if (s) {
        MUST(json_is_object(s->meta));
        MUST(s->stats.total.failures <= s->stats.total.requests);
    }
    stored_close(s);
}

struct pieces {
    const char *text;
    size_t size, count;
};

static bool inside(void *arg, struct json_slice key, struct json_slice value)
{
    struct pieces *p = arg;
    p->count++;
    MUST(!key.text || (key.text >= p->text && key.text + key.len <= p->text + p->size));
    MUST(value.text >= p->text && value.text + value.len <= p->text + p->size);
    return true;
}

static void as_json(const uint8_t *data, size_t size)
{
    struct pieces p = {malloc(size ? size : 1), size, 0};
    memcpy((char *)(uintptr_t)p.text, data, size);
    const struct json_slice all = {p.text, size};
    const bool is_good = json_slice_each(all, inside, &p);
    json_t *value = json_loadb(p.text, size, JSON_REJECT_DUPLICATES, NULL);
    MUST(!value || (is_good && p.count == json_object_size(value) + json_array_size(value)));
    MUST(!is_good || json_slice_count(all) == p.count);
    json_slice_member(all, "rows");
    json_decref(value);
    free((char *)(uintptr_t)p.text);
}

static void pack(const uint8_t *data, size_t size, struct sbuf *out)
{
    z_stream z = {.next_in = (Bytef *)(uintptr_t)data, .avail_in = (uInt)size};
    MUST(deflateInit2(&z, 0, Z_DEFLATED, 15 + 16, 1, Z_DEFAULT_STRATEGY) == Z_OK);
    const size_t room = deflateBound(&z, size);
    uint8_t *packed = malloc(room);
    z.next_out = packed;
    z.avail_out = (uInt)room;
    MUST(deflate(&z, Z_FINISH) == Z_STREAM_END);
    sbuf_adds(out, "<script id=\"katydid-report\">");
    grpc_add_base64(out, packed, room - z.avail_out);
    sbuf_adds(out, "</script>");
    deflateEnd(&z);
    free(packed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *why = NULL;
    struct sbuf page = {0};
    const char *path = fuzz_file(data, size);
    struct stored *s = summary_file_open(path, &why);
    close_run(s, why);
    why = NULL;
    s = report_read(path, &why);
    close_run(s, why);
    why = NULL;
    pack(data, size, &page);
    s = report_read(fuzz_file((const uint8_t *)page.data, page.len), &why);
    close_run(s, why);
    sbuf_fini(&page);
    as_json(data, size);
    return 0;
}
