#!/usr/bin/env python3
"""Writes tests/goldens/rope/rope.json: the frequencies and the attention factor that transformers computes for each kind of scaling.

Needs: pip install torch transformers
"""
import json
import pathlib

import torch
import transformers
from transformers import LlamaConfig
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS
from transformers.models.hunyuan_v1_dense.modeling_hunyuan_v1_dense import HunYuanDenseV1RotaryEmbedding

CASES = [
    {"rope_type": "linear", "factor": 4.0, "length": 100},
    {"rope_type": "dynamic", "factor": 2.0, "original_max_position_embeddings": 512, "length": 512},
    {"rope_type": "dynamic", "factor": 2.0, "original_max_position_embeddings": 512, "length": 1500},
    {"rope_type": "yarn", "factor": 8.0, "original_max_position_embeddings": 512, "length": 100},
    {"rope_type": "yarn", "factor": 40.0, "original_max_position_embeddings": 4096, "beta_fast": 20.0, "beta_slow": 2.0, "mscale": 0.7,
     "mscale_all_dim": 1.1, "length": 100},
    {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 300, "attention_factor": 1.3, "truncate": False, "length": 100},
    {"rope_type": "llama3", "factor": 8.0, "original_max_position_embeddings": 8192, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
     "rope_theta": 500000.0, "length": 100},
    {"rope_type": "longrope", "factor": 32.0, "original_max_position_embeddings": 512, "short_factor": [1 + 0.01 * i for i in range(32)],
     "long_factor": [1 + 0.5 * i for i in range(32)], "length": 512},
    {"rope_type": "longrope", "factor": 32.0, "original_max_position_embeddings": 512, "short_factor": [1 + 0.01 * i for i in range(32)],
     "long_factor": [1 + 0.5 * i for i in range(32)], "attention_factor": 1.25, "length": 513},
    {"rope_type": "ntk_alpha", "factor": 1000.0, "length": 100},
]


def main():
    found = []
    for case in CASES:
        parameters = {k: v for k, v in case.items() if k != "length"} | {"rope_theta": case.get("rope_theta", 10000.0)}
        config = LlamaConfig(hidden_size=128, num_attention_heads=2, max_position_embeddings=512, rope_parameters=parameters)
        if case["rope_type"] == "ntk_alpha":  # Hunyuan's "dynamic" with "alpha"
            config.rope_parameters["alpha"] = case["factor"]
            config.head_dim = 64
            frequencies, factor = HunYuanDenseV1RotaryEmbedding.compute_ntk_alpha_rope_parameters(config)
            found.append(parameters | {"length": 100, "head_dim": 64, "frequencies": frequencies.tolist(), "attention_scaling": factor})
            continue
        frequencies, factor = ROPE_INIT_FUNCTIONS[case["rope_type"]](config, torch.device("cpu"), seq_len=case["length"])
        found.append(parameters | {"length": case["length"], "head_dim": 64, "frequencies": frequencies.tolist(), "attention_scaling": factor})
    folder = pathlib.Path(__file__).resolve().parent.parent.parent / "tests" / "goldens" / "rope"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "rope.json").write_text(json.dumps(found, indent=1) + "\n")
    print("transformers", transformers.__version__, "torch", torch.__version__)


if __name__ == "__main__":
    main()
