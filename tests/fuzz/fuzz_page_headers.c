// SPDX-License-Identifier: MIT
/* Any text as a list of --web-token, and behind an empty line as a header of who asks for the page:
 * Authorization, Cookie, Accept. Nobody comes in by anything but a token of the list. */
#include "common/base/sbuf.h"
#include "master/sink/exposition.h"
#include "master/web/door.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/snapshots.h"

#define OURS "katydid_8089="
static const char GIVEN[] = "see eyes 0123456789abcdef, run hands fedcba9876543210";

static struct door *door;
static struct snapshot *empty;
static struct sink_spec *spec;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    struct stats stats;
    char *why = NULL;
    door = door_new(&(struct door_config){.base_path = "", .port = 8089}, &why);
    stats_init(&stats, 1, STATS_LIMITS_DEFAULT);
    empty = snapshot_of(&stats, 1, 1);
    stats_fini(&stats);
    spec = sink_spec_text("prometheus", &why);
    MUST(door && empty && spec);
    return 0;
}

static void read_list(const char *text)
{
    struct tokens t = {0};
    char *why = NULL;
    const bool is_read = tokens_read(text, &t, &why);
    fuzz_why(is_read, why);
    if (!is_read)
        return;
    MUST(t.count > 0 && t.count <= TOKENS_MAX);
    for (size_t i = 0; i < t.count; i++) {
        MUST(t.list[i].role != ROLE_NONE && memchr(t.list[i].name, 0, sizeof t.list[i].name));
        MUST(t.list[i].name[0] && !strpbrk(t.list[i].name, " \t\r\n,#\"\\"));
        MUST(tokens_find(&t, t.list[i].hash));
    }
}

static void show(const char *header)
{
    char *why = NULL;
    struct access *a = access_new(GIVEN, &why);
    MUST(a);
    const struct access_shown by_header = {.authorization = header, .address = "192.0.2.1"},
                              by_session = {.session = header, .address = "192.0.2.2"};
    const struct access_verdict v = access_check(a, &by_header);
    const size_t len = strlen(header);
    MUST(v.wait_s >= 0 && v.by_header == (v.who.role != ROLE_NONE));
    if (v.by_header)
        MUST(len >= 23 && strstr(GIVEN, header + len - 16) && !v.is_failed);
    MUST(access_check(a, &by_session).who.role == ROLE_NONE);
    access_free(a);
}

static void leave_ours_out(const char *header)
{
    char *kept = door_other_cookies(door, header);
    MUST(!kept || (*kept && strlen(kept) <= 2 * strlen(header)));
    for (const char *at = kept; at && *at; at += strcspn(at, ";")) {
        at += strspn(at, "; ");
        MUST(strncmp(at, OURS, strlen(OURS)) != 0);
    }
    free(kept);
}

static void scrape(const char *header)
{
    struct sbuf out = {0};
    const char *type = exposition_write(empty, NULL, spec, header, &out);
    MUST(type && strlen(type) > 9);
    sbuf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size), *header = strstr(text, "\n\n");
    if (header) {
        *header = '\0';
        header += 2;
        show(header);
        leave_ours_out(header);
        scrape(header);
    }
    read_list(text);
    free(text);
    return 0;
}
