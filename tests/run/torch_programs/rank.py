"""One rank of a job, as torchrun starts it: RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT say which. Sums tensors over all ranks; rank 0
prints what came out.

    rank.py [lose=BYTES] [wait=FILE]

lose: the last rank loses a block of so many bytes. wait: when all is summed, each rank makes FILE.RANK and allocates until it is killed.
"""

import os
import pathlib
import sys
import time

import torch
import torch.distributed as distributed
from losing import lose


def main(*words):
    options = dict(word.split("=", 1) for word in words)
    torch.set_num_threads(1)
    distributed.init_process_group("gloo")
    rank, size = distributed.get_rank(), distributed.get_world_size()
    values = torch.full((1000,), float(rank + 1))
    for _ in range(5):
        distributed.all_reduce(values)
    if rank == 0:
        print("sum", values[0].item(), values[-1].item(), flush=True)
    if rank == size - 1 and "lose" in options:
        lose(int(options["lose"]))
    if "wait" in options:
        pathlib.Path(f"{options['wait']}.{rank}").touch()
        while True:
            torch.ones(100_000)
            time.sleep(0.01)
    distributed.barrier()
    distributed.destroy_process_group()


if __name__ == "__main__":
    main(*sys.argv[1:])
