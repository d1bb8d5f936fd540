// SPDX-License-Identifier: MIT
/* JSON of the page as a message for workers, and the fields of a form as options of the script: the
 * first line is JSON, the others are fields. What is taken is a whole message, and reads as JSON.
 */
#include "master/proto/proto_script.h"
#include "tests/fuzz/fuzz.h"

static struct slice slice_of(const struct sbuf *b)
{
    return (struct slice){b->data, b->len};
}

static void readable(const struct sbuf *packed)
{
    struct sbuf json = {0};
    MUST(packed->len > 0 && proto_to_json(slice_of(packed), &json) && json.len > 0);
    sbuf_fini(&json);
}

static void set_options(const struct sbuf *map, char *fields)
{
    char *name = strsep(&fields, "\n"), *text = strsep(&fields, "\n"),
         *more = strsep(&fields, "\n");
    const char *const texts[] = {text ? text : "", more ? more : ""};
    struct sbuf out = {0};
    if (name && proto_option_texts(slice_of(map), name, texts, 1 + (more != NULL), &out) ==
                    PROTO_OPTION_SET)
        readable(&out);
    sbuf_clear(&out);
    const struct option_set set = {more ? more : NULL, text ? strtod(text, NULL) : 0, true};
    if (name && proto_option_value(slice_of(map), name, &set, &out) == PROTO_OPTION_SET)
        readable(&out);
    sbuf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size), *fields = text, *first = strsep(&fields, "\n");
    struct sbuf packed = {0};
    struct json_wrong wrong = {""};
    if (proto_from_json(first, &packed, &wrong)) {
        readable(&packed);
        set_options(&packed, fields);
    } else {
        MUST(wrong.text[0]);
    }
    sbuf_fini(&packed);
    free(text);
    return 0;
}
