# SPDX-License-Identifier: MIT
"""What thresholds of the master call a good answer of a language model: "ttft<300ms & itl<50ms" (katydid.llm counts them)."""

wanted = []  # always this list


def take_goodputs(texts):
    wanted[:] = texts
