#!/usr/bin/env python3
"""Writes tests/goldens/distance_bias/distance_bias.json: the slopes of BLOOM's ALiBi and the buckets of T5's relative positions.

Needs: pip install torch transformers
"""
import json
import pathlib

import torch
import transformers
from transformers.models.bloom.modeling_bloom import build_alibi_tensor
from transformers.models.t5.modeling_t5 import T5Attention

HEADS = [1, 2, 3, 6, 8, 12, 16, 20]
BUCKETS = [(32, True, 128), (32, False, 128), (16, True, 20), (4, True, 9), (20, False, 70), (64, True, 512)]


def main():
    alibi = []
    for heads in HEADS:
        bias = build_alibi_tensor(torch.ones(1, 2, dtype=torch.long), heads, torch.float32)  # slope * key, [heads, 1, keys]
        alibi.append({"heads": heads, "slopes": bias[:, 0, 1].tolist()})
    buckets = []
    for count, bidirectional, max_distance in BUCKETS:
        reach = max_distance + 30
        distances = torch.arange(-reach, reach + 1)  # key - query
        bucket = T5Attention._relative_position_bucket(distances, bidirectional, count, max_distance)
        buckets.append({"buckets": count, "bidirectional": bidirectional, "max_distance": max_distance, "reach": reach,
                        "bucket": bucket.tolist()})
    folder = pathlib.Path(__file__).resolve().parent.parent.parent / "tests" / "goldens" / "distance_bias"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "distance_bias.json").write_text(json.dumps({"alibi": alibi, "relative": buckets}, separators=(",", ":")) + "\n")
    print("transformers", transformers.__version__, "torch", torch.__version__)


if __name__ == "__main__":
    main()
