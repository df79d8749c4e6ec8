#!/usr/bin/env python3
"""`qkv train` in two processes of one thread each, in turns with one process of two threads and with PyTorch's DistributedDataParallel.

processes.py PROGRAM DATA [--rounds N] [--minutes M] [--others P] [--peer-python PYTHON] [--batch-tokens B] [--only NAME …]

PROGRAM is the qkv program, DATA holds train.en and train.de of Multi30k. The network is that of `--preset small`, in f32; B is the batch of all
processes. Prints the target tokens per second of each run, then medians and their ratios. PYTHON (default: $QKV_PEERS_PYTHON, or python3) has
torch and tokenizers; without torch the peer is left out. A run during which other programs took more than --others percent of the
processors does not count and is repeated, as long as --minutes allow.
"""

import argparse
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
MPIRUN = ["mpirun", "--allow-run-as-root", "--oversubscribe", "-n", "2"]


def processor_seconds():
    """Seconds that the machine's processors worked, and those of them that finished children of this program used."""
    ticks = [int(word) for word in pathlib.Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()[1:9]]
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (sum(ticks) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK"), used.ru_utime + used.ru_stime


def measured(run):
    """The result of run(), and the share of the processors that other programs took meanwhile."""
    began, (all_before, own_before) = time.monotonic(), processor_seconds()
    result = run()
    all_after, own_after = processor_seconds()
    others = (all_after - all_before) - (own_after - own_before)
    return result, others / (time.monotonic() - began) / os.cpu_count()


def output_of(words):
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, words))}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


class Runs:
    def __init__(self, options, folder):
        self.options, self.folder = options, pathlib.Path(folder)
        data = pathlib.Path(options.data)
        self.texts = [str(data / "train.en"), str(data / "train.de")]
        self.train("model", [], 1, 1)  # makes the tokenizer

    def train(self, name, launcher, threads, steps, slices=0):
        output = self.folder / name
        tokenizer = ["--tokenizer", self.folder / "model"] if (self.folder / "model").exists() else []
        output_of([*launcher, self.options.program, "train", "--preset", "small", "--source", self.texts[0], "--target", self.texts[1],
                   "--valid-split", "8", "--dtype", "f32", "--threads", str(threads), "--slices", str(slices), "--batch-tokens", str(self.options.batch_tokens),
                   "--max-steps", str(steps), "--log-every", str(max(steps // 4, 1)), "--output", output, "--overwrite", *tokenizer])
        lines = [json.loads(line) for line in (output / "train_log.jsonl").read_text().splitlines()]
        return [round(line["tokens_per_second"]) for line in lines if "tokens_per_second" in line][1:]

    def peer(self):
        script = [self.options.peer_python, ROOT / "bench/ddp_torch.py", self.folder / "model", *self.texts]
        return json.loads(output_of([*script, "--batch-tokens", str(self.options.batch_tokens // 2), "--steps", str(max(self.options.steps // 4, 1))]))["tgt_tok_s"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("data")
    parser.add_argument("--rounds", type=int, default=3, help="that count, of each")
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--others", type=float, default=5)
    parser.add_argument("--batch-tokens", type=int, default=4096)
    parser.add_argument("--steps", type=int, default=24)
    parser.add_argument("--peer-python", default=os.environ.get("QKV_PEERS_PYTHON", "python3"))
    parser.add_argument("--only", nargs="*")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        runs = Runs(options, folder)
        kinds = {
            "two processes": lambda: runs.train("two", MPIRUN, 1, options.steps),
            "two processes, 2 slices": lambda: runs.train("two", MPIRUN, 1, options.steps, 2),
            "one process, 16 slices": lambda: runs.train("one", [], 2, options.steps, 16),
            "one process": lambda: runs.train("one", [], 2, options.steps),
        }
        if subprocess.run([options.peer_python, "-c", "import torch, tokenizers"], capture_output=True, check=False).returncode == 0:
            kinds["PyTorch DDP"] = runs.peer
        else:
            print(f"{options.peer_python} has no torch or no tokenizers: without PyTorch")
        kinds = {name: run for name, run in kinds.items() if not options.only or name in options.only}
        speeds = {name: [] for name in kinds}
        began = time.monotonic()
        runs_of = {name: 0 for name in kinds}
        while min(runs_of.values()) < options.rounds and time.monotonic() - began < 60 * options.minutes:
            for name, run in kinds.items():
                found, others = measured(run)
                print(f"{name}: {' '.join(map(str, found))}; others {100 * others:.0f} %", flush=True)
                if 100 * others <= options.others:
                    speeds[name] += found
                    runs_of[name] += 1
        speeds = {name: found for name, found in speeds.items() if found}
    first = None
    for name, found in speeds.items():
        median = statistics.median(found)
        first = first or median
        print(f"{name}: median {median:.0f} target tokens/s; {next(iter(speeds))} makes {first / median:.2f} x")


if __name__ == "__main__":
    main()
