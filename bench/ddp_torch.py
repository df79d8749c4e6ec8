#!/usr/bin/env python3
"""The peer of `mpirun -n N qkv train --preset small`: the same encoder-decoder in PyTorch's DistributedDataParallel over gloo, f32.

ddp_torch.py MODEL SOURCE TARGET [--processes N] [--threads T] [--batch-tokens B] [--steps S]   needs torch and tokenizers

MODEL is a directory with tokenizer.json, SOURCE and TARGET are texts. Batches are those of `--batch-tokens`: pairs of similar length, pairs times
longest side at most B; each process takes its own. Prints a line of JSON: target tokens per second of all processes, without padding, in
each of three runs of S steps.
"""

import argparse
import json
import math
import os
import random
import time

import torch
import torch.distributed as dist
import torch.multiprocessing as multiprocessing
from tokenizers import Tokenizer
from torch import nn


class Network(nn.Module):
    def __init__(self, arguments):
        super().__init__()
        self.embedding = nn.Embedding(arguments.vocab, arguments.hidden)
        self.scale = math.sqrt(arguments.hidden)
        self.transformer = nn.Transformer(arguments.hidden, arguments.hidden // 32, arguments.layers, arguments.layers,
                                          4 * arguments.hidden, 0.1, "relu", batch_first=True, norm_first=True)

    def forward(self, source, target, source_padding, target_padding):
        mask = nn.Transformer.generate_square_subsequent_mask(target.shape[1])
        out = self.transformer(self.embedding(source) * self.scale, self.embedding(target) * self.scale, tgt_mask=mask,
                               src_key_padding_mask=source_padding, tgt_key_padding_mask=target_padding,
                               memory_key_padding_mask=source_padding, tgt_is_causal=True)
        return out @ self.embedding.weight.T


def batches_of(arguments):
    """Pairs of lists of ids, in batches of similar length, in a random order."""
    tokenizer = Tokenizer.from_file(f"{arguments.model}/tokenizer.json")
    sides = []
    for name in (arguments.source, arguments.target):
        with open(name, encoding="utf-8") as file:
            sides.append([each.ids for each in tokenizer.encode_batch(file.read().splitlines())])
    pairs = sorted((pair for pair in zip(*sides) if min(map(len, pair)) > 1), key=lambda pair: (len(pair[1]), len(pair[0])))
    batches = [[]]
    longest = 0
    for pair in pairs:
        longest = max(longest, *map(len, pair))
        if batches[-1] and longest * (len(batches[-1]) + 1) > arguments.batch_tokens:
            batches.append([])
            longest = max(map(len, pair))
        batches[-1].append(pair)
    random.Random(1).shuffle(batches)
    return batches


def padded(rows):
    longest = max(map(len, rows))
    ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
    return ids, torch.tensor([[False] * len(row) + [True] * (longest - len(row)) for row in rows])


def work(rank, arguments, results):
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(arguments.port))
    torch.set_num_threads(arguments.threads)
    dist.init_process_group("gloo", rank=rank, world_size=arguments.processes)
    torch.manual_seed(1)
    model = nn.parallel.DistributedDataParallel(Network(arguments))
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3, (0.9, 0.98), 1e-9, 1e-4)
    loss_function = nn.CrossEntropyLoss(label_smoothing=0.1, ignore_index=-100)
    batches = batches_of(arguments)[rank::arguments.processes]
    model.train()
    speeds = []
    for step in range(-3, 3 * arguments.steps):
        if step >= 0 and step % arguments.steps == 0:
            dist.barrier()
            began, tokens = time.perf_counter(), 0
        batch = batches[step % len(batches)]
        source, source_padding = padded([pair[0] for pair in batch])
        target, target_padding = padded([pair[1] for pair in batch])
        logits = model(source, target[:, :-1], source_padding, target_padding[:, :-1])
        labels = target[:, 1:].masked_fill(target_padding[:, 1:], -100)
        loss = loss_function(logits.flatten(0, 1), labels.flatten())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        if step < 0:
            continue
        tokens += int((labels >= 0).sum())
        if step % arguments.steps == arguments.steps - 1:
            dist.barrier()
            total = torch.tensor([float(tokens)])
            dist.all_reduce(total)
            speeds.append(round(total.item() / (time.perf_counter() - began)))
    if rank == 0:
        results.put({"bench": "scale", "peer": "PyTorch DDP, gloo", "torch": torch.__version__, "processes": arguments.processes,
                     "threads": arguments.threads, "params": sum(p.numel() for p in model.parameters()), "tgt_tok_s": speeds})
    dist.destroy_process_group()


def main():
    parser = argparse.ArgumentParser()
    for name in ("model", "source", "target"):
        parser.add_argument(name)
    for name, value in (("processes", 2), ("threads", 1), ("hidden", 256), ("layers", 3), ("vocab", 8000), ("batch-tokens", 2048), ("steps", 8),
                        ("port", 29517)):
        parser.add_argument(f"--{name}", type=int, default=value)
    arguments = parser.parse_args()
    results = multiprocessing.get_context("spawn").SimpleQueue()
    multiprocessing.spawn(work, (arguments, results), nprocs=arguments.processes)
    print(json.dumps(results.get()))


if __name__ == "__main__":
    main()
