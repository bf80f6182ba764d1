"""A seeded training loop with autograd; its losses and weights go to stdout, in full.

    training.py [threads=N]
"""

import hashlib
import sys

import torch
from torch import nn


def main(threads=1):
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(32, 128), nn.ReLU(), nn.BatchNorm1d(128), nn.Linear(128, 4))
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-2)
    inputs, wanted = torch.randn(64, 32), torch.randint(0, 4, (64,))
    for step in range(30):
        optimiser.zero_grad()
        loss = nn.functional.cross_entropy(model(inputs), wanted)
        loss.backward()
        optimiser.step()
        print(step, loss.item().hex())
    print(hashlib.sha256(b"".join(weight.detach().numpy().tobytes() for weight in model.parameters())).hexdigest())


if __name__ == "__main__":
    main(*(int(word.split("=")[1]) for word in sys.argv[1:]))
