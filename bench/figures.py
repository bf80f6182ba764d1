"""The few statistics that the tables need."""

import math
import random
import statistics


def median(values):
    return statistics.median(values)


def quartiles(values):
    if len(values) < 3:
        return min(values), max(values)
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, high


def geometric_mean(values):
    return math.exp(statistics.fmean(math.log(value) for value in values))


def paired_ratios(ours, theirs):
    """Round by round: what both met was the same machine in the same mood."""
    return [a / b for a, b in zip(ours, theirs)]


def interval_of_geometric_mean(ratios_by_program, draws=4000, seed=1):
    """95 % interval of the geometric mean over programs of the median ratio over rounds, by drawing rounds anew."""
    chance = random.Random(seed)
    means = sorted(geometric_mean([median(chance.choices(ratios, k=len(ratios))) for ratios in ratios_by_program])
                   for _ in range(draws))
    return means[int(draws * 0.025)], means[int(draws * 0.975)]
