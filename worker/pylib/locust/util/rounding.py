# SPDX-License-Identifier: MIT


def proper_round(val, digits=0):
    """Rounds halves up, as people do, not to the even neighbour."""
    number = float(val)
    return round(number + 10 ** (-len(str(number)) - 1), digits)
