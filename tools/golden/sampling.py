#!/usr/bin/env python3
"""Writes tests/goldens/sampling/sampling.json: the probabilities from which transformers draws the next token.

Needs: pip install torch transformers
"""
import json
import pathlib

import torch
import transformers
from transformers.generation.logits_process import (EpsilonLogitsWarper, EtaLogitsWarper, LogitsProcessorList, MinPLogitsWarper,
                                                    TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper, TypicalLogitsWarper)

OPTIONS = [(1.0, 0, 1.0), (0.7, 0, 1.0), (2.5, 0, 1.0), (1.0, 1, 1.0), (1.0, 5, 1.0), (1.0, 1000, 1.0), (1.0, 0, 0.9), (1.0, 0, 0.3), (1.0, 0, 0.001),
           (0.8, 10, 0.95), (1.5, 7, 0.5), (0.05, 20, 0.9)]
NAMES = ("temperature", "top_k", "top_p", "min_p", "typical_p", "epsilon_cutoff", "eta_cutoff")
NEUTRAL = dict(zip(NAMES, (1.0, 0, 1.0, 0.0, 1.0, 0.0, 0.0)))
FURTHER = [{"min_p": 0.05}, {"min_p": 0.3, "temperature": 1.7}, {"min_p": 1.0}, {"typical_p": 0.2}, {"typical_p": 0.9}, {"typical_p": 0.6, "top_k": 12},
           {"typical_p": 0.01, "temperature": 2.0}, {"epsilon_cutoff": 0.01}, {"epsilon_cutoff": 0.9}, {"eta_cutoff": 0.01}, {"eta_cutoff": 0.5, "temperature": 0.5},
           {"temperature": 1.4, "top_k": 20, "top_p": 0.97, "min_p": 0.02, "typical_p": 0.8, "epsilon_cutoff": 0.02, "eta_cutoff": 0.03}]


def distribution(logits, temperature, top_k, top_p, min_p, typical_p, epsilon_cutoff, eta_cutoff):
    warpers = LogitsProcessorList()  # the order of GenerationMixin._get_logits_processor
    if temperature != 1.0:
        warpers.append(TemperatureLogitsWarper(temperature))
    if top_k != 0:
        warpers.append(TopKLogitsWarper(top_k))
    if top_p < 1.0:
        warpers.append(TopPLogitsWarper(top_p))
    if min_p > 0:
        warpers.append(MinPLogitsWarper(min_p))
    if typical_p < 1.0:
        warpers.append(TypicalLogitsWarper(typical_p))
    if epsilon_cutoff > 0:
        warpers.append(EpsilonLogitsWarper(epsilon_cutoff))
    if eta_cutoff > 0:
        warpers.append(EtaLogitsWarper(eta_cutoff))
    return warpers(None, logits[None]).softmax(-1)[0].double().tolist()


def main():
    torch.manual_seed(5)
    rows = [torch.randn(40) * 3, torch.randn(60) * 0.1, torch.randn(8) * 20, torch.tensor([2.0, 1.0, 2.0, 0.0, 1.0, 2.0, -5.0])]
    options = [NEUTRAL | dict(zip(NAMES, values)) for values in OPTIONS] + [NEUTRAL | values for values in FURTHER]
    cases = [{"logits": row.tolist(), **each, "probabilities": distribution(row, **each)}
             for row in rows for each in options
             if each["top_p"] == 1.0 or len(row) > 7]  # torch.sort orders equal logits arbitrarily
    folder = pathlib.Path(__file__).resolve().parents[2] / "tests" / "goldens" / "sampling"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sampling.json").write_text(json.dumps(cases) + "\n")
    print("transformers", transformers.__version__, "torch", torch.__version__, len(cases), "cases")


if __name__ == "__main__":
    main()
