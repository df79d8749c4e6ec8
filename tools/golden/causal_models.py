#!/usr/bin/env python3
"""Writes tiny decoder-only models (random weights) with transformers' save_pretrained, and their logits.

Each folder of tests/goldens/causal_models/ is a model directory with two more files: expected.json ("versions", "sequences": token ids, ragged; "loss": mean
cross-entropy of predicting each sequence's tokens from the preceding ones) and expected.safetensors ("logits": [tokens of all sequences, vocab_size] f32, back to
back). Everything is computed in float64, sequence by sequence.
"""

import json
import pathlib
import platform
import shutil

import safetensors
import safetensors.torch
import torch
import transformers

ROOT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "goldens" / "causal_models"
VERSIONS = {
    "python": platform.python_version(),
    "torch": torch.__version__.split("+")[0],
    "transformers": transformers.__version__,
    "safetensors": safetensors.__version__,
}
VOCABULARY = 19
SEQUENCES = [[3, 7, 1, 18, 0, 5, 5, 2, 11, 9, 4, 17], [6], [12, 12, 13, 1, 8, 16, 2], [10, 14, 15, 3]]
LLAMA = dict(vocab_size=VOCABULARY, hidden_size=16, intermediate_size=20, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
             max_position_embeddings=32, bos_token_id=1, eos_token_id=2, attn_implementation="eager")


def models():
    gpt2 = dict(vocab_size=VOCABULARY, n_embd=16, n_layer=2, n_head=4, n_positions=24, bos_token_id=1, eos_token_id=2, attn_implementation="eager")
    yield "gpt2", transformers.GPT2LMHeadModel(transformers.GPT2Config(**gpt2))
    yield "gpt2_untied", transformers.GPT2LMHeadModel(
        transformers.GPT2Config(**gpt2, tie_word_embeddings=False, n_inner=12, activation_function="gelu"))
    yield "llama", transformers.LlamaForCausalLM(transformers.LlamaConfig(**LLAMA))
    scaled = dict(rope_type="llama3", rope_theta=500.0, factor=4.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=8)
    yield "llama3_tied", transformers.LlamaForCausalLM(transformers.LlamaConfig(**LLAMA, tie_word_embeddings=True, rope_parameters=scaled))
    yield "mistral", transformers.MistralForCausalLM(transformers.MistralConfig(**LLAMA, sliding_window=4, rms_norm_eps=1e-5))
    yield "qwen2", transformers.Qwen2ForCausalLM(
        transformers.Qwen2Config(**LLAMA | dict(num_hidden_layers=3), use_sliding_window=True, sliding_window=3, max_window_layers=1))
    yield "qwen3", transformers.Qwen3ForCausalLM(transformers.Qwen3Config(**LLAMA, head_dim=6, tie_word_embeddings=True))


def spread_weights(model, seed):
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in sorted(model.named_parameters()):
            noise = torch.randn(weight.shape, generator=generator)
            if weight.dim() == 1:
                weight.copy_(0.2 * noise + (1 if "norm" in name or "ln_" in name and name.endswith("weight") else 0))
            else:
                weight.copy_(0.4 * noise)


def main():
    shutil.rmtree(ROOT, ignore_errors=True)
    for seed, (name, model) in enumerate(models()):
        folder = ROOT / name
        spread_weights(model, seed)
        model.eval().save_pretrained(folder)
        model = type(model).from_pretrained(folder, dtype=torch.float64, attn_implementation="eager").eval()
        logits, losses = [], []
        with torch.no_grad():
            for ids in SEQUENCES:
                logits.append(model(input_ids=torch.tensor([ids])).logits[0])
                if len(ids) > 1:
                    losses.append(torch.nn.functional.cross_entropy(logits[-1][:-1], torch.tensor(ids[1:]), reduction="none"))
        expected = {"versions": VERSIONS, "sequences": SEQUENCES, "loss": torch.cat(losses).mean().item()}
        (folder / "expected.json").write_text(json.dumps(expected) + "\n")
        safetensors.torch.save_file({"logits": torch.cat(logits).float().contiguous()}, folder / "expected.safetensors")


if __name__ == "__main__":
    main()
