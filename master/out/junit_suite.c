// SPDX-License-Identifier: MIT
#include "master/out/junit_suite.h"
#include "common/base/utf8.h"
#include <stdbool.h>
#include <string.h>

/* The length of the character there; *is_bad: XML 1.0 may not hold it. */
static size_t next_character(const char *text, bool *is_bad)
{
    const size_t n = utf8_next(text, strnlen(text, 4), NULL);
    const unsigned char c = (unsigned char)*text;
    *is_bad = n == 0 || (c < 0x20 && c != '\n' && c != '\t') || c == 0x7f ||
              (n == 3 && !memcmp(text, "\xef\xbf\xbe", 3)) ||
              (n == 3 && !memcmp(text, "\xef\xbf\xbf", 3));
    return n ? n : 1;
}

static void add_xml(struct sbuf *out, const char *text)
{
    bool is_bad;
    for (size_t n; *text; text += n) {
        n = next_character(text, &is_bad);
        const unsigned char c = (unsigned char)*text;
        if (is_bad)
            sbuf_addc(out, '?');
        else if (c == '&')
            sbuf_adds(out, "&amp;");
        else if (c == '<')
            sbuf_adds(out, "&lt;");
        else if (c == '>')
            sbuf_adds(out, "&gt;");
        else if (c == '"')
            sbuf_adds(out, "&quot;");
        else if (c == '\n' || c == '\t')
            sbuf_addf(out, "&#%u;", c);
        else
            sbuf_add(out, text, n);
    }
}

void junit_add_attribute(struct sbuf *out, const char *key, const char *value)
{
    sbuf_addf(out, " %s=\"", key);
    add_xml(out, value);
    sbuf_addc(out, '"');
}

void junit_add_cdata(struct sbuf *out, const char *text)
{
    bool is_bad;
    sbuf_adds(out, "<![CDATA[");
    for (size_t n; *text; text += n) {
        n = next_character(text, &is_bad);
        if (strncmp(text, "]]>", 3) == 0) {
            sbuf_adds(out, "]]]]><![CDATA[>");
            n = 3;
        } else if (is_bad) {
            sbuf_addc(out, '?');
        } else {
            sbuf_add(out, text, n);
        }
    }
    sbuf_adds(out, "]]>");
}

static void add_outcome(struct sbuf *out, const struct junit_case *c)
{
    static const char *const elements[JUNIT_KINDS] = {"", "failure", "error", "skipped"};
    const char *element = elements[c->kind];
    sbuf_addf(out, "<%s", element);
    junit_add_attribute(out, "message", c->message);
    if (c->kind == JUNIT_FAILED || c->kind == JUNIT_ERROR)
        junit_add_attribute(out, "type", c->type);
    if (!c->text) {
        sbuf_adds(out, "/>");
        return;
    }
    sbuf_addc(out, '>');
    junit_add_cdata(out, c->text);
    sbuf_addf(out, "</%s>", element);
}

void junit_add_case(struct junit_suite *s, const struct junit_case *c)
{
    struct sbuf *out = &s->cases, class = {0};
    s->tests++;
    s->of[c->kind]++;
    sbuf_addf(&class, "katydid.%s", s->name);
    sbuf_adds(out, "    <testcase");
    junit_add_attribute(out, "classname", class.data);
    junit_add_attribute(out, "name", c->name);
    sbuf_addf(out, " time=\"%.6f\"", c->seconds);
    sbuf_fini(&class);
    if (c->kind == JUNIT_PASSED) {
        sbuf_adds(out, "/>\n");
        return;
    }
    sbuf_addc(out, '>');
    add_outcome(out, c);
    sbuf_adds(out, "</testcase>\n");
}

void junit_suite_fini(struct junit_suite *s)
{
    sbuf_fini(&s->cases);
}
