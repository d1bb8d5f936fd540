// SPDX-License-Identifier: MIT
/* keyboard: w and W start 1 or 10 users more, s and S stop as many, Enter opens the page, as in
 * Locust. Not when we are in the background of the terminal that is our standard input; its mode is
 * restored at the end. */
#include "common/base/log.h"
#include "master/app/core.h"
#include <math.h>
#include <termios.h>
#include <unistd.h>

#define KEY_RATE 100.0

static void change_users(struct master *m, double by)
{
    if (m->machine.finish != FINISH_NOT || !m->nodes.host.has_script ||
        (by < 0 && !run_is_active(&m->machine.run)))
        return;
    if (m->machine.run.state == RUN_SPAWNING) {
        log_warning("root", by > 0 ? "Already spawning users, can't spawn more right now"
                                   : "Spawning users, can't stop right now");
        return;
    }
    if (m->machine.is_shaped) {
        log_warning("root", "The load shape decides how many users there are");
        return;
    }
    m->machine.load.users = fmax(0, (double)roster_user_count(&m->machine.roster) + by);
    m->machine.load.spawn_rate = KEY_RATE;
    page_audit(m, "terminal", run_is_active(&m->machine.run) ? "edit" : "start",
               m->machine.load.users);
    if (run_is_active(&m->machine.run)) {
        run_on(m, &(struct machine_event){.kind = ON_AIM});
        return;
    }
    const char *refusal = run_begin(m);
    if (refusal)
        log_warning("root", "%s", refusal);
}

static void on_key(evutil_socket_t fd, short what, void *arg)
{
    struct master *m = arg;
    char key = 0;
    (void)what;
    if (read(fd, &key, 1) != 1) {
        event_del(m->key_event);
        return;
    }
    if (key == 'w' || key == 'W')
        change_users(m, key == 'w' ? 1 : 10);
    else if (key == 's' || key == 'S')
        change_users(m, key == 's' ? -1 : -10);
    else if (key == '\n' || key == '\r')
        script_open_page(&m->nodes, m->page_url);
}

void keyboard_open(struct master *m)
{
    struct termios mode;
    const pid_t front = tcgetpgrp(STDIN_FILENO); /* -1: it is not the one that controls us */
    const bool is_behind = front != -1 && front != getpgrp();
    if (!isatty(STDIN_FILENO) || is_behind || tcgetattr(STDIN_FILENO, &m->terminal_mode) != 0) {
        log_debug("root", "Terminal was not a tty. Keyboard input disabled");
        return;
    }
    mode = m->terminal_mode;
    mode.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    mode.c_cc[VMIN] = 1;
    mode.c_cc[VTIME] = 0;
    if (tcsetattr(STDIN_FILENO, TCSANOW, &mode) != 0)
        return;
    m->key_event = event_new(m->base, STDIN_FILENO, EV_READ | EV_PERSIST, on_key, m);
    event_add(m->key_event, NULL);
}

void keyboard_close(struct master *m)
{
    if (!m->key_event)
        return;
    event_free(m->key_event);
    m->key_event = NULL;
    tcsetattr(STDIN_FILENO, TCSANOW, &m->terminal_mode);
}
