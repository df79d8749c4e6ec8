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
    small = SIZES | dict(hidden_size=16, intermediate_size=24)
    yield "phi2_f32", gguf.MODEL_ARCH.PHI2, transformers.PhiForCausalLM(
        transformers.PhiConfig(**small | dict(hidden_size=32, num_key_value_heads=4, intermediate_size=128), partial_rotary_factor=0.5))
    yield "starcoder_f32", gguf.MODEL_ARCH.STARCODER, transformers.GPTBigCodeForCausalLM(
        transformers.GPTBigCodeConfig(vocab_size=19, n_embd=16, n_layer=1, n_head=4, n_inner=24, n_positions=24, multi_query=True, bos_token_id=1, eos_token_id=2))
    yield "starcoder2_bf16", gguf.MODEL_ARCH.STARCODER2, transformers.Starcoder2ForCausalLM(transformers.Starcoder2Config(**small, sliding_window=None))
    for name, parallel in (("gptneox_f32", True), ("gptneox_sequential_f32", False)):
        yield name, gguf.MODEL_ARCH.GPTNEOX, transformers.GPTNeoXForCausalLM(transformers.GPTNeoXConfig(
            **small | dict(hidden_size=32, num_key_value_heads=4), use_parallel_residual=parallel, rope_parameters=dict(rope_type="default", rope_theta=9000.0, partial_rotary_factor=0.5)))
    falcon = dict(vocab_size=19, hidden_size=16, num_hidden_layers=1, num_attention_heads=4, bos_token_id=1, eos_token_id=2)
    yield "falcon_f32", gguf.MODEL_ARCH.FALCON, transformers.FalconForCausalLM(transformers.FalconConfig(**falcon))
    yield "falcon_grouped_f32", gguf.MODEL_ARCH.FALCON, transformers.FalconForCausalLM(
        transformers.FalconConfig(**falcon, new_decoder_architecture=True, num_kv_heads=2))
    yield "mpt_f32", gguf.MODEL_ARCH.MPT, transformers.MptForCausalLM(
        transformers.MptConfig(vocab_size=19, d_model=16, n_heads=4, n_layers=1, max_seq_len=32, no_bias=True, attn_config=dict(clip_qkv=1.5), bos_token_id=1, eos_token_id=2))
    yield "bloom_f16", gguf.MODEL_ARCH.BLOOM, transformers.BloomForCausalLM(
        transformers.BloomConfig(vocab_size=19, hidden_size=16, n_layer=1, n_head=4, seq_length=32))
    for name, changes in (("stablelm_f32", dict(use_qkv_bias=True)), ("stablelm_parallel_f32", dict(use_parallel_residual=True))):
        yield name, gguf.MODEL_ARCH.STABLELM, transformers.StableLmForCausalLM(
            transformers.StableLmConfig(**small | dict(hidden_size=32), **changes, rope_parameters=dict(rope_type="default", rope_theta=9000.0, partial_rotary_factor=0.5)))
    yield "cohere2_f32", gguf.MODEL_ARCH.COHERE2, transformers.Cohere2ForCausalLM(
        transformers.Cohere2Config(**small | dict(num_hidden_layers=4), pad_token_id=0, sliding_window=4, logit_scale=0.25))
    yield "exaone4_f32", gguf.MODEL_ARCH.EXAONE4, transformers.Exaone4ForCausalLM(
        transformers.Exaone4Config(**small | dict(num_hidden_layers=3), sliding_window=4, layer_types=["sliding_attention", "full_attention", "sliding_attention"]))
    yield "glm4_bf16", gguf.MODEL_ARCH.GLM4, transformers.Glm4ForCausalLM(
        transformers.Glm4Config(**small, head_dim=8, pad_token_id=0, attention_bias=True, rope_parameters=dict(rope_type="default", rope_theta=9000.0, partial_rotary_factor=0.5)))
    yield "olmo2_f32", gguf.MODEL_ARCH.OLMO2, transformers.Olmo2ForCausalLM(transformers.Olmo2Config(**small, pad_token_id=0))
    yield "olmo3_f32", gguf.MODEL_ARCH.OLMO2, transformers.Olmo3ForCausalLM(
        transformers.Olmo3Config(**small | dict(num_hidden_layers=2), pad_token_id=0, sliding_window=4, layer_types=["sliding_attention", "full_attention"]))
    yield "smollm3_f32", gguf.MODEL_ARCH.SMOLLM3, transformers.SmolLM3ForCausalLM(transformers.SmolLM3Config(**small | dict(num_hidden_layers=4), pad_token_id=0))
    yield "hunyuan_f32", gguf.MODEL_ARCH.HUNYUAN_DENSE, transformers.HunYuanDenseV1ForCausalLM(
        transformers.HunYuanDenseV1Config(**small, head_dim=8, pad_token_id=0))
    for name, arch, made in (("phi2_tied_f32", gguf.MODEL_ARCH.PHI2, transformers.PhiForCausalLM(transformers.PhiConfig(
            **small | dict(num_key_value_heads=4, intermediate_size=64), tie_word_embeddings=True))),
                             ("gptneox_tied_f32", gguf.MODEL_ARCH.GPTNEOX, transformers.GPTNeoXForCausalLM(transformers.GPTNeoXConfig(
                                 **small | dict(hidden_size=32, num_key_value_heads=4), tie_word_embeddings=True))),
                             ("stablelm_tied_f32", gguf.MODEL_ARCH.STABLELM, transformers.StableLmForCausalLM(transformers.StableLmConfig(
                                 **small | dict(hidden_size=32), qk_layernorm=True, tie_word_embeddings=True))),
                             ("olmo2_tied_bf16", gguf.MODEL_ARCH.OLMO2, transformers.Olmo2ForCausalLM(transformers.Olmo2Config(
                                 **small, pad_token_id=0, tie_word_embeddings=True)))):
        yield name, arch, made
    yarn = dict(rope_type="yarn", rope_theta=1e4, factor=4.0, original_max_position_embeddings=5, beta_fast=32.0, beta_slow=1.0, mscale=1.0, mscale_all_dim=1.0,
                llama_4_scaling_beta=0.2)
    yield "mistral3_f32", gguf.MODEL_ARCH.MISTRAL3, transformers.Ministral3ForCausalLM(
        transformers.Ministral3Config(**small, head_dim=8, pad_token_id=0, sliding_window=None, rope_parameters=yarn))
    yield "embeddinggemma_f32", gguf.MODEL_ARCH.GEMMA_EMBEDDING, transformers.Gemma3TextModel(
        transformers.Gemma3TextConfig(**gemma | dict(num_hidden_layers=6), query_pre_attn_scalar=6, sliding_window=6, use_bidirectional_attention=True))


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


def stacked(weight, heads, parts):
    """Q, K and V of each head (or of each group of heads) together to all of Q, then K, then V. parts: heads of each in a group."""
    groups = weight.reshape(heads, sum(parts), -1, *weight.shape[1:])
    ends = numpy.cumsum(parts)[:-1]
    return numpy.concatenate([part.reshape(-1, *weight.shape[1:]) for part in numpy.split(groups, ends, axis=1)])


def as_in_gguf(arch, config, name, values):
    """The converter's changes of weights: transposed, rows of q and k in pairs, fused projections stacked, norms plus one."""
    archs = gguf.MODEL_ARCH
    module = name.split(".")[-2]
    if arch == archs.GPT2 and name.endswith((".c_attn.weight", ".c_proj.weight", ".c_fc.weight")):
        return numpy.ascontiguousarray(values.T)
    heads = {"q_proj": config.num_attention_heads, "k_proj": getattr(config, "num_key_value_heads", 0)}.get(module, 0)
    if arch in (archs.LLAMA, archs.GRANITE, archs.SMOLLM3, archs.MISTRAL3) and heads:
        return pairs_of_rows(values, heads)
    if arch in (archs.GPTNEOX, archs.BLOOM) and module == "query_key_value":
        return stacked(values, config.num_attention_heads, (1, 1, 1))
    if arch == archs.FALCON and module == "query_key_value":
        groups = config.num_kv_heads if config.new_decoder_architecture else 1
        return stacked(values, groups, (config.num_attention_heads // groups, 1, 1))
    if arch in (archs.GEMMA, archs.GEMMA2, archs.GEMMA3, archs.GEMMA_EMBEDDING) and name.endswith("norm.weight"):
        return values + 1
    return values


def stored(name, weight, kind):
    """As the converter does: one-dimensional tensors and position tables stay f32."""
    if weight.ndim == 1 or "position" in name or "token_type" in name or "wpe" in name:
        return weight, gguf.GGMLQuantizationType.F32
    return quantize(weight, TYPES[kind]), TYPES[kind]


def add_settings(writer, config, arch):
    archs = gguf.MODEL_ARCH
    get = lambda *names: next((getattr(config, name) for name in names if getattr(config, name, None) is not None), None)
    hidden, heads = config.hidden_size, config.num_attention_heads
    writer.add_context_length(get("max_position_embeddings", "max_seq_len", "seq_length"))
    writer.add_embedding_length(hidden)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_head_count(heads)
    writer.add_feed_forward_length(get("intermediate_size", "ffn_hidden_size", "n_inner") or 4 * hidden)
    if (epsilon := get("layer_norm_eps", "layer_norm_epsilon", "norm_epsilon")) is not None:
        writer.add_layer_norm_eps(epsilon)
    if arch == archs.BERT:
        writer.add_causal_attention(False)
        writer.add_pooling_type(gguf.PoolingType.MEAN)
    if arch == archs.STARCODER:
        writer.add_head_count_kv(1)
    if arch in (archs.MPT, archs.BLOOM):
        writer.add_max_alibi_bias(8.0)
    if arch == archs.MPT:
        writer.add_clamp_kqv(config.attn_config.clip_qkv)
    if arch in (archs.GPT2, archs.BERT, archs.STARCODER, archs.MPT, archs.BLOOM):
        return
    if arch == archs.FALCON:
        writer.add_head_count_kv(config.num_kv_heads if config.new_decoder_architecture else 1)
        writer.add_tensor_data_layout("jploski")
        return
    writer.add_head_count_kv(get("num_key_value_heads") or heads)
    if get("rms_norm_eps") is not None:
        writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    if arch in (archs.GPTNEOX, archs.STABLELM):
        writer.add_parallel_residual(config.use_parallel_residual)
    if arch == archs.GRANITE:
        writer.add_embedding_scale(config.embedding_multiplier)
        writer.add_residual_scale(config.residual_multiplier)
        writer.add_attention_scale(config.attention_multiplier)
        writer.add_logit_scale(config.logits_scaling)
    if arch == archs.COHERE2:
        writer.add_logit_scale(config.logit_scale)
    windows = arch in (archs.GEMMA2, archs.GEMMA3, archs.COHERE2, archs.EXAONE4) or config.model_type == "olmo3"
    if arch == archs.GEMMA_EMBEDDING:
        writer.add_sliding_window(2 * (config.sliding_window - 1))  # the class halves what config.json says
        writer.add_causal_attention(False)
    if windows:
        writer.add_sliding_window(config.sliding_window)
    if windows and arch in (archs.EXAONE4, archs.OLMO2):
        writer.add_sliding_window_pattern([kind == "sliding_attention" for kind in config.layer_types])
    if arch == archs.GEMMA2:
        writer.add_attn_logit_softcapping(config.attn_logit_softcapping)
        writer.add_final_logit_softcapping(config.final_logit_softcapping)
    head_dim = get("head_dim") or hidden // heads
    if get("head_dim") or get("rms_norm_eps"):
        writer.add_key_length(head_dim)
        writer.add_value_length(head_dim)
    rope = config.rope_parameters.get("full_attention", config.rope_parameters)
    writer.add_rope_dimension_count(int(head_dim * rope.get("partial_rotary_factor", 1.0)))
    writer.add_rope_freq_base(rope["rope_theta"])
    if rope["rope_type"] == "yarn":
        writer.add_rope_scaling_type(gguf.RopeScalingType.YARN)
        writer.add_rope_scaling_factor(rope["factor"])
        writer.add_rope_scaling_orig_ctx_len(rope["original_max_position_embeddings"])
    if arch == archs.MISTRAL3:
        writer.add_rope_scaling_yarn_log_mul(rope["mscale_all_dim"])
        writer.add_attn_temperature_scale(rope["llama_4_scaling_beta"])
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
    suffixes = (".weight", ".bias")
    needs_output = arch in (gguf.MODEL_ARCH.PHI2, gguf.MODEL_ARCH.GPTNEOX, gguf.MODEL_ARCH.STABLELM, gguf.MODEL_ARCH.OLMO2)
    head_norms = {}  # of single heads, by the name of their tensor
    tied = getattr(model.config, "tie_word_embeddings", True)
    with torch.no_grad():
        for theirs, weight in model.named_parameters():
            if theirs == "lm_head.weight" and tied:
                continue
            values = as_in_gguf(arch, model.config, theirs, weight.float().numpy())
            if ".norms." in theirs:
                head_norms.setdefault(theirs.split(".norms.")[0] + ".weight", []).append(values)
                continue
            data, type_ = stored(theirs, values, kind)
            name_there = names.get_name(theirs, suffixes) or names.get_name(theirs.removeprefix("transformer."), suffixes)
            writer.add_tensor(name_there, data, raw_dtype=type_)
            if tied and needs_output and name_there == "token_embd.weight":
                writer.add_tensor("output.weight", data, raw_dtype=type_)
            if kind.startswith("q"):
                values = dequantize(data, type_)
                heads = {"q_proj": model.config.num_attention_heads, "k_proj": getattr(model.config, "num_key_value_heads", 0)}.get(theirs.split(".")[-2], 0)
                if arch == gguf.MODEL_ARCH.LLAMA and heads:
                    size = values.shape[0] // heads
                    values = values.reshape(heads, size // 2, 2, -1).swapaxes(1, 2).reshape(values.shape)
                weight.copy_(torch.from_numpy(values.T.copy() if values.shape != tuple(weight.shape) or "c_" in theirs and values.ndim == 2 else values))
    for theirs, norms in head_norms.items():
        writer.add_tensor(names.get_name(theirs, suffixes), numpy.stack(norms))
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
