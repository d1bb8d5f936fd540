// SPDX-License-Identifier: MIT
/* html_report: see master/web/html_report.h. The page of a report is built for it: one
 * script with all screens and one style (webui/vite.config.ts). */
#include "master/web/html_report.h"

#include "common/base/mem.h"
#include "master/web/asset.h"
#include "master/web/facts.h"
#include "master/web/html_report_data.h"

#include <openssl/evp.h>
#include <string.h>
#define ZLIB_CONST
#include <zlib.h>

#define GZIP_LEVEL 6

static const struct asset *find_asset(const char *prefix, const char *suffix)
{
    for (size_t i = 0; i < asset_count; i++) {
        size_t len = strlen(assets[i].path), end = strlen(suffix);
        if (strncmp(assets[i].path, prefix, strlen(prefix)) == 0 && len >= end &&
            strcmp(assets[i].path + len - end, suffix) == 0)
            return &assets[i];
    }
    return NULL;
}

/* In an element of HTML a text ends at its end tag, wherever that stands: in JavaScript and CSS
 * "<\/" means the same as "</" where that may occur, which is in strings. */
static void add_without_end_tags(struct sbuf *out, const struct sbuf *text, const char *tag)
{
    const char *at = text->data, *end = text->data + text->len;
    size_t tag_len = strlen(tag);
    while (at < end) {
        const char *found = memmem(at, (size_t)(end - at), "</", 2);
        if (found == NULL)
            break;
        bool is_tag =
            (size_t)(end - found) > tag_len + 2 && strncasecmp(found + 2, tag, tag_len) == 0;
        sbuf_add(out, at, (size_t)(found - at));
        sbuf_adds(out, is_tag ? "<\\/" : "</");
        at = found + 2;
    }
    sbuf_add(out, at, (size_t)(end - at));
}

static void add_base64(struct sbuf *out, const void *bytes, size_t len)
{
    sbuf_reserve(out, (len + 2) / 3 * 4 + 1);
    int written = EVP_EncodeBlock((unsigned char *)out->data + out->len, bytes, (int)len);
    out->len += (size_t)written;
}

static void add_hash(struct sbuf *out, const struct sbuf *text)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int len = 0;
    if (EVP_Digest(text->data, text->len, digest, &len, EVP_sha256(), NULL) != 1)
        mem_refused("a digest");
    sbuf_adds(out, "'sha256-");
    add_base64(out, digest, len);
    sbuf_addc(out, '\'');
}

static bool load_inlined(const char *suffix, const char *tag, struct sbuf *out)
{
    struct sbuf plain = {0};
    const struct asset *a = find_asset("/assets/report-", suffix);
    bool is_ok = a != NULL && asset_inflate(a, &plain);
    if (is_ok)
        add_without_end_tags(out, &plain, tag);
    sbuf_fini(&plain);
    return is_ok && out->len > 0;
}

static bool gzip_base64(const struct sbuf *json, struct sbuf *out)
{
    z_stream z = {0};
    if (deflateInit2(&z, GZIP_LEVEL, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return false;
    struct sbuf packed = {0};
    sbuf_reserve(&packed, deflateBound(&z, json->len));
    z.next_in = (const unsigned char *)json->data;
    z.avail_in = (unsigned)json->len;
    z.next_out = (unsigned char *)packed.data;
    z.avail_out = (unsigned)deflateBound(&z, json->len);
    bool is_ok = deflate(&z, Z_FINISH) == Z_STREAM_END;
    if (is_ok)
        add_base64(out, packed.data, z.total_out);
    deflateEnd(&z);
    sbuf_fini(&packed);
    return is_ok;
}

/* The largest of the sizes that fits into `room` bytes; the smallest, if none does. */
static bool add_block(struct sbuf *out, const struct view *v, const struct html_report_ask *ask,
                      size_t room)
{
    static const struct html_report_size SIZES[] = {{200, SIZE_MAX}, {100, SIZE_MAX}, {50, 10000},
                                                    {20, 5000},      {0, 2000},       {0, 0}};
    for (size_t i = 0; i < sizeof SIZES / sizeof *SIZES; i++) {
        struct sbuf json = {0}, text = {0};
        html_report_data_add(&json, v, ask, &SIZES[i]);
        bool is_ok = json.len < INT32_MAX && gzip_base64(&json, &text);
        bool is_taken = is_ok && (text.len <= room || i + 1 == sizeof SIZES / sizeof *SIZES);
        if (is_taken)
            sbuf_add(out, text.data, text.len);
        sbuf_fini(&json);
        sbuf_fini(&text);
        if (is_taken)
            return true;
    }
    return false;
}

static void add_html(struct sbuf *out, const struct view *v, const struct sbuf *script,
                     const struct sbuf *style)
{
    sbuf_adds(out, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                   "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
                   "script-src ");
    add_hash(out, script);
    sbuf_adds(out, "; style-src ");
    add_hash(out, style);
    sbuf_adds(out, "; img-src data:; base-uri 'none'; form-action 'none'\">\n"
                   "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                   "<meta name=\"color-scheme\" content=\"light dark\">\n"
                   "<meta name=\"referrer\" content=\"no-referrer\">\n"
                   "<title>Katydid report</title>\n<style>");
    sbuf_add(out, style->data, style->len);
    sbuf_adds(out, "</style>\n</head>\n<body>\n<div id=\"app\"></div>\n"
                   "<noscript>This report needs JavaScript to show its figures.</noscript>\n");
    facts_add_report(out, v);
    sbuf_adds(out, "<script type=\"application/x-katydid-report\" id=\"katydid-report\">");
}

bool html_report_make(const struct view *v, const struct html_report_ask *ask, struct sbuf *out)
{
    struct sbuf script = {0}, style = {0};
    bool is_ok = load_inlined(".js", "script", &script) && load_inlined(".css", "style", &style);
    if (is_ok) {
        add_html(out, v, &script, &style);
        size_t taken = out->len + script.len + 100;
        is_ok = add_block(out, v, ask, taken < HTML_REPORT_MAX ? HTML_REPORT_MAX - taken : 0);
        sbuf_adds(out, "</script>\n<script type=\"module\">");
        sbuf_add(out, script.data, script.len);
        sbuf_adds(out, "</script>\n</body>\n</html>\n");
    }
    sbuf_fini(&script);
    sbuf_fini(&style);
    return is_ok;
}
