// SPDX-License-Identifier: MIT
/* suspend: Ctrl+Z. The children are in process groups of their own, which a terminal does not stop:
 * so they are stopped before we are, and go on when we do. That we stood still is seen and told by
 * absence.c and by the workers. */
#include "master/app/core.h"
#include <signal.h>

static void on_suspend(evutil_socket_t signal_number, short what, void *arg)
{
    struct master *m = arg;
    (void)signal_number;
    (void)what;
    bool has_keyboard = m->key_event != NULL;
    keyboard_close(m); /* the shell wants the terminal as it was */
    children_signal(&m->nodes.children, SIGSTOP);
    raise(SIGSTOP); /* comes back after SIGCONT */
    children_signal(&m->nodes.children, SIGCONT);
    if (has_keyboard)
        keyboard_open(m);
}

void suspend_open(struct master *m)
{
    struct sigaction now;
    if (sigaction(SIGTSTP, NULL, &now) == 0 && now.sa_handler == SIG_IGN)
        return; /* a shell without job control */
    m->suspend = evsignal_new(m->base, SIGTSTP, on_suspend, m);
    event_add(m->suspend, NULL);
}

void suspend_close(struct master *m)
{
    if (m->suspend)
        event_free(m->suspend);
    m->suspend = NULL;
}
