"""A DataLoader over a seeded data set, whose batches' sums go to stdout.

    loader.py START_METHOD [persistent] [epochs=N] [lose=BYTES]

lose: worker 0 loses one block of malloc's of so many bytes, at its first item.
"""

import sys

import torch
from losing import lose
from torch.utils.data import DataLoader, Dataset, get_worker_info

WORKERS = 2
ITEMS, BATCH = 40, 4


class Squares(Dataset):
    def __init__(self, lost_bytes):
        self.lost_bytes = lost_bytes
        self.values = torch.randn(ITEMS, 64, generator=torch.Generator().manual_seed(5))

    def __len__(self):
        return ITEMS

    def __getitem__(self, index):
        if self.lost_bytes and get_worker_info().id == 0:
            lose(self.lost_bytes)
            self.lost_bytes = 0
        return self.values[index] ** 2, index


def main(start_method, *words):
    options = dict(word.split("=") for word in words if "=" in word)
    loader = DataLoader(Squares(int(options.get("lose", 0))), batch_size=BATCH, num_workers=WORKERS, multiprocessing_context=start_method,
                        persistent_workers="persistent" in words, pin_memory=False)
    for epoch in range(int(options.get("epochs", 2))):
        for values, indices in loader:
            print(epoch, indices.tolist(), values.sum(dim=1).tolist())


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(*sys.argv[1:])
