// SPDX-License-Identifier: MIT
/* Any bytes as what a receiver of figures answers: its status (first byte), headers, and behind an
 * empty line its body. It is judged, with words where it was not taken. */
#include "master/sink/http_post.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    struct http_answer a = {.status = data[0] * 3};
    struct delivery_trouble t = {0};
    const char *head = (const char *)data + 1;
    const char *end = memmem(head, size - 1, "\n\n", 2);
    const size_t head_len = end ? (size_t)(end - head) + 1 : size - 1;
    double number = 0;
    size_t len = 0;
    sbuf_add(&a.headers, head, head_len);
    sbuf_add(&a.body, head + head_len, size - 1 - head_len);
    a.body_bytes = a.body.len;
    if (http_answer_number(&a, "retry-after", &number))
        a.retry_after_s = number;
    const char *text = http_answer_text(&a, "grpc-message", &len);
    MUST(!text || (text >= a.headers.data && text + len <= a.headers.data + a.headers.len));
    http_judge(&a, &t);
    MUST(a.status / 100 == 2 || t.why.len);
    sbuf_fini(&t.why);
    http_answer_fini(&a);
    return 0;
}
