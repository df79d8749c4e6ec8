#!/usr/bin/env python3
"""Writes tests/goldens/train/adamw.json: weights after updates of torch.optim.AdamW with clip_grad_norm_ and a moving average, in float64.

versions   versions of the packages
options    of the optimizer
shapes     of each parameter; decay: true if weight decay applies to it
initial    weights, flat, for each parameter
steps      [{learning_rate, gradients, norm, weights, m, v, average}] in the order of updates; norm: before clipping
"""

import json
import pathlib
import platform

import torch

ROOT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "goldens" / "train"
OPTIONS = {"beta1": 0.9, "beta2": 0.98, "epsilon": 1e-9, "weight_decay": 0.05, "clip_norm": 1.0, "average_decay": 0.4}
SHAPES = [([3, 5], True), ([5], False), ([2, 17], True)]
RATES = [1e-3, 2e-3, 5e-2, 5e-2, 1e-2]
SCALES = [0.1, 3.0, 0.02, 1.0, 0.3]  # some updates are clipped, some are not


def rounded(tensor):
    """Rounds to the nearest float32, so that the kernel gets exactly the values that torch got."""
    return tensor.float().double()


def flat(tensors):
    return [[float(x) for x in t.detach().flatten()] for t in tensors]


def main():
    generator = torch.Generator().manual_seed(5)
    draw = lambda shape: rounded(torch.randn(shape, generator=generator, dtype=torch.float64))
    parameters = [torch.nn.Parameter(draw(shape)) for shape, _ in SHAPES]
    groups = [
        {"params": [p], "weight_decay": OPTIONS["weight_decay"] if decay else 0.0} for p, (_, decay) in zip(parameters, SHAPES)
    ]
    optimizer = torch.optim.AdamW(groups, lr=1.0, betas=(OPTIONS["beta1"], OPTIONS["beta2"]), eps=OPTIONS["epsilon"])
    averages = [p.detach().clone() for p in parameters]
    golden = {
        "versions": {"python": platform.python_version(), "torch": torch.__version__.split("+")[0]},
        "options": OPTIONS,
        "shapes": [{"shape": shape, "decay": decay} for shape, decay in SHAPES],
        "initial": flat(parameters),
        "steps": [],
    }
    for t, (rate, scale) in enumerate(zip(RATES, SCALES), start=1):
        gradients = [rounded(scale * draw(shape)) for shape, _ in SHAPES]
        for parameter, gradient in zip(parameters, gradients):
            parameter.grad = gradient.clone()
        norm = torch.nn.utils.clip_grad_norm_(parameters, OPTIONS["clip_norm"])
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()
        decay = min(OPTIONS["average_decay"], (1 + t) / (10 + t))
        for average, parameter in zip(averages, parameters):
            average.mul_(decay).add_(parameter.detach(), alpha=1 - decay)
        state = [optimizer.state[p] for p in parameters]
        golden["steps"].append({
            "learning_rate": rate,
            "gradients": flat(gradients),
            "norm": float(norm),
            "weights": flat(parameters),
            "m": flat([s["exp_avg"] for s in state]),
            "v": flat([s["exp_avg_sq"] for s in state]),
            "average": flat(averages),
        })
    ROOT.mkdir(parents=True, exist_ok=True)
    (ROOT / "adamw.json").write_text(json.dumps(golden, indent=0) + "\n")
    print(golden["versions"])


if __name__ == "__main__":
    main()
