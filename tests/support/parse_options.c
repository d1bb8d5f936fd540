// SPDX-License-Identifier: MIT
/* parse_options: what katydid makes of a command line, its environment and the files around it, as
 * one line of JSON: {"options": {dest: value}, "extra": [words]}. A refusal goes to stderr, with
 * its exit code. Tests compare it with stock Locust's parser. */
#include "common/base/sbuf.h"
#include "master/options/options.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
    struct options o;
    struct sbuf out = {0};
    int code = options_parse(&o, argc, argv, NULL);
    if (code == 0) {
        char *json = options_json(&o);
        sbuf_addf(&out, "{\"options\":%s,\"extra\":[", json);
        for (size_t i = 0; i < o.extra_count; i++) {
            sbuf_adds(&out, i ? "," : "");
            sbuf_add_json(&out, o.extra[i], strlen(o.extra[i]));
        }
        sbuf_adds(&out, "],\"settings\":[");
        for (size_t i = 0; o.settings && o.settings[i]; i++)
            sbuf_addf(&out, i ? ",%s" : "%s", o.settings[i]);
        sbuf_addf(&out, "],\"is_unclear\":%s}",
                  o.is_unclear || options_are_unclear(argc, argv) ? "true" : "false");
        puts(out.data);
        free(json);
    }
    sbuf_fini(&out);
    options_fini(&o);
    return code;
}
