"""How busy the machine is with others' work, for tests of times: a time that was taken beside it says little of the code."""

import os
import resource

TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
IDLE, IOWAIT, GUEST = 3, 4, 8  # of the cpu line of /proc/stat; a guest's time is in user time, too


def _busy_seconds():
    """Of all processors, what a hypervisor took included."""
    with open("/proc/stat") as file:
        ticks = [int(word) for word in file.readline().split()[1:]]
    return sum(count for i, count in enumerate(ticks[:GUEST]) if i not in (IDLE, IOWAIT)) / TICKS_A_SECOND


def _own_seconds():
    """Of this process and its children that have ended."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


class OthersAtWork:
    """with OthersAtWork() as others: ...; then others.share: their processor time, as a share of this process's own and its children's."""

    def __enter__(self):
        self._busy, self._own = _busy_seconds(), _own_seconds()
        return self

    def __exit__(self, *_):
        own = _own_seconds() - self._own
        self.share = max(0, _busy_seconds() - self._busy - own) / max(own, 1 / TICKS_A_SECOND)
