// SPDX-License-Identifier: MIT
/* Any bytes as what a viewer says that it has, as the name of a row that is grouped, and as the
 * headers that tell who sent a command. */
#include "master/web/feed.h"
#include "master/web/groups.h"
#include "master/web/guard.h"
#include "tests/fuzz/fuzz.h"

static void as_mark(const char *bytes, size_t len)
{
    struct form f;
    struct feed_mark mark = {0};
    struct query_error e;
    if (form_parse(&f, bytes, len)) {
        if (!feed_mark_query(&mark, &f, &e))
            MUST(mark.tick == 0 && memchr(e.text, '\0', sizeof e.text));
        MUST(memchr(mark.boot, '\0', sizeof mark.boot) && memchr(mark.run, '\0', sizeof mark.run));
    }
    form_fini(&f);
}

static void as_group(const char *name)
{
    for (uint32_t depth = 1; depth <= GROUPS_DEPTH_MAX; depth++) {
        struct sbuf key = {0}, again = {0};
        groups_add_prefix(&key, name, depth);
        groups_add_prefix(&again, key.len ? key.data : "", depth);
        MUST(key.len == again.len && (!key.len || !memcmp(key.data, again.data, key.len)));
        sbuf_fini(&key);
        sbuf_fini(&again);
    }
}

/* A browser that tells of another site is refused, whatever else it says. */
static void as_sender(const char *text)
{
    const struct guard_request of_other = {"127.0.0.1:8089", "http://example.com", text, text,
                                           text};
    const struct guard_request fetched = {"127.0.0.1:8089", text, text, "cross-site", text};
    const struct guard_request any = {text, text, text, text, text};
    MUST(!guard_page_ok(&of_other) && !guard_script_ok(&of_other));
    MUST(!guard_page_ok(&fetched) && !guard_script_ok(&fetched));
    guard_page_ok(&any);
    guard_script_ok(&any);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);
    as_mark((const char *)data, size);
    as_group(text);
    as_sender(text);
    free(text);
    return 0;
}
