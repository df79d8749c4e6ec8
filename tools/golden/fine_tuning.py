#!/usr/bin/env python3
"""Writes tests/goldens/train/fine_tuning.json: losses of 50 updates of torch.optim.AdamW from the tiny language models of other goldens, in float32.

versions   versions of the packages
options    of the optimizer: learning rate (constant), betas, epsilon, weight decay (of matrices), clip_norm
documents  the texts; each update sees all of them, each as a sequence of its own
cases      [{model, tokenizer, start, losses}]: model is a folder below tests/goldens, tokenizer a tokenizer.json of single characters, start the token
           before a document, losses the mean over all predicted tokens before each update
"""

import json
import pathlib
import platform

import torch
import transformers

from token_scores import characters

GOLDENS = pathlib.Path(__file__).resolve().parents[2] / "tests" / "goldens"
OPTIONS = {"learning_rate": 3e-3, "beta1": 0.9, "beta2": 0.98, "epsilon": 1e-8, "weight_decay": 0.05, "clip_norm": 1.0}
DOCUMENTS = ["ab cd ef", "a", "no man can do it", "ghi jkl", "abba"]
END = 2
CASES = [("causal_models/llama", "<s> $A", 1), ("causal_models/qwen3", None, END)]


def losses_of(model, sequences):
    groups = [{"params": [p for p in model.parameters() if p.dim() > 1], "weight_decay": OPTIONS["weight_decay"]},
              {"params": [p for p in model.parameters() if p.dim() < 2], "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=OPTIONS["learning_rate"], betas=(OPTIONS["beta1"], OPTIONS["beta2"]), eps=OPTIONS["epsilon"])
    losses = []
    for _ in range(50):
        optimizer.zero_grad()
        logits = torch.cat([model(input_ids=torch.tensor([ids[:-1]])).logits[0] for ids in sequences])
        loss = torch.nn.functional.cross_entropy(logits, torch.tensor([token for ids in sequences for token in ids[1:]]))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), OPTIONS["clip_norm"])
        optimizer.step()
        losses.append(loss.item())
    return losses


def main():
    cases = []
    for name, template, start in CASES:
        tokenizer = characters(["<unk>", "<s>", "</s>"], 19, template)
        model = transformers.AutoModelForCausalLM.from_pretrained(GOLDENS / name, dtype=torch.float32, attn_implementation="eager").train()
        sequences = [[start] + tokenizer.encode(text, add_special_tokens=False).ids + [END] for text in DOCUMENTS]
        cases.append({"model": name, "tokenizer": json.loads(tokenizer.to_str()), "start": start, "losses": losses_of(model, sequences)})
    golden = {"versions": {"python": platform.python_version(), "torch": torch.__version__.split("+")[0], "transformers": transformers.__version__},
              "options": OPTIONS, "documents": DOCUMENTS, "cases": cases}
    (GOLDENS / "train" / "fine_tuning.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
