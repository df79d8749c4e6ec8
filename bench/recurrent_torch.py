#!/usr/bin/env python3
"""The peer of `qkv bench recurrent`: torch.nn.LSTM, GRU and RNN in f32 on the CPU, forward and backward to the input and all weights."""
import argparse
import json
import resource
import statistics
import time

import torch

CELLS = {'lstm': torch.nn.LSTM, 'gru': torch.nn.GRU, 'tanh': torch.nn.RNN}


def measure(cell, options):
    torch.manual_seed(0)
    module = CELLS[cell](options.hidden, options.hidden, options.layers)
    x = torch.randn(options.steps, options.sequences, options.hidden, requires_grad=True)  # [time, sequence, size], PyTorch's default order
    dy = torch.randn(options.steps, options.sequences, options.hidden)
    forward, both = [], []
    for _ in range(options.rounds + 1):
        module.zero_grad(set_to_none=True)
        x.grad = None
        start = time.perf_counter()
        y, _ = module(x)
        forward.append(time.perf_counter() - start)
        y.backward(dy)
        both.append(time.perf_counter() - start)
    seconds, first = statistics.median(both[1:]), statistics.median(forward[1:])
    tokens, parameters = options.sequences * options.steps, sum(each.numel() for each in module.parameters())
    products = sum(each.numel() for each in module.parameters() if each.dim() == 2) * 2 * tokens
    return {'bench': 'recurrent', 'peer': 'torch ' + torch.__version__, 'cell': cell, 'mode': 'fp32', 'params': parameters,
            'tok_s': round(tokens / seconds), 'gflops': round(3e-9 * products / seconds), 'forward_ms': 1e3 * first,
            'backward_ms': 1e3 * (seconds - first), 'max_rss_mb': resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--cells', nargs='+', choices=CELLS, default=list(CELLS))
    parser.add_argument('--hidden', type=int, default=512)
    parser.add_argument('--layers', type=int, default=2)
    parser.add_argument('--sequences', type=int, default=64)
    parser.add_argument('--steps', type=int, default=64)
    parser.add_argument('--rounds', type=int, default=7)
    parser.add_argument('--threads', type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    for cell in options.cells:
        print(json.dumps(measure(cell, options)), flush=True)


if __name__ == '__main__':
    main()
