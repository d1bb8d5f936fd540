// SPDX-License-Identifier: MIT
/* See bridge.h. One mutex guards everything; it is never held while a command is executed or a
 * view is read. A waiting submitter's slot lives on its own stack: it is taken off the queue
 * before the submitter returns, whatever happens first, the answer or the timeout. */
#include "master/web/bridge.h"
#include "common/base/clk.h"
#include "common/base/handle.h"
#include "common/base/mem.h"
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define MAX_WAITING 64

struct slot {
    struct command command;
    struct command_result result;
    enum { SLOT_QUEUED, SLOT_RUNNING, SLOT_DONE } state;
    struct slot *next;
};

#define BRIDGE_TAG 0x62726964u /* "brid" */

struct bridge {
    uint32_t tag;
    pthread_mutex_t lock;
    pthread_cond_t answered, published;
    int fd;
    struct slot *first, **last;
    unsigned waiting;
    struct view *view;
    bool is_closed;
};

void command_forget_classes(struct command *c)
{
    for (size_t i = 0; c->user_classes && c->user_classes[i]; i++)
        free(c->user_classes[i]);
    free(c->user_classes);
    c->user_classes = NULL;
}

void command_fini(struct command *c)
{
    free(c->host);
    command_forget_classes(c);
    for (size_t i = 0; i < c->field_count; i++) {
        free(c->fields[i].name);
        free(c->fields[i].value);
    }
    free(c->fields);
    free(c->json);
    free(c->class_settings);
    free(c->thresholds);
    free(c->text);
    c->host = c->json = c->class_settings = c->thresholds = c->text = NULL;
    c->fields = NULL;
    c->field_count = 0;
}

static struct command_result refusal(const char *text)
{
    struct command_result r = {.is_ok = false};
    snprintf(r.text, sizeof r.text, "%s", text);
    return r;
}

struct bridge *bridge_new(void)
{
    struct bridge *b = mem_zalloc(sizeof *b);
    HANDLE_MADE(b, BRIDGE_TAG);
    pthread_mutex_init(&b->lock, NULL);
    pthread_cond_init(&b->answered, NULL);
    pthread_cond_init(&b->published, NULL);
    b->last = &b->first;
    b->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (b->fd < 0) {
        perror("eventfd");
        abort();
    }
    return b;
}

void bridge_free(struct bridge *b)
{
    if (!b)
        return;
    HANDLE_IS(b, BRIDGE_TAG);
    close(b->fd);
    if (b->view)
        view_unref(b->view);
    pthread_cond_destroy(&b->answered);
    pthread_cond_destroy(&b->published);
    pthread_mutex_destroy(&b->lock);
    HANDLE_ENDS(b);
    free(b);
}

static uint64_t deadline_in(int timeout_ms)
{
    return clk_mono_ns() + (uint64_t)timeout_ms * UINT64_C(1000000);
}

static void wake_main(const struct bridge *b)
{
    uint64_t one = 1;
    while (write(b->fd, &one, sizeof one) < 0 && errno == EINTR)
        ;
}

static void enqueue(struct bridge *b, struct slot *s)
{
    *b->last = s;
    b->last = &s->next;
    b->waiting++;
}

static void dequeue(struct bridge *b, struct slot *s)
{
    struct slot **at = &b->first;
    while (*at && *at != s)
        at = &(*at)->next;
    if (!*at)
        return;
    *at = s->next;
    if (b->last == &s->next)
        b->last = at;
    b->waiting--;
}

/* With the lock held. A command that runs already is waited for: it ends without our help. */
static void await_answer(struct bridge *b, struct slot *s, int timeout_ms)
{
    const uint64_t until = deadline_in(timeout_ms);
    while (s->state != SLOT_DONE && !(b->is_closed && s->state == SLOT_QUEUED)) {
        if (s->state == SLOT_RUNNING)
            pthread_cond_wait(&b->answered, &b->lock);
        else if (clk_cond_wait(&b->answered, &b->lock, until) == ETIMEDOUT &&
                 s->state == SLOT_QUEUED)
            break;
    }
    if (s->state == SLOT_QUEUED)
        dequeue(b, s);
}

struct command_result bridge_submit(struct bridge *b, struct command *c, int timeout_ms)
{
    HANDLE_IS(b, BRIDGE_TAG);
    struct slot s = {.command = *c, .state = SLOT_QUEUED};
    s.result = refusal("The master did not answer in time; the command was withdrawn.");
    memset(c, 0, sizeof *c);
    pthread_mutex_lock(&b->lock);
    if (b->is_closed) {
        s.result = refusal("The master is shutting down.");
    } else if (b->waiting >= MAX_WAITING) {
        s.result = refusal("Too many commands wait already; try again in a moment.");
    } else {
        enqueue(b, &s);
        wake_main(b);
        await_answer(b, &s, timeout_ms);
        if (s.state == SLOT_QUEUED && b->is_closed)
            s.result = refusal("The master is shutting down.");
    }
    pthread_mutex_unlock(&b->lock);
    command_fini(&s.command);
    return s.result;
}

struct view *bridge_view(struct bridge *b)
{
    HANDLE_IS(b, BRIDGE_TAG);
    pthread_mutex_lock(&b->lock);
    struct view *v = b->view;
    if (v)
        view_ref(v);
    pthread_mutex_unlock(&b->lock);
    return v;
}

struct view *bridge_wait_view(struct bridge *b, uint64_t tick, int timeout_ms)
{
    HANDLE_IS(b, BRIDGE_TAG);
    const uint64_t until = deadline_in(timeout_ms);
    int rc = 0;
    pthread_mutex_lock(&b->lock);
    while (!b->is_closed && rc == 0 && !(b->view && b->view->tick > tick))
        rc = clk_cond_wait(&b->published, &b->lock, until);
    struct view *v = b->view && b->view->tick > tick ? b->view : NULL;
    if (v)
        view_ref(v);
    pthread_mutex_unlock(&b->lock);
    return v;
}

int bridge_fd(const struct bridge *b)
{
    HANDLE_IS(b, BRIDGE_TAG);
    return b->fd;
}

static struct slot *take_slot(struct bridge *b)
{
    pthread_mutex_lock(&b->lock);
    struct slot *s = b->is_closed ? NULL : b->first;
    if (s) {
        dequeue(b, s);
        s->state = SLOT_RUNNING;
    }
    pthread_mutex_unlock(&b->lock);
    return s;
}

void bridge_run_commands(struct bridge *b,
                         struct command_result (*execute)(void *arg, struct command *c), void *arg)
{
    HANDLE_IS(b, BRIDGE_TAG);
    uint64_t wakes;
    while (read(b->fd, &wakes, sizeof wakes) < 0 && errno == EINTR)
        ;
    for (struct slot *s = take_slot(b); s; s = take_slot(b)) {
        s->command.ticket = s;
        struct command_result result = execute(arg, &s->command);
        if (!result.is_pending)
            bridge_answer(b, s, &result);
    }
}

void bridge_answer(struct bridge *b, void *ticket, const struct command_result *result)
{
    HANDLE_IS(b, BRIDGE_TAG);
    struct slot *s = ticket;
    pthread_mutex_lock(&b->lock);
    s->result = *result;
    s->state = SLOT_DONE;
    pthread_cond_broadcast(&b->answered);
    pthread_mutex_unlock(&b->lock);
}

void bridge_publish(struct bridge *b, struct view *v)
{
    HANDLE_IS(b, BRIDGE_TAG);
    pthread_mutex_lock(&b->lock);
    struct view *old = b->view;
    b->view = v;
    pthread_cond_broadcast(&b->published);
    pthread_mutex_unlock(&b->lock);
    if (old)
        view_unref(old);
}

void bridge_close(struct bridge *b)
{
    HANDLE_IS(b, BRIDGE_TAG);
    pthread_mutex_lock(&b->lock);
    b->is_closed = true;
    pthread_cond_broadcast(&b->answered);
    pthread_cond_broadcast(&b->published);
    pthread_mutex_unlock(&b->lock);
}
