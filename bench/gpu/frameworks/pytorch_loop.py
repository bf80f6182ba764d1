"""Times steps of training in PyTorch. PYTORCH_NO_CUDA_MEMORY_CACHING=1: without its cache."""

import torch

import timing

torch.manual_seed(0)
torch.use_deterministic_algorithms(True)
MODEL = torch.nn.Sequential(torch.nn.Linear(1024, 2048), torch.nn.ReLU(), torch.nn.Linear(2048, 1024), torch.nn.ReLU(),
                            torch.nn.Linear(1024, 10)).cuda()
OPTIMISER = torch.optim.SGD(MODEL.parameters(), lr=0.01, momentum=0.9)
INPUTS, WANTED = torch.randn(256, 1024).cuda(), torch.randint(10, (256,)).cuda()


def step():
    OPTIMISER.zero_grad()
    torch.nn.functional.cross_entropy(MODEL(INPUTS), WANTED).backward()
    OPTIMISER.step()


def result():
    return sum(parameter.detach().double().sum().item() for parameter in MODEL.parameters()).hex()


timing.time_steps(step, torch.cuda.synchronize, result)
