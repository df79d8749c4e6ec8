#!/usr/bin/env python3
"""Writes tiny models (random weights) twice: as transformers' directories and, with the package `gguf`, as GGUF files of the same weights.

Each folder of tests/goldens/gguf/ is a model directory without a tokenizer; NAME.gguf beside it holds its weights in the type that the name ends with. For
Q8_0 and Q4_0 the directory holds what the package makes of the quantized values. The names of tensors are those of the package's table; the rows of Llama's
queries and keys are reordered as llama.cpp's converter does it.
"""

import pathlib
import shutil

import gguf
import numpy
import torch
import transformers
from gguf.quants import dequantize, quantize

ROOT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "goldens" / "gguf"
SIZES = dict(vocab_size=19, hidden_size=32, intermediate_size=32, num_hidden_layers=1, num_attention_heads=4, num_key_value_heads=2,
             max_position_embeddings=32, bos_token_id=1, eos_token_id=2)
TYPES = {"f32": gguf.GGMLQuantizationType.F32, "f16": gguf.GGMLQuantizationType.F16, "bf16": gguf.GGMLQuantizationType.BF16,
         "q8_0": gguf.GGMLQuantizationType.Q8_0, "q4_0": gguf.GGMLQuantizationType.Q4_0}
TORCH_TYPES = {"f16": torch.float16, "bf16": torch.bfloat16}


def models():
    llama = transformers.LlamaConfig(**SIZES, rms_norm_eps=1e-5)
    for kind in TYPES:
        yield "llama_" + kind, gguf.MODEL_ARCH.LLAMA, transformers.LlamaForCausalLM(llama)
    scaled = dict(rope_type="llama3", rope_theta=500.0, factor=4.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=8)
    llama3 = transformers.LlamaConfig(**SIZES | dict(hidden_size=24), head_dim=8, tie_word_embeddings=True, rope_parameters=scaled)
    yield "llama3_f32", gguf.MODEL_ARCH.LLAMA, transformers.LlamaForCausalLM(llama3)
    yield "qwen2_f32", gguf.MODEL_ARCH.QWEN2, transformers.Qwen2ForCausalLM(
        transformers.Qwen2Config(**SIZES, rope_parameters=dict(rope_type="yarn", factor=4.0, original_max_position_embeddings=8, rope_theta=700.0)))
    yield "qwen3_bf16", gguf.MODEL_ARCH.QWEN3, transformers.Qwen3ForCausalLM(transformers.Qwen3Config(**SIZES, head_dim=6, tie_word_embeddings=True))
    yield "granite_f32", gguf.MODEL_ARCH.GRANITE, transformers.GraniteForCausalLM(transformers.GraniteConfig(
        **SIZES, embedding_multiplier=1.5, residual_multiplier=0.75, attention_multiplier=0.5, logits_scaling=2.0, tie_word_embeddings=True))
    gemma = SIZES | dict(hidden_size=16, num_hidden_layers=3, head_dim=6, attn_implementation="eager")
    yield "gemma_f32", gguf.MODEL_ARCH.GEMMA, transformers.GemmaForCausalLM(transformers.GemmaConfig(**gemma))
    yield "gemma2_bf16", gguf.MODEL_ARCH.GEMMA2, transformers.Gemma2ForCausalLM(
        transformers.Gemma2Config(**gemma, query_pre_attn_scalar=6, sliding_window=4, attn_logit_softcapping=5.0, final_logit_softcapping=3.0))
    rope = dict(full_attention=dict(rope_type="linear", factor=8.0, rope_theta=1e6), sliding_attention=dict(rope_type="default", rope_theta=1e4))
    yield "gemma3_f32", gguf.MODEL_ARCH.GEMMA3, transformers.Gemma3ForCausalLM(
        transformers.Gemma3TextConfig(**gemma | dict(num_hidden_layers=6), query_pre_attn_scalar=6, sliding_window=4, rope_parameters=rope))
    factors = dict(rope_type="longrope", rope_theta=1e4, short_factor=[1.0, 1.1, 1.25, 2.0], long_factor=[1.0, 1.5, 3.0, 5.0], original_max_position_embeddings=8)
    yield "phi3_f32", gguf.MODEL_ARCH.PHI3, transformers.Phi3ForCausalLM(transformers.Phi3Config(
        **SIZES | dict(max_position_embeddings=32), pad_token_id=0, original_max_position_embeddings=8, rope_parameters=factors))
    yield "gpt2_f32", gguf.MODEL_ARCH.GPT2, transformers.GPT2LMHeadModel(
        transformers.GPT2Config(vocab_size=19, n_embd=16, n_layer=2, n_head=4, n_positions=24, bos_token_id=1, eos_token_id=2))
    yield "gpt2_q8_0", gguf.MODEL_ARCH.GPT2, transformers.GPT2LMHeadModel(
        transformers.GPT2Config(vocab_size=19, n_embd=32, n_layer=1, n_head=4, n_inner=32, n_positions=24, bos_token_id=1, eos_token_id=2))
    bert = dict(vocab_size=19, hidden_size=24, num_hidden_layers=2, num_attention_heads=3, intermediate_size=32, max_position_embeddings=26)
    yield "bert_f32", gguf.MODEL_ARCH.BERT, transformers.BertModel(transformers.BertConfig(**bert), add_pooling_layer=False)


def spread_weights(model, seed):
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in sorted(model.named_parameters()):
            noise = torch.randn(weight.shape, generator=generator)
            is_norm = "norm" in name.lower() or "ln_" in name
            weight.copy_(0.2 * noise + (1 if is_norm and name.endswith("weight") else 0) if weight.dim() == 1 else 0.4 * noise)


def pairs_of_rows(weight, heads):
    """Rows j * half + i of each head to 2 * i + j: llama.cpp rotates neighbours."""
    return weight.reshape(heads, 2, weight.shape[0] // heads // 2, *weight.shape[1:]).swapaxes(1, 2).reshape(weight.shape)


def stored(name, weight, kind):
    """As the converter does: one-dimensional tensors and position tables stay f32."""
    if weight.ndim == 1 or "position" in name or "token_type" in name or "wpe" in name:
        return weight, gguf.GGMLQuantizationType.F32
    return quantize(weight, TYPES[kind]), TYPES[kind]


def add_settings(writer, config, arch):
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_head_count(config.num_attention_heads)
    writer.add_feed_forward_length(getattr(config, "intermediate_size", None) or config.n_inner or 4 * config.n_embd)
    if arch in (gguf.MODEL_ARCH.GPT2, gguf.MODEL_ARCH.BERT):
        writer.add_layer_norm_eps(config.layer_norm_epsilon if arch == gguf.MODEL_ARCH.GPT2 else config.layer_norm_eps)
        if arch == gguf.MODEL_ARCH.BERT:
            writer.add_causal_attention(False)
            writer.add_pooling_type(gguf.PoolingType.MEAN)
        return
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    if arch == gguf.MODEL_ARCH.GRANITE:
        writer.add_embedding_scale(config.embedding_multiplier)
        writer.add_residual_scale(config.residual_multiplier)
        writer.add_attention_scale(config.attention_multiplier)
        writer.add_logit_scale(config.logits_scaling)
    if arch in (gguf.MODEL_ARCH.GEMMA2, gguf.MODEL_ARCH.GEMMA3):
        writer.add_sliding_window(config.sliding_window)
    if arch == gguf.MODEL_ARCH.GEMMA2:
        writer.add_attn_logit_softcapping(config.attn_logit_softcapping)
        writer.add_final_logit_softcapping(config.final_logit_softcapping)
    head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    writer.add_key_length(head_dim)
    writer.add_value_length(head_dim)
    writer.add_rope_dimension_count(head_dim)
    rope = config.rope_parameters.get("full_attention", config.rope_parameters)
    writer.add_rope_freq_base(rope["rope_theta"])
    if rope["rope_type"] == "yarn":
        writer.add_rope_scaling_type(gguf.RopeScalingType.YARN)
        writer.add_rope_scaling_factor(rope["factor"])
        writer.add_rope_scaling_orig_ctx_len(rope["original_max_position_embeddings"])
    if rope["rope_type"] == "linear":
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(rope["factor"])
    if rope["rope_type"] == "longrope":
        writer.add_rope_scaling_orig_ctx_len(config.original_max_position_embeddings)
        writer.add_tensor("rope_factors_long.weight", numpy.array(rope["long_factor"], dtype=numpy.float32))
        writer.add_tensor("rope_factors_short.weight", numpy.array(rope["short_factor"], dtype=numpy.float32))
    if rope["rope_type"] == "llama3":
        plain = 1.0 / rope["rope_theta"] ** (torch.arange(0, head_dim, 2, dtype=torch.float32) / head_dim)
        scaled, _ = transformers.modeling_rope_utils.ROPE_INIT_FUNCTIONS["llama3"](config, device=None)
        writer.add_tensor("rope_freqs.weight", (plain / scaled).numpy())


def write(name, arch, model):
    kind = next(kind for kind in TYPES if name.endswith("_" + kind))
    model = model.to(TORCH_TYPES.get(kind, torch.float32)).eval()
    writer = gguf.GGUFWriter(ROOT / f"{name}.gguf", gguf.MODEL_ARCH_NAMES[arch])
    add_settings(writer, model.config, arch)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    names = gguf.get_tensor_name_map(arch, model.config.num_hidden_layers)
    tied = getattr(model.config, "tie_word_embeddings", True)
    with torch.no_grad():
        for theirs, weight in model.named_parameters():
            if theirs == "lm_head.weight" and tied:
                continue
            values = weight.float().numpy()
            if arch == gguf.MODEL_ARCH.GPT2 and theirs.endswith((".c_attn.weight", ".c_proj.weight", ".c_fc.weight")):
                values = numpy.ascontiguousarray(values.T)
            heads = {"q_proj": model.config.num_attention_heads, "k_proj": getattr(model.config, "num_key_value_heads", 0)}.get(theirs.split(".")[-2], 0)
            if arch in (gguf.MODEL_ARCH.LLAMA, gguf.MODEL_ARCH.GRANITE) and heads:
                values = pairs_of_rows(values, heads)
            if arch in (gguf.MODEL_ARCH.GEMMA, gguf.MODEL_ARCH.GEMMA2, gguf.MODEL_ARCH.GEMMA3) and theirs.endswith("norm.weight"):
                values = values + 1
            data, type_ = stored(theirs, values, kind)
            writer.add_tensor(names.get_name(theirs, try_suffixes=(".weight", ".bias")), data, raw_dtype=type_)
            if kind.startswith("q"):
                values = dequantize(data, type_)
                if arch == gguf.MODEL_ARCH.LLAMA and heads:
                    size = values.shape[0] // heads
                    values = values.reshape(heads, size // 2, 2, -1).swapaxes(1, 2).reshape(values.shape)
                weight.copy_(torch.from_numpy(values.T.copy() if values.shape != tuple(weight.shape) or "c_" in theirs and values.ndim == 2 else values))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    model.save_pretrained(ROOT / name)


def main():
    shutil.rmtree(ROOT, ignore_errors=True)
    ROOT.mkdir(parents=True)
    for seed, (name, arch, model) in enumerate(models()):
        spread_weights(model, seed)
        write(name, arch, model)


if __name__ == "__main__":
    main()
