// SPDX-License-Identifier: MIT
/* One process-wide log, the only mutable global of common/: a line is formatted outside the lock,
 * then written by one write(2), here or by a thread, so lines of several threads or processes that
 * append to the same file do not mix. A log that cannot be written is not worth ending a test: such
 * lines are lost, and log_error_number says so. */
#include "common/base/log.h"

#include "common/base/clk.h"
#include "common/base/sbuf.h"
#include "common/base/whole.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

static struct {
    _Atomic int level;
    pthread_mutex_t lock; /* guards what follows */
    int fd;
    int error; /* of the first write that failed */
    void (*sink)(void *arg, enum log_level level, const char *line);
    void *sink_arg;
    bool is_behind;      /* lines go to `waiting`, a thread writes them */
    bool is_writing;     /* it is at it */
    struct sbuf waiting; /* whole lines */
    unsigned long left_out;
    pthread_cond_t added, written;
} the_log = {.level = LOG_INFO,
             .lock = PTHREAD_MUTEX_INITIALIZER,
             .fd = STDERR_FILENO,
             .added = PTHREAD_COND_INITIALIZER,
             .written = PTHREAD_COND_INITIALIZER};

void log_set_level(enum log_level level)
{
    atomic_store_explicit(&the_log.level, (int)level, memory_order_relaxed);
}

bool log_enabled(enum log_level level)
{
    return (int)level >= atomic_load_explicit(&the_log.level, memory_order_relaxed);
}

int log_open(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (fd < 0)
        return -1;
    pthread_mutex_lock(&the_log.lock);
    int old = the_log.fd;
    the_log.fd = fd;
    pthread_mutex_unlock(&the_log.lock);
    if (old != STDERR_FILENO)
        close(old);
    return 0;
}

int log_error_number(void)
{
    pthread_mutex_lock(&the_log.lock);
    int error = the_log.error;
    pthread_mutex_unlock(&the_log.lock);
    return error;
}

void log_set_sink(void (*sink)(void *arg, enum log_level level, const char *line), void *arg)
{
    pthread_mutex_lock(&the_log.lock);
    the_log.sink = sink;
    the_log.sink_arg = arg;
    pthread_mutex_unlock(&the_log.lock);
}

static const char *level_name(enum log_level level)
{
    if (level >= LOG_CRITICAL)
        return "CRITICAL";
    if (level >= LOG_ERROR)
        return "ERROR";
    if (level >= LOG_WARNING)
        return "WARNING";
    return level >= LOG_INFO ? "INFO" : "DEBUG";
}

static void add_head(struct sbuf *b, enum log_level level, const char *logger)
{
    double now = clk_wall();
    time_t second = (time_t)now;
    struct tm tm;
    localtime_r(&second, &tm);
    char stamp[32];
    strftime(stamp, sizeof stamp, "%Y-%m-%d %H:%M:%S", &tm);
    char host[256] = "";
    gethostname(host, sizeof host - 1);
    host[strcspn(host, ".")] = 0;
    sbuf_addf(b, "[%s,%03d] %s/%s/%s: ", stamp, (int)((now - (double)second) * 1000), host,
              level_name(level), logger);
}

/* A terminal obeys control characters; the texts of strangers must not command it. */
static void add_escaped(struct sbuf *b, const char *text)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        bool is_c1 = c == 0xC2 && (unsigned char)text[1] >= 0x80 && (unsigned char)text[1] < 0xA0;
        if (is_c1)
            sbuf_addf(b, "\\x%02x", (unsigned char)*++text);
        else if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7F)
            sbuf_addf(b, "\\x%02x", c);
        else
            sbuf_addc(b, (char)c);
    }
}

/* With the lock held. */
static void note_error(int error)
{
    if (the_log.error == 0)
        the_log.error = error;
}

/* With the lock held. */
static void add_waiting(const struct sbuf *line)
{
    if (the_log.waiting.len + line->len > LOG_WAITING_MAX)
        the_log.left_out++;
    else
        sbuf_add(&the_log.waiting, line->data, line->len);
    pthread_cond_signal(&the_log.added);
}

static void add_left_out(struct sbuf *text, unsigned long lines)
{
    if (!lines)
        return;
    add_head(text, LOG_WARNING, "root");
    sbuf_addf(text, "%lu lines are missing here: they could not be written in time\n", lines);
}

static void *write_waiting(void *arg)
{
    pthread_mutex_lock(&the_log.lock);
    for (;;) {
        while (the_log.waiting.len == 0)
            pthread_cond_wait(&the_log.added, &the_log.lock);
        struct sbuf text = the_log.waiting;
        unsigned long left_out = the_log.left_out;
        the_log.waiting = (struct sbuf){0};
        the_log.left_out = 0;
        the_log.is_writing = true;
        int fd = the_log.fd;
        pthread_mutex_unlock(&the_log.lock);
        add_left_out(&text, left_out);
        int error = whole_write(fd, text.data, text.len);
        sbuf_fini(&text);
        pthread_mutex_lock(&the_log.lock);
        note_error(error);
        the_log.is_writing = false;
        pthread_cond_broadcast(&the_log.written);
    }
    return arg;
}

/* Signals are the main thread's. */
void log_write_behind(void)
{
    pthread_t thread;
    sigset_t every, before;
    if (the_log.fd == STDERR_FILENO || the_log.is_behind)
        return;
    sigfillset(&every);
    pthread_sigmask(SIG_SETMASK, &every, &before);
    bool is_there = pthread_create(&thread, NULL, write_waiting, NULL) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!is_there)
        return; /* then lines are written as before */
    pthread_detach(thread);
    pthread_mutex_lock(&the_log.lock);
    the_log.is_behind = true;
    pthread_mutex_unlock(&the_log.lock);
}

bool log_settle(double wait_s)
{
    uint64_t until = clk_mono_ns() + (uint64_t)(wait_s * 1e9);
    bool is_in_time = true;
    pthread_mutex_lock(&the_log.lock);
    while (is_in_time && (the_log.waiting.len > 0 || the_log.is_writing))
        is_in_time = clk_cond_wait(&the_log.written, &the_log.lock, until) != ETIMEDOUT;
    if (!is_in_time)
        note_error(ETIMEDOUT);
    pthread_mutex_unlock(&the_log.lock);
    return is_in_time;
}

void log_write(enum log_level level, const char *logger, const char *format, ...)
{
    if (!log_enabled(level))
        return;
    int saved = errno;
    struct sbuf text = {0}, line = {0};
    va_list args;
    va_start(args, format);
    sbuf_addv(&text, format, args);
    va_end(args);
    add_head(&line, level, logger);
    add_escaped(&line, text.data);
    size_t len = line.len;
    sbuf_addc(&line, '\n');
    pthread_mutex_lock(&the_log.lock);
    if (the_log.is_behind)
        add_waiting(&line);
    else
        note_error(whole_write(the_log.fd, line.data, line.len));
    if (the_log.sink) {
        line.data[len] = 0;
        the_log.sink(the_log.sink_arg, level, line.data);
    }
    pthread_mutex_unlock(&the_log.lock);
    sbuf_fini(&text);
    sbuf_fini(&line);
    errno = saved;
}
