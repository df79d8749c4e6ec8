#!/usr/bin/env python3
"""The peer of `mpirun -n N qkv bench scale`: the same encoder-decoder and batches in PyTorch's DistributedDataParallel over gloo, f32.

ddp_torch.py [--processes N] [--threads T] [--hidden H] [--layers L] [--vocab V] [--batch-tokens B] [--steps S]   needs torch

Each process takes pairs of random sentences of 8 to 40 tokens, B tokens on both sides together, sorted by length so that padding is small.
Prints a line of JSON: target tokens per second of all processes, without padding.
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
from torch import nn


class Network(nn.Module):
    def __init__(self, arguments):
        super().__init__()
        self.embedding = nn.Embedding(arguments.vocab, arguments.hidden)
        self.scale = math.sqrt(arguments.hidden)
        self.transformer = nn.Transformer(arguments.hidden, max(arguments.hidden // 32, 1), arguments.layers, arguments.layers,
                                          4 * arguments.hidden, 0.1, "relu", batch_first=True, norm_first=True)

    def forward(self, source, target, source_padding, target_padding):
        mask = nn.Transformer.generate_square_subsequent_mask(target.shape[1])
        out = self.transformer(self.embedding(source) * self.scale, self.embedding(target) * self.scale, tgt_mask=mask,
                               src_key_padding_mask=source_padding, tgt_key_padding_mask=target_padding,
                               memory_key_padding_mask=source_padding, tgt_is_causal=True)
        return out @ self.embedding.weight.T


def batch_of(arguments, seed):
    generator = random.Random(seed)
    lengths = []
    while sum(lengths) * 2 < arguments.batch_tokens:
        lengths.append(generator.randint(8, 40))
    lengths.sort()
    rows = torch.randint(1, arguments.vocab, (len(lengths), lengths[-1]), generator=torch.Generator().manual_seed(seed))
    padding = torch.arange(lengths[-1])[None, :] >= torch.tensor(lengths)[:, None]
    return rows.masked_fill(padding, 0), padding, sum(lengths)


def work(rank, arguments, results):
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(arguments.port))
    torch.set_num_threads(arguments.threads)
    dist.init_process_group("gloo", rank=rank, world_size=arguments.processes)
    torch.manual_seed(1)
    model = nn.parallel.DistributedDataParallel(Network(arguments))
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3, (0.9, 0.98), 1e-9, 1e-4)
    loss_function = nn.CrossEntropyLoss(label_smoothing=0.1, ignore_index=0)
    rows, padding, tokens = batch_of(arguments, rank)
    model.train()
    for step in range(-2, arguments.steps):
        if step == 0:
            dist.barrier()
            began = time.perf_counter()
        logits = model(rows, rows, padding, padding)
        loss = loss_function(logits.flatten(0, 1), rows.flatten())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
    dist.barrier()
    seconds = (time.perf_counter() - began) / arguments.steps
    total = torch.tensor([float(tokens)])
    dist.all_reduce(total)
    if rank == 0:
        results.put({"bench": "scale", "peer": "PyTorch DDP, gloo", "torch": torch.__version__, "processes": arguments.processes,
                     "threads": arguments.threads, "params": sum(p.numel() for p in model.parameters()), "step_ms": 1e3 * seconds,
                     "tgt_tok_s": total.item() / seconds})
    dist.destroy_process_group()


def main():
    parser = argparse.ArgumentParser()
    for name, value in (("processes", 2), ("threads", 1), ("hidden", 256), ("layers", 3), ("vocab", 8000), ("batch-tokens", 4096), ("steps", 8),
                        ("port", 29517)):
        parser.add_argument(f"--{name}", type=int, default=value)
    arguments = parser.parse_args()
    results = multiprocessing.get_context("spawn").SimpleQueue()
    multiprocessing.spawn(work, (arguments, results), nprocs=arguments.processes)
    print(json.dumps(results.get()))


if __name__ == "__main__":
    main()
