#!/usr/bin/env python3
"""Writes tests/goldens/sampling/sampling.json: the probabilities from which transformers draws the next token.

Needs: pip install torch transformers
"""
import json
import pathlib

import torch
import transformers
from transformers.generation.logits_process import LogitsProcessorList, TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

OPTIONS = [(1.0, 0, 1.0), (0.7, 0, 1.0), (2.5, 0, 1.0), (1.0, 1, 1.0), (1.0, 5, 1.0), (1.0, 1000, 1.0), (1.0, 0, 0.9), (1.0, 0, 0.3), (1.0, 0, 0.001),
           (0.8, 10, 0.95), (1.5, 7, 0.5), (0.05, 20, 0.9)]


def distribution(logits, temperature, top_k, top_p):
    warpers = LogitsProcessorList()  # the order of GenerationMixin._get_logits_processor
    if temperature != 1.0:
        warpers.append(TemperatureLogitsWarper(temperature))
    if top_k != 0:
        warpers.append(TopKLogitsWarper(top_k))
    if top_p < 1.0:
        warpers.append(TopPLogitsWarper(top_p))
    return warpers(None, logits[None]).softmax(-1)[0].double().tolist()


def main():
    torch.manual_seed(5)
    rows = [torch.randn(40) * 3, torch.randn(60) * 0.1, torch.randn(8) * 20, torch.tensor([2.0, 1.0, 2.0, 0.0, 1.0, 2.0, -5.0])]
    cases = [{"logits": row.tolist(), "temperature": t, "top_k": k, "top_p": p, "probabilities": distribution(row, t, k, p)}
             for row in rows for t, k, p in OPTIONS
             if p == 1.0 or len(row) > 7]  # torch.sort orders equal logits arbitrarily
    folder = pathlib.Path(__file__).resolve().parents[2] / "tests" / "goldens" / "sampling"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sampling.json").write_text(json.dumps(cases) + "\n")
    print("transformers", transformers.__version__, "torch", torch.__version__, len(cases), "cases")


if __name__ == "__main__":
    main()
