#!/usr/bin/env python3
"""Writes tests/goldens/recurrent/{recurrent,convolution}.json: values and gradients of torch.nn.RNN, GRU, LSTM and Conv1d on ragged batches.

Sequences are packed back to back, as in qkv. Everything is computed in float64 from seeded random numbers. Needs: pip install torch
"""
import json
import pathlib

import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

LENGTHS = [3, 1, 6, 2, 6]
INPUT, HIDDEN = 5, 7
CELLS = {"tanh": torch.nn.RNN, "gru": torch.nn.GRU, "lstm": torch.nn.LSTM}
CONVOLUTIONS = [{"width": width, "dilation": dilation, "causal": causal}
                for width, dilation, causal in [(1, 1, False), (3, 1, False), (3, 1, True), (4, 1, False), (3, 2, False), (2, 3, True), (5, 2, True)]]


def numbers(tensor):
    return {"shape": list(tensor.shape), "values": [float(f"{value:.9g}") for value in tensor.flatten().tolist()]}


def run(module, x, forward):
    """Computes y = forward(x) and the gradients of sum(y * dy) for a random dy."""
    x.requires_grad_(True)
    y = forward(x)
    dy = torch.randn_like(y)
    (y * dy).sum().backward()
    return {"x": numbers(x), "y": numbers(y), "dy": numbers(dy), "dx": numbers(x.grad),
            "weights": {name: numbers(weight) for name, weight in module.named_parameters()},
            "gradients": {name: numbers(weight.grad) for name, weight in module.named_parameters()}}


def recurrent(cell, layers, bidirectional):
    module = CELLS[cell](INPUT, HIDDEN, layers, bidirectional=bidirectional)

    def forward(x):
        batch = pack_padded_sequence(pad_sequence(x.split(LENGTHS)), torch.tensor(LENGTHS), enforce_sorted=False)
        y, _ = pad_packed_sequence(module(batch)[0])
        return torch.cat([y[:length, i] for i, length in enumerate(LENGTHS)])

    return {"cell": cell, "layers": layers, "bidirectional": bidirectional, "lengths": LENGTHS,
            **run(module, torch.randn(sum(LENGTHS), INPUT), forward)}


def convolution(width, dilation, causal):
    module = torch.nn.Conv1d(INPUT, HIDDEN, width, dilation=dilation)
    reach = (width - 1) * dilation
    left = reach if causal else reach // 2  # like padding="same"

    def forward(x):
        padded = [torch.nn.functional.pad(part.T, (left, reach - left)) for part in x.split(LENGTHS)]
        return torch.cat([module(part[None])[0].T for part in padded])

    return {"width": width, "dilation": dilation, "causal": causal, "lengths": LENGTHS, **run(module, torch.randn(sum(LENGTHS), INPUT), forward)}


def main():
    torch.manual_seed(1)
    torch.set_default_dtype(torch.float64)
    folder = pathlib.Path(__file__).resolve().parent.parent.parent / "tests" / "goldens" / "recurrent"
    folder.mkdir(parents=True, exist_ok=True)
    cases = [recurrent(cell, layers, bidirectional) for cell in CELLS for layers, bidirectional in [(1, False), (2, False), (2, True)]]
    (folder / "recurrent.json").write_text(json.dumps(cases, separators=(",", ":")) + "\n")
    (folder / "convolution.json").write_text(json.dumps([convolution(**case) for case in CONVOLUTIONS], separators=(",", ":")) + "\n")
    print("torch", torch.__version__)


if __name__ == "__main__":
    main()
