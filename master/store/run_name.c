// SPDX-License-Identifier: MIT
#include "master/store/run_name.h"
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "common/base/utf8.h"
#include <string.h>
#include <time.h>

#define WORDS_MOST 60 /* bytes */

static const char *text_of(const json_t *run, const char *key)
{
    const char *text = json_string_value(json_object_get(run, key));
    return text ? text : "";
}

/* What comes from others neither moves the terminal's cursor nor begins a line. */
static void add_words(struct sbuf *out, const char *text)
{
    const size_t len = strlen(text), kept = utf8_cut(text, len, WORDS_MOST);
    for (size_t i = 0; i < kept; i++)
        sbuf_addc(out, (unsigned char)text[i] < ' ' || text[i] == 127 ? ' ' : text[i]);
    sbuf_adds(out, kept < len ? "…" : "");
}

static void add_start(struct sbuf *out, const json_t *run)
{
    char text[32];
    struct tm local;
    const double started = json_number_value(json_object_get(run, "started"));
    const time_t second = started > 0 && started < 2e11 ? (time_t)started : 0;
    if (second <= 0 || !localtime_r(&second, &local))
        return;
    strftime(text, sizeof text, "%Y-%m-%d %H:%M, ", &local);
    sbuf_adds(out, text);
}

char *run_name(const json_t *run)
{
    struct sbuf out = {0};
    const char *id = text_of(run, "id"), *file = strrchr(text_of(run, "locustfile"), '/');
    const char *of[] = {text_of(run, "pin"), text_of(run, "note"), text_of(run, "profile"),
                        file ? file + 1 : text_of(run, "locustfile")};
    if (!*id)
        return mem_strdup("this run");
    for (size_t i = 0; i < sizeof of / sizeof *of && out.len == 0; i++)
        add_words(&out, of[i]);
    const bool has_words = out.len > 0;
    sbuf_adds(&out, has_words ? " (" : "");
    add_start(&out, run);
    sbuf_addf(&out, "%s%s", id, has_words ? ")" : "");
    return out.data;
}
