// SPDX-License-Identifier: MIT
/* The head line by line, on a copy of its own; then the body by the framing that the head names.
 *
 * A head is a status line and header lines up to an empty one. What a line is, is decided when its
 * line feed is there, so that pieces may be cut anywhere. What the headers say of the body is read
 * when all of them are known: a value may be folded, and names may repeat. When text must grow, the
 * header table is moved along. Trailers are further lines of the same text.
 */
#include "worker/http1/hresp.h"
#include "worker/http1/hresp_known.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/mem.h"

/* Chunk framing and trailers may take this much, plus this many bytes for each byte of body. */
#define FRAMING_SLACK (64u * 1024)
#define FRAMING_RATIO 16u
#define TEXT_GROWTH 4u

static bool fail(struct hresp *r, enum fetch_error error, const char *what)
{
    r->error = error;
    r->what = what;
    return false;
}

void hresp_init(struct hresp *r, struct hresp_block *block, enum hresp_kind kind)
{
    *r = (struct hresp){
        .block = block,
        .headers = block->headers,
        .header_cap = HRESP_INLINE_HEADERS,
        .text = block->text,
        .text_cap = sizeof block->text,
        .is_head_only = kind == HRESP_HEAD_ONLY,
    };
}

void hresp_fini(struct hresp *r)
{
    if (!r->block)
        return;
    if (r->headers != r->block->headers)
        free(r->headers);
    if (r->text != r->block->text)
        free(r->text);
    r->block = NULL;
    r->headers = NULL;
    r->text = NULL;
}

static uint32_t count_lines(const struct hresp *r)
{
    return r->header_count + r->trailer_count;
}

/* Room for more text: moves what points into it. */
static void grow(struct hresp *r)
{
    char *old = r->text;
    const uint32_t cap = r->text_cap * TEXT_GROWTH;
    char *text = mem_realloc(NULL, cap);
    memcpy(text, old, r->text_len);
    for (uint32_t i = 0; i < count_lines(r); i++) {
        struct fetch_header *h = &r->headers[i];
        h->name = text + (h->name - old);
        h->value = text + (h->value - old);
    }
    if (r->reason)
        r->reason = text + (r->reason - old);
    if (r->head)
        r->head = text + (r->head - old);
    if (old != r->block->text)
        free(old);
    r->text = text;
    r->text_cap = cap;
}

/* ---- words ---------------------------------------------------------------------------------- */

struct slice {
    const char *at;
    size_t len;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static struct slice trim(struct slice s)
{
    while (s.len && is_blank(*s.at)) {
        s.at++;
        s.len--;
    }
    while (s.len && is_blank(s.at[s.len - 1]))
        s.len--;
    return s;
}

/* Takes the next word off *rest, with the space before it. */
static struct slice take_word(struct slice *rest)
{
    while (rest->len && is_space(*rest->at)) {
        rest->at++;
        rest->len--;
    }
    struct slice word = {rest->at, 0};
    while (rest->len && !is_space(*rest->at)) {
        rest->at++;
        rest->len--;
        word.len++;
    }
    return word;
}

/* Takes the next item off a list of *rest. */
static struct slice take_item(struct slice *rest)
{
    const char *comma = memchr(rest->at, ',', rest->len);
    const struct slice item = {rest->at, comma ? (size_t)(comma - rest->at) : rest->len};
    const size_t used = item.len + (comma ? 1 : 0);
    rest->at += used;
    rest->len -= used;
    return trim(item);
}

static bool is_word(struct slice s, const char *word)
{
    return s.len == strlen(word) && strncasecmp(s.at, word, s.len) == 0;
}

/* word: lower-case letters. */
static bool has_word(struct slice s, const char *word)
{
    const size_t len = strlen(word);
    for (size_t i = 0; i + len <= s.len; i++)
        if ((s.at[i] | ' ') == *word && strncasecmp(s.at + i, word, len) == 0)
            return true;
    return false;
}

/* A decimal number; too large a one is the largest. */
static bool read_number(struct slice s, uint64_t *number)
{
    *number = 0;
    for (size_t i = 0; i < s.len; i++) {
        const unsigned digit = (unsigned char)s.at[i] - (unsigned)'0';
        if (digit > 9)
            return false;
        const bool fits = *number <= (UINT64_MAX - digit) / 10;
        *number = fits ? *number * 10 + digit : UINT64_MAX;
    }
    return s.len > 0;
}

/* ---- lines ---------------------------------------------------------------------------------- */

static bool read_version(struct hresp *r, struct slice version)
{
    static const char *const old[] = {"HTTP/1.0", "HTTP/0.9"};
    for (size_t i = 0; i < sizeof old / sizeof *old; i++)
        if (version.len == 8 && memcmp(version.at, old[i], 8) == 0)
            return true; /* minor stays 0 */
    r->minor = 1;
    return (version.len >= 7 && memcmp(version.at, "HTTP/1.", 7) == 0) ||
           (version.len == 8 && memcmp(version.at, "HTTP/2.0", 8) == 0);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* "HTTP/1.1 200 …", as nearly every answer begins: 0 when it is anything else. */
static int usual_status(struct slice line)
{
    static const char version[] = "HTTP/1.1 ";
    const char *digits = line.at + sizeof version - 1;
    if (line.len < sizeof version + 2 || memcmp(line.at, version, sizeof version - 1) != 0)
        return 0;
    if (digits[0] == '0' || !is_digit(digits[0]) || !is_digit(digits[1]) || !is_digit(digits[2]))
        return 0;
    const bool is_end = line.len == sizeof version + 2 || digits[3] == ' ';
    return is_end ? (digits[0] - '0') * 100 + (digits[1] - '0') * 10 + digits[2] - '0' : 0;
}

static bool read_status(struct hresp *r, struct slice *rest)
{
    uint64_t status = 0;
    if ((r->status = usual_status(*rest)) != 0) {
        r->minor = 1;
        *rest = (struct slice){rest->at + sizeof "HTTP/1.1 200" - 1,
                               rest->len - (sizeof "HTTP/1.1 200" - 1)};
        return true;
    }
    if (!read_version(r, take_word(rest)))
        return fail(r, FETCH_PROTOCOL, "unknown HTTP version");
    if (!read_number(take_word(rest), &status) || status < 100 || status > 999)
        return fail(r, FETCH_PROTOCOL, "status is no number of three digits");
    r->status = (int)status;
    return true;
}

static bool take_status_line(struct hresp *r, struct slice rest)
{
    r->has_status = true;
    if (!read_status(r, &rest))
        return false;
    while (rest.len && is_space(*rest.at)) {
        rest.at++;
        rest.len--;
    }
    while (rest.len && is_space(rest.at[rest.len - 1]))
        rest.len--;
    r->reason = rest.at;
    r->reason_len = (uint32_t)rest.len;
    return true;
}

static bool more_headers(struct hresp *r)
{
    if (count_lines(r) == FETCH_MAX_HEADERS)
        return fail(r, FETCH_HEAD_TOO_LARGE, "too many header lines");
    const bool is_inline = r->headers == r->block->headers;
    const uint32_t cap = r->header_cap * 2;
    struct fetch_header *table = mem_realloc(is_inline ? NULL : r->headers, cap * sizeof *table);
    if (is_inline)
        memcpy(table, r->headers, count_lines(r) * sizeof *table);
    r->headers = table;
    r->header_cap = cap;
    return true;
}

/* A line that goes on with the one before it (RFC 9112 5.2): the value becomes one line, with one
 * blank in the place of the fold. */
static void fold(struct hresp *r, struct slice line)
{
    if (!r->can_fold)
        return;
    r->has_folds = true;
    struct fetch_header *h = &r->headers[count_lines(r) - 1];
    const struct slice rest = trim(line);
    char *to = r->text + (h->value + h->value_len - r->text);
    const char *const end = line.at + line.len;
    if (h->value_len && rest.len)
        *to++ = ' ';
    memmove(to, rest.at, rest.len);
    h->value_len = (uint32_t)(to + rest.len - h->value);
    memset(to + rest.len, ' ', (size_t)(end - (to + rest.len)));
}

/* Whether one of eight bytes is below '!' or above '~'. */
static bool has_invisible(const char *eight)
{
    const uint64_t each = UINT64_C(0x0101010101010101), tops = each << 7;
    uint64_t w;
    memcpy(&w, eight, sizeof w);
    return (((w - each * '!') & ~w) | (w + each * ('\x7f' - '~')) | w) & tops;
}

static bool is_name(struct slice name)
{
    if (name.len >= 8) {
        for (size_t i = 0; i + 8 < name.len; i += 8)
            if (has_invisible(name.at + i))
                return false;
        return !has_invisible(name.at + name.len - 8);
    }
    for (size_t i = 0; i < name.len; i++)
        if (name.at[i] <= ' ' || name.at[i] > '~')
            return false;
    return true;
}

static bool take_header_line(struct hresp *r, struct slice line)
{
    if (line.len && is_blank(*line.at)) {
        fold(r, line);
        return true;
    }
    const char *colon = line.len ? memchr(line.at, ':', line.len) : NULL;
    struct slice name = {line.at, colon ? (size_t)(colon - line.at) : 0};
    while (name.len && is_blank(name.at[name.len - 1])) {
        name.len--;
        r->is_odd = true;
    }
    r->can_fold = name.len && is_name(name);
    if (!r->can_fold) {
        r->is_odd |= !colon || name.len;
        return true;
    }
    if (count_lines(r) == r->header_cap || count_lines(r) == FETCH_MAX_HEADERS)
        if (!more_headers(r))
            return false;
    const struct slice value =
        trim((struct slice){colon + 1, (size_t)(line.at + line.len - colon - 1)});
    r->headers[count_lines(r)] = (struct fetch_header){.name = name.at,
                                                       .value = value.at,
                                                       .name_len = (uint32_t)name.len,
                                                       .value_len = (uint32_t)value.len};
    ++*(r->in_trailers ? &r->trailer_count : &r->header_count);
    return true;
}

/* A bare carriage return ends a header line too; who does not think so may see other headers. */
static bool take_header_lines(struct hresp *r, struct slice line)
{
    const char *cr;
    while ((cr = memchr(line.at, '\r', line.len))) {
        const size_t len = (size_t)(cr - line.at);
        r->is_odd = true;
        if (len && !take_header_line(r, (struct slice){line.at, len}))
            return false;
        line.at += len + 1;
        line.len -= len + 1;
    }
    return !line.len || take_header_line(r, line);
}

/* ---- what the head says of the body --------------------------------------------------------- */

struct lengths {
    bool is_given, is_unreadable, is_contradictory;
    uint64_t value;
};

static void read_length(struct lengths *l, struct slice item)
{
    const bool is_minus = item.len > 1 && *item.at == '-';
    const bool is_signed = is_minus || (item.len > 1 && *item.at == '+');
    uint64_t value = 0;
    if (!read_number((struct slice){item.at + is_signed, item.len - is_signed}, &value) ||
        (is_minus && value)) {
        l->is_unreadable = true;
        return;
    }
    l->is_contradictory |= l->is_given && l->value != value;
    l->is_given = true;
    l->value = value;
}

static void read_lengths(struct lengths *l, struct slice value)
{
    bool is_any = false;
    while (value.len) {
        const struct slice item = take_item(&value);
        if (item.len)
            read_length(l, item);
        is_any |= item.len > 0;
    }
    l->is_unreadable |= !is_any;
}

static void read_header(struct hresp *r, const struct fetch_header *h, struct lengths *lengths,
                        bool *is_chunked)
{
    const struct slice name = {h->name, h->name_len};
    struct slice value = {h->value, h->value_len};
    if (is_word(name, "content-length")) {
        read_lengths(lengths, value);
    } else if (is_word(name, "transfer-encoding")) {
        while (value.len)
            *is_chunked |= is_word(take_item(&value), "chunked");
    } else if (is_word(name, "connection")) {
        r->says_close |= has_word(value, "close");
        r->says_keep |= has_word(value, "keep-alive");
    } else if (is_word(name, "keep-alive")) {
        r->says_keep = true;
    }
}

/* The length of a name is enough to pass over nearly all lines. */
static bool can_matter(const struct fetch_header *h)
{
    return h->name_len == 10 || h->name_len == 14 || h->name_len == 17;
}

static bool has_no_body(const struct hresp *r)
{
    return r->is_head_only || r->status == 101 || r->status == 204 || r->status == 304;
}

static bool read_framing(struct hresp *r)
{
    struct lengths lengths = {0};
    bool is_chunked = false;
    for (uint32_t i = 0; i < r->header_count; i++)
        if (can_matter(&r->headers[i]))
            read_header(r, &r->headers[i], &lengths, &is_chunked);
    if (!is_chunked && lengths.is_contradictory && !lengths.is_unreadable)
        return fail(r, FETCH_PROTOCOL, HRESP_CONTRADICTION);
    r->is_odd |= lengths.is_unreadable || (is_chunked && lengths.is_contradictory);
    r->has_length = lengths.is_given && !lengths.is_unreadable && !is_chunked;
    r->length = r->left = r->has_length ? lengths.value : 0;
    r->framing = has_no_body(r)  ? HRESP_NO_BODY
                 : is_chunked    ? HRESP_CHUNKED
                 : r->has_length ? HRESP_BY_LENGTH
                                 : HRESP_UNTIL_CLOSE;
    return true;
}

/* The head ends at that position of text. Interim responses start over behind it. */
static enum hresp_step end_head(struct hresp *r, uint32_t end)
{
    if (r->status < 200 && r->status != 101) {
        r->says_continue |= r->status == 100;
        r->head_start = end;
        r->header_count = 0;
        r->has_status = r->can_fold = false;
        return HRESP_MORE;
    }
    r->head = r->text + r->head_start;
    r->head_len = end - r->head_start;
    r->in_body = true;
    if (!read_framing(r))
        return HRESP_BAD;
    if (r->framing == HRESP_CHUNKED)
        r->text_len = end; /* chunks are given from where they were read */
    r->stable_left = r->text_len - end;
    return HRESP_HEAD;
}

/* One line of text without its line feed; the next one starts at `next`. */
static enum hresp_step take_line(struct hresp *r, struct slice line, uint32_t next)
{
    while (line.len && line.at[line.len - 1] == '\r')
        line.len--;
    r->line_start = next;
    if (!r->has_status) {
        if (!line.len) {
            r->head_start = next; /* an empty line before the answer belongs to nothing */
            return HRESP_MORE;
        }
        return take_status_line(r, line) ? HRESP_MORE : HRESP_BAD;
    }
    if (!line.len)
        return r->in_trailers ? HRESP_END : end_head(r, next);
    return take_header_lines(r, line) ? HRESP_MORE : HRESP_BAD;
}

/* What does not begin as an answer is refused at once: its line may never end. */
static bool may_become_answer(struct hresp *r)
{
    static const char start[] = "HTTP/";
    uint32_t at = r->line_start;
    if (r->text_len - at >= sizeof start - 1 && !memcmp(r->text + at, start, sizeof start - 1))
        return true;
    while (at < r->text_len && is_space(r->text[at]))
        at++;
    for (uint32_t i = 0; i < sizeof start - 1 && at + i < r->text_len; i++)
        if (r->text[at + i] != start[i])
            return fail(r, FETCH_PROTOCOL, "not an HTTP response");
    return true;
}

/* Parses the bytes of text from that position on; *end is where the final head, or the trailers,
 * ended. */
static enum hresp_step parse_lines(struct hresp *r, uint32_t from, uint32_t *end)
{
    const char *feed;
    while (from < r->text_len && (feed = memchr(r->text + from, '\n', r->text_len - from))) {
        if (!r->has_status && !may_become_answer(r))
            return HRESP_BAD;
        const struct slice line = {r->text + r->line_start,
                                   (size_t)(feed - r->text) - r->line_start};
        from = (uint32_t)(feed - r->text) + 1;
        const enum hresp_step step = take_line(r, line, from);
        if (step != HRESP_MORE) {
            *end = from;
            return step;
        }
    }
    return r->has_status || may_become_answer(r) ? HRESP_MORE : HRESP_BAD;
}

static enum hresp_step feed_lines(struct hresp *r, const char *bytes, size_t len, size_t *used)
{
    while (*used < len) {
        if (r->text_len >= FETCH_MAX_HEAD) {
            fail(r, FETCH_HEAD_TOO_LARGE,
                 r->in_trailers ? "trailers too large" : "response head too large");
            return HRESP_BAD;
        }
        if (r->text_len == r->text_cap)
            grow(r);
        const size_t cap = r->text_cap < FETCH_MAX_HEAD ? r->text_cap : FETCH_MAX_HEAD;
        const size_t room = cap - r->text_len;
        const size_t part = len - *used < room ? len - *used : room;
        const uint32_t start = r->text_len;
        memcpy(r->text + start, bytes + *used, part);
        r->text_len += (uint32_t)part;
        uint32_t end = r->text_len;
        const enum hresp_step step = parse_lines(r, start, &end);
        *used += end - start;
        if (step != HRESP_MORE)
            return step;
    }
    return HRESP_MORE;
}

/* ---- the body ------------------------------------------------------------------------------- */

static bool give(struct hresp *r, const char *bytes, size_t len)
{
    r->payload += len;
    return !len || r->on_body(r->arg, bytes, len);
}

/* A trailer that is odd cannot move the end of the answer: the connection is as good as before. */
static enum hresp_step feed_trailers(struct hresp *r, const char *bytes, size_t len, size_t *used)
{
    const bool was_odd = r->is_odd;
    const enum hresp_step step = feed_lines(r, bytes, len, used);
    r->is_odd = was_odd;
    return step;
}

static enum hresp_step feed_chunks(struct hresp *r, const char *bytes, size_t len, size_t *used)
{
    const char *at = bytes;
    struct hchunk_span span;
    enum hchunk_step step;
    while ((step = hchunk_next(&r->chunk, &at, bytes + len, &span)) == HCHUNK_DATA)
        if (!give(r, span.bytes, span.len))
            return HRESP_BAD;
    *used = (size_t)(at - bytes);
    if (step == HCHUNK_BAD) {
        fail(r, FETCH_PROTOCOL, hchunk_what(&r->chunk));
        return HRESP_BAD;
    }
    if (step == HCHUNK_END) {
        r->in_trailers = true;
        r->can_fold = false;
        r->line_start = r->text_len;
    }
    return HRESP_MORE;
}

static enum hresp_step parse_chunks(struct hresp *r, const char *bytes, size_t len, size_t *used)
{
    enum hresp_step step = HRESP_MORE;
    size_t part = 0;
    if (!r->in_trailers)
        step = feed_chunks(r, bytes, len, &part);
    if (step == HRESP_MORE && r->in_trailers)
        step = feed_trailers(r, bytes, len, &part);
    *used += part;
    r->wire += part;
    if (step == HRESP_BAD || r->wire <= FRAMING_SLACK + r->payload * (FRAMING_RATIO + 1))
        return step;
    fail(r, FETCH_PROTOCOL, "chunk framing without end");
    return HRESP_BAD;
}

static enum hresp_step parse_body(struct hresp *r, const char *bytes, size_t len, size_t *used)
{
    if (r->framing == HRESP_NO_BODY)
        return HRESP_END;
    if (r->framing == HRESP_CHUNKED)
        return parse_chunks(r, bytes, len, used);
    const bool is_counted = r->framing == HRESP_BY_LENGTH;
    const size_t part = is_counted && r->left < len ? (size_t)r->left : len;
    *used += part;
    r->left -= is_counted ? part : 0;
    if (!give(r, bytes, part))
        return HRESP_BAD;
    return is_counted && !r->left ? HRESP_END : HRESP_MORE;
}

static enum hresp_step feed_head(struct hresp *r, const char *bytes, size_t len, size_t *used)
{
    if (r->known && !r->text_len && hresp_recall(r, bytes, len, used))
        return HRESP_HEAD;
    const enum hresp_step step = feed_lines(r, bytes, len, used);
    if (r->known && step == HRESP_HEAD)
        hresp_learn(r);
    return step;
}

enum hresp_step hresp_feed(struct hresp *r, const char *bytes, size_t len, size_t *used)
{
    *used = 0;
    if (!r->in_body)
        return feed_head(r, bytes, len, used);
    if (r->stable_left) {
        const char *from = r->text + r->text_len - r->stable_left;
        const size_t part = r->stable_left;
        r->stable_left = 0;
        r->is_stable = true;
        const enum hresp_step step = parse_body(r, from, part, used);
        r->is_stable = false;
        if (step != HRESP_MORE || part == len)
            return step;
    }
    return parse_body(r, bytes + *used, len - *used, used);
}

enum fetch_error hresp_eof(struct hresp *r)
{
    if (!r->text_len)
        return FETCH_CLOSED;
    if (!r->in_body) {
        fail(r, FETCH_INCOMPLETE, "connection closed within the response head");
        return FETCH_INCOMPLETE;
    }
    if (r->framing == HRESP_CHUNKED)
        return hchunk_may_end(&r->chunk) ? FETCH_OK : FETCH_INCOMPLETE;
    return r->framing == HRESP_BY_LENGTH && r->left ? FETCH_INCOMPLETE : FETCH_OK;
}

int hresp_status(const struct hresp *r)
{
    return r->status;
}

unsigned hresp_minor(const struct hresp *r)
{
    return r->minor;
}

uint64_t hresp_left(const struct hresp *r)
{
    return r->in_body && r->framing == HRESP_BY_LENGTH && !r->stable_left ? r->left : 0;
}

bool hresp_length(const struct hresp *r, uint64_t *len)
{
    *len = r->length;
    return r->framing == HRESP_BY_LENGTH;
}

bool hresp_keeps_alive(const struct hresp *r)
{
    if (r->status == 101 || r->framing == HRESP_UNTIL_CLOSE || r->is_odd || r->chunk.is_odd)
        return false;
    return !r->says_close && (r->minor || r->says_keep);
}

const struct fetch_header *hresp_find(const struct hresp *r, const char *name, uint32_t *at)
{
    const size_t len = strlen(name);
    for (uint32_t i = *at; i < r->header_count; i++) {
        const struct fetch_header *h = &r->headers[i];
        if (h->name_len == len && strncasecmp(h->name, name, len) == 0) {
            *at = i + 1;
            return h;
        }
    }
    return NULL;
}
