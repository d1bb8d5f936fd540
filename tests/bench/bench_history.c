// SPDX-License-Identifier: MIT
/* What storing runs costs: bench_history FOLDER ROWS SECONDS [RUNS] stores runs that never were,
 * and says the processor time that took, as a share of the time they would have had, and their
 * size. */
#include "tests/unit/played_runs.h"
#include <stdio.h>

int main(int argc, char **argv)
{
    if (argc < 4)
        return 2;
    const size_t seconds = strtoul(argv[3], NULL, 10);
    const size_t runs = argc > 4 ? strtoul(argv[4], NULL, 10) : 1;
    double took = 0;
    for (size_t i = 0; i < runs; i++)
        took += play_run((struct played){.folder = argv[1],
                                         .id = i % 2 ? "b" : "a",
                                         .rows = strtoul(argv[2], NULL, 10),
                                         .seconds = seconds,
                                         .per_second = 10,
                                         .started = 1700000000.0 + 1e6 * (double)i,
                                         .level_ms = 100,
                                         .users = 50,
                                         .has_parts = true,
                                         .seed = i + 1});
    printf("%.3f s of the processor, %.4f %% of a core\n", took,
           100 * took / (double)(seconds * runs));
    return 0;
}
