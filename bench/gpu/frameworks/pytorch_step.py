"""A few steps of training in PyTorch, and some large tensors that are kept. Which allocator: PYTORCH_CUDA_ALLOC_CONF."""

import os

import torch

import account


def train():
    torch.manual_seed(0)
    torch.use_deterministic_algorithms(True)
    model = torch.nn.Sequential(torch.nn.Linear(256, 512), torch.nn.ReLU(), torch.nn.Linear(512, 10)).cuda()
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    inputs, wanted = torch.randn(128, 256).cuda(), torch.randint(10, (128,)).cuda()
    for step in range(5):
        optimiser.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(inputs), wanted)
        loss.backward()
        optimiser.step()
        print(f"step {step}: loss {loss.item().hex()}")
    checksum = sum(parameter.detach().double().sum().item() for parameter in model.parameters())
    print(f"parameters: {checksum.hex()}")
    return model, optimiser


def churn():
    """Tensors that come and go, so that the allocator reuses and grows."""
    total = 0.0
    for i in range(60):
        tensor = torch.full(((i * 7919) % 3000000 + 1,), float(i), device="cuda")
        total += tensor.double().mean().item()
    print(f"churn: {total.hex()}")


def pool():
    """(bytes, count) that PyTorch's allocator holds of the device."""
    asked = os.environ.get("PYTORCH_CUDA_ALLOC_CONF", "")
    if "cudaMallocAsync" in asked:
        return torch.cuda.memory_allocated(), None  # the driver's pool holds the rest
    if "expandable_segments" in asked:
        return torch.cuda.memory_reserved(), None
    return torch.cuda.memory_reserved(), torch.cuda.memory_stats()["segment.all.current"]


kept = [train()]
churn()
kept += [torch.full((megabytes << 18,), float(megabytes), device="cuda") for megabytes in (10, 64, 300)]
print(f"kept: {sum(tensor.double().sum().item() for tensor in kept[1:]).hex()}")
torch.cuda.synchronize()
account.end(*pool())
