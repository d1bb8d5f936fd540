// SPDX-License-Identifier: MIT
#include "master/store/run_kept.h"
#include <errno.h>
#include <jansson.h>
#include <string.h>

#define SCRIPT_MAX (512u << 10) /* bytes of JSON; a larger one is left out */

static void add_member(struct sbuf *out, const char *key, const char *json)
{
    sbuf_addf(out, "%s\"%s\":", out->len > 1 ? "," : "", key);
    sbuf_adds(out, json ? json : "null");
}

void run_kept_put(struct sbuf *out, enum run_frame_kind kind, const struct snapshot *last)
{
    const bool is_courses = kind == RUN_COURSES;
    if (!last->end.kept_logs) /* it is no last one */
        return;
    sbuf_addc(out, '{');
    add_member(out, is_courses ? "scenarios" : "samples",
               is_courses ? last->end.plans : last->end.kept_samples);
    add_member(out, is_courses ? "metrics" : "logs",
               is_courses ? last->end.metrics : last->end.kept_logs);
    if (!is_courses) {
        const char *script = last->end.script;
        add_member(out, "script", script && strlen(script) <= SCRIPT_MAX ? script : NULL);
    }
    sbuf_addc(out, '}');
}

/* With members, and its braces first and last, as run_kept_put has it. */
static bool has_members(const struct sbuf *text)
{
    return text->len > 3 && text->data[0] == '{' && text->data[1] == '"' &&
           text->data[text->len - 1] == '}';
}

bool run_kept_is(const struct sbuf *text)
{
    json_t *value =
        has_members(text) ? json_loadb(text->data, text->len, JSON_REJECT_DUPLICATES, NULL) : NULL;
    const bool is_good = value != NULL;
    json_decref(value);
    return is_good;
}

/* The last frame of that kind; what is between its braces. */
static bool add_frame(struct sbuf *out, struct run_file *f, enum run_frame_kind kind,
                      const char *otherwise)
{
    struct sbuf text = {0};
    size_t i = run_file_count(f);
    while (i > 0 && run_file_frame(f, i - 1)->kind != kind)
        i--;
    bool is_good = i == 0 || run_file_read(f, i - 1, &text) == 0;
    if (is_good && i > 0 && !has_members(&text)) {
        errno = EBADMSG;
        is_good = false;
    }
    sbuf_adds(out, out->len > 1 ? "," : "");
    if (is_good && i > 0)
        sbuf_add(out, text.data + 1, text.len - 2);
    else
        sbuf_adds(out, otherwise);
    sbuf_fini(&text);
    return is_good;
}

bool run_kept_read(const char *path, struct sbuf *out)
{
    struct run_file *f = run_file_open(path);
    if (!f)
        return false;
    sbuf_addc(out, '{');
    const bool is_good =
        add_frame(out, f, RUN_COURSES, "\"scenarios\":null,\"metrics\":null") &&
        add_frame(out, f, RUN_TRACES, "\"samples\":null,\"logs\":null,\"script\":null");
    sbuf_addc(out, '}');
    const int error = errno;
    run_file_close(f);
    errno = error;
    return is_good;
}
