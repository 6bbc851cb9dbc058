"""The same network in PyTorch: members batched by `torch.baddbmm`, a loop as tutorials have it."""

import time
from itertools import pairwise

import numpy as np

BATCH, LEARNING_RATE, DECAY = 256, 4e-3, 0.01


def torch_is_there(cores):
    """Whether PyTorch can be had; it then takes as many threads as everybody."""
    try:
        import torch
    except ImportError:
        print("PyTorch is not installed: left out")
        return False
    torch.set_num_threads(cores)
    return True


def tensors(params):
    """Parameters of `Experts` in float32, weights and bias of one layer after the other."""
    import torch

    names = [name.removesuffix("_weight") for name in params if name.endswith("_weight")]
    arrays = [params[f"{name}_{kind}"] for name in names for kind in ("weight", "bias")]
    return [torch.tensor(array, dtype=torch.float32, requires_grad=True) for array in arrays]


def mixture_nll(weights, X, y, n_experts, floor):
    """−log Σ_z π_z N(y; μ_z, floor² + exp 2s_z) of rows (M, n, d) and answers (M, n)."""
    import torch

    h = X
    for layer in range(0, len(weights) - 2, 2):
        h = torch.nn.functional.silu(torch.baddbmm(weights[layer + 1][:, None], h, weights[layer]))
    heads = torch.baddbmm(weights[-1][:, None], h, weights[-2])
    logits, means, raw = heads.split(n_experts, dim=-1)
    variance = floor**2 + torch.exp(2 * raw)
    energies = (
        0.5 * ((y[..., None] - means) ** 2 / variance + torch.log(variance) + np.log(2 * np.pi))
        - torch.log_softmax(logits, dim=-1)
    )  # fmt: skip
    return -torch.logsumexp(-energies, dim=-1)


def adamw(weights):
    """AdamW, with all parameters in one call where this PyTorch can."""
    import torch

    try:
        return torch.optim.AdamW(weights, lr=LEARNING_RATE, weight_decay=DECAY, fused=True)
    except (RuntimeError, TypeError):
        return torch.optim.AdamW(weights, lr=LEARNING_RATE, weight_decay=DECAY)


def seconds_of_steps(energy, params, X, y, passes):
    """Seconds of one step, in so many passes over rows and answers in units."""
    import torch

    weights = tensors(params)
    rows, answers = torch.tensor(X, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)
    optimizer, n_members = adamw(weights), energy.n_members
    noise, floor = energy._noise, float(energy._floor[0])
    n_batches = -(-len(y) // BATCH)
    ends = np.linspace(0, len(y), n_batches + 1).astype(int)

    def one_pass():
        order = torch.stack([torch.randperm(len(answers)) for _ in range(n_members)])
        for first, last in pairwise(ends):
            batch = order[:, first:last]
            X, y = rows[batch], answers[batch]
            X = X + noise.rows * torch.randn_like(X)
            y = y + noise.answers * torch.randn_like(y)
            optimizer.zero_grad()
            nll = mixture_nll(weights, X, y, energy.n_latents, floor)
            (nll.mean(dim=1).sum() / n_members).backward()
            optimizer.step()

    one_pass()
    start = time.perf_counter()
    for _ in range(passes):
        one_pass()
    return (time.perf_counter() - start) / (passes * n_batches)
