// SPDX-License-Identifier: MIT
/* JTL: the CSV file of JMeter 5, with its default columns; Taurus, Jenkins and BlazeMeter read it,
 * each by rules of its own, all of which are kept to: whole milliseconds, true and false, the time
 * of the start, label before URL, no line end within a line. */
#include "worker/journal/journal_format.h"

#include <string.h>

static void head(struct sbuf *out)
{
    sbuf_adds(out, "timeStamp,elapsed,label,responseCode,responseMessage,threadName,dataType,"
                   "success,failureMessage,bytes,sentBytes,grpThreads,allThreads,URL,Latency,"
                   "IdleTime,Connect\n");
}

static void add_number(struct sbuf *out, uint64_t number)
{
    char text[24];
    char *end = put_u64(text, number);
    *end++ = ',';
    sbuf_add(out, text, (size_t)(end - text));
}

static void add_text(struct sbuf *out, struct journal_text text)
{
    add_csv_field(out, text);
    sbuf_addc(out, ',');
}

static uint64_t ms_of(uint64_t us)
{
    return (us + 500) / 1000;
}

/* Text that is nobody's, but in the file's own words. */
static struct journal_text word(const char *text)
{
    return (struct journal_text){text, strlen(text)};
}

/* "Class 1-17". Taurus takes what is before the last - for the group of threads, of which each
 * worker has its own. */
static void add_thread(struct journal_writing *w, const struct journal_seen *p,
                       const struct journal_request *r, struct sbuf *out)
{
    struct sbuf *name = &w->rest;
    char number[24];
    sbuf_clear(name);
    if (w->worker) {
        sbuf_adds(name, w->worker);
        sbuf_addc(name, ' ');
    }
    if (p->part[JOURNAL_CLASS].len)
        sbuf_add(name, p->part[JOURNAL_CLASS].text, p->part[JOURNAL_CLASS].len);
    else
        sbuf_adds(name, "katydid");
    sbuf_adds(name, " 1-");
    sbuf_add(name, number, (size_t)(put_u64(number, r->n.user) - number));
    add_text(out, (struct journal_text){name->data, name->len});
}

static void lines(struct journal_writing *w, struct journal_seen *p,
                  const struct journal_request *r, struct sbuf *out)
{
    const struct journal_numbers *n = &r->n;
    const uint32_t *us = n->phase_us;
    const uint64_t time_us = n->time_us == JOURNAL_NO_TIME ? 0 : n->time_us;
    const uint64_t receive_us = us[JOURNAL_RECEIVE] < time_us ? us[JOURNAL_RECEIVE] : 0;
    char status[8] = "";
    if (n->status)
        *put_u64(status, n->status) = 0;
    add_number(out, (n->ended_us - time_us) / 1000);
    add_number(out, ms_of(time_us));
    add_text(out, p->part[JOURNAL_NAME]);
    add_text(out, word(n->status ? status : n->is_failed ? "0" : ""));
    add_text(out, n->is_failed && r->error.len ? r->error : r->reason.len ? r->reason : word("OK"));
    add_thread(w, p, r, out);
    sbuf_adds(out, "text,");
    add_text(out, word(n->is_failed ? "false" : "true"));
    add_text(out, n->is_failed ? r->error : word(""));
    add_number(out, n->is_measured ? n->received_bytes : n->bytes);
    add_number(out, n->sent_bytes);
    add_number(out, n->class_users);
    add_number(out, n->users);
    add_text(out, r->url);
    add_number(out, n->is_measured ? ms_of(time_us - receive_us) : 0);
    add_number(out, 0);
    add_number(out, ms_of((uint64_t)us[JOURNAL_DNS] + us[JOURNAL_CONNECT] + us[JOURNAL_TLS]));
    out->data[out->len - 1] = '\n';
}

const struct journal_format journal_jtl = {.name = "jtl", .head = head, .lines = lines};
