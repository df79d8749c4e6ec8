#!/usr/bin/env python3
"""Writes tiny decoder-only models (random weights) with transformers' save_pretrained, and what they compute.

Each folder of tests/goldens/causal_models/ is a model directory with two more files: expected.json ("versions"; "sequences": token ids, ragged; "loss": mean
cross-entropy of predicting each sequence's tokens from the preceding ones; "gradients" of that loss: of each tensor in the file its length and its product with
the tensor; "greedy": the likeliest tokens after the beginning of the first sequence) and expected.safetensors ("logits": [tokens of all sequences, vocab_size]
f32, back to back). Everything is computed in float64, sequence by sequence and without a cache. Weights are bfloat16, save in the first models.

    causal_models.py [NAME...]    writes all of them, or those named
"""

import json
import pathlib
import platform
import shutil
import sys

import safetensors
import safetensors.torch
import torch
import transformers as tf

ROOT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "goldens" / "causal_models"
VERSIONS = {
    "python": platform.python_version(),
    "torch": torch.__version__.split("+")[0],
    "transformers": tf.__version__,
    "safetensors": safetensors.__version__,
}
VOCABULARY = 19
SEQUENCES = [[3, 7, 1, 18, 0, 5, 5, 2, 11, 9, 4, 17], [6], [12, 12, 13, 1, 8, 16, 2], [10, 14, 15, 3]]
PROMPT, NEW_TOKENS = 5, 20
FULL, SLIDING = "full_attention", "sliding_attention"
IDS = dict(bos_token_id=1, eos_token_id=2, pad_token_id=None, attn_implementation="eager")
LLAMA = dict(vocab_size=VOCABULARY, hidden_size=16, intermediate_size=20, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
             max_position_embeddings=32, **IDS)
GPT2 = dict(vocab_size=VOCABULARY, n_embd=16, n_layer=2, n_head=4, n_positions=24, **IDS)
NEOX = dict(vocab_size=VOCABULARY, hidden_size=16, intermediate_size=20, num_hidden_layers=2, num_attention_heads=2, max_position_embeddings=32,
            **IDS)
OPT = dict(vocab_size=VOCABULARY, hidden_size=16, ffn_dim=20, num_hidden_layers=2, num_attention_heads=4, max_position_embeddings=32, **IDS)
FALCON = dict(vocab_size=VOCABULARY, hidden_size=16, num_hidden_layers=2, num_attention_heads=4, max_position_embeddings=32, **IDS)
LLAMA3 = dict(rope_type="llama3", rope_theta=500.0, factor=4.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=8)
YARN = dict(rope_type="yarn", rope_theta=500.0, factor=4.0, original_max_position_embeddings=8)
GROWING = dict(rope_type="yarn", rope_theta=500.0, factor=4.0, original_max_position_embeddings=4, mscale=1.0, mscale_all_dim=0.5,
               llama_4_scaling_beta=0.3)
LONG = dict(rope_type="longrope", rope_theta=500.0, short_factor=[1.0, 1.25, 1.5], long_factor=[1.5, 3.0, 6.0])

# The model, its configuration's class and its keys; those of the first list have weights in float32.
FLOAT32 = [
    ("gpt2", tf.GPT2LMHeadModel, tf.GPT2Config, GPT2),
    ("gpt2_untied", tf.GPT2LMHeadModel, tf.GPT2Config, GPT2 | dict(tie_word_embeddings=False, n_inner=12, activation_function="gelu")),
    ("llama", tf.LlamaForCausalLM, tf.LlamaConfig, LLAMA),
    ("llama3_tied", tf.LlamaForCausalLM, tf.LlamaConfig, LLAMA | dict(tie_word_embeddings=True, rope_parameters=LLAMA3)),
    ("mistral", tf.MistralForCausalLM, tf.MistralConfig, LLAMA | dict(sliding_window=4, rms_norm_eps=1e-5)),
    ("qwen2", tf.Qwen2ForCausalLM, tf.Qwen2Config,
     LLAMA | dict(num_hidden_layers=3, use_sliding_window=True, sliding_window=3, max_window_layers=1)),
    ("qwen3", tf.Qwen3ForCausalLM, tf.Qwen3Config, LLAMA | dict(head_dim=6, tie_word_embeddings=True)),
]
BFLOAT16 = [
    ("llama_biases", tf.LlamaForCausalLM, tf.LlamaConfig, LLAMA | dict(head_dim=6, attention_bias=True, mlp_bias=True, rope_parameters=YARN)),
    ("ministral", tf.MinistralForCausalLM, tf.MinistralConfig,
     LLAMA | dict(num_hidden_layers=3, head_dim=6, sliding_window=3, layer_types=[SLIDING, FULL, SLIDING])),
    ("gemma", tf.GemmaForCausalLM, tf.GemmaConfig, LLAMA | dict(head_dim=6, num_key_value_heads=1)),
    ("gemma2", tf.Gemma2ForCausalLM, tf.Gemma2Config,
     LLAMA | dict(num_hidden_layers=3, head_dim=6, sliding_window=3, query_pre_attn_scalar=9, attn_logit_softcapping=5.0,
                  final_logit_softcapping=4.0)),
    ("gemma3", tf.Gemma3ForCausalLM, tf.Gemma3TextConfig,
     LLAMA | dict(num_hidden_layers=3, head_dim=6, sliding_window=3, query_pre_attn_scalar=7, layer_types=[SLIDING, SLIDING, FULL],
                  rope_parameters={FULL: dict(rope_type="linear", factor=8.0, rope_theta=1000.0), SLIDING: dict(rope_type="default", rope_theta=50.0)})),
    ("phi3", tf.Phi3ForCausalLM, tf.Phi3Config,
     LLAMA | dict(hidden_size=32, sliding_window=14, original_max_position_embeddings=8, partial_rotary_factor=0.75, rope_parameters=LONG)),
    ("smollm3", tf.SmolLM3ForCausalLM, tf.SmolLM3Config,
     LLAMA | dict(num_hidden_layers=3, no_rope_layers=[1, 0, 1], use_sliding_window=True, sliding_window=3, attention_bias=True)),
    ("granite", tf.GraniteForCausalLM, tf.GraniteConfig,
     LLAMA | dict(embedding_multiplier=3.0, attention_multiplier=0.3, residual_multiplier=0.7, logits_scaling=1.7, mlp_bias=True)),
    ("hunyuan", tf.HunYuanDenseV1ForCausalLM, tf.HunYuanDenseV1Config,
     LLAMA | dict(head_dim=6, rope_parameters=dict(rope_type="dynamic", alpha=10.0, factor=1.0, rope_theta=100.0))),
    ("olmo2", tf.Olmo2ForCausalLM, tf.Olmo2Config, LLAMA),
    ("olmo3", tf.Olmo3ForCausalLM, tf.Olmo3Config,
     LLAMA | dict(num_hidden_layers=3, sliding_window=3, layer_types=[SLIDING, FULL, SLIDING], attention_bias=True,
                  rope_parameters={FULL: YARN, SLIDING: dict(rope_type="default", rope_theta=50.0)})),
    ("gpt_neox", tf.GPTNeoXForCausalLM, tf.GPTNeoXConfig, NEOX | dict(rotary_pct=0.5, rotary_emb_base=50)),
    ("gpt_neox_sequential", tf.GPTNeoXForCausalLM, tf.GPTNeoXConfig,
     NEOX | dict(use_parallel_residual=False, attention_bias=False, tie_word_embeddings=True)),
    ("opt", tf.OPTForCausalLM, tf.OPTConfig, OPT),
    ("opt_post_norm", tf.OPTForCausalLM, tf.OPTConfig, OPT | dict(do_layer_norm_before=False, enable_bias=False, tie_word_embeddings=False)),
    ("phi", tf.PhiForCausalLM, tf.PhiConfig, LLAMA | dict(hidden_size=24, partial_rotary_factor=0.67, qk_layernorm=True)),
    ("gptj", tf.GPTJForCausalLM, tf.GPTJConfig, GPT2 | dict(n_head=2, rotary_dim=6, n_inner=20, n_positions=32)),
    ("starcoder2", tf.Starcoder2ForCausalLM, tf.Starcoder2Config, LLAMA | dict(sliding_window=4)),
    ("gpt_bigcode", tf.GPTBigCodeForCausalLM, tf.GPTBigCodeConfig, GPT2),
    ("gpt_bigcode_heads", tf.GPTBigCodeForCausalLM, tf.GPTBigCodeConfig, GPT2 | dict(multi_query=False, n_inner=12)),
    ("falcon_one_norm", tf.FalconForCausalLM, tf.FalconConfig, FALCON | dict(bias=True)),
    ("falcon_two_norms", tf.FalconForCausalLM, tf.FalconConfig, FALCON | dict(new_decoder_architecture=True, num_kv_heads=2)),
    ("falcon_grouped", tf.FalconForCausalLM, tf.FalconConfig,
     FALCON | dict(new_decoder_architecture=True, num_kv_heads=2, num_ln_in_parallel_attn=1, tie_word_embeddings=False)),
    ("falcon_sequential", tf.FalconForCausalLM, tf.FalconConfig, FALCON | dict(multi_query=False, parallel_attn=False, ffn_hidden_size=20)),
    ("mpt", tf.MptForCausalLM, tf.MptConfig,
     dict(vocab_size=VOCABULARY, d_model=18, n_heads=3, n_layers=2, max_seq_len=32, attn_config=dict(softmax_scale=0.3), **IDS)),
    ("bloom", tf.BloomForCausalLM, tf.BloomConfig, dict(vocab_size=VOCABULARY, hidden_size=18, n_head=3, n_layer=2, **IDS)),
    ("stablelm", tf.StableLmForCausalLM, tf.StableLmConfig, LLAMA | dict(hidden_size=24, partial_rotary_factor=0.67, use_qkv_bias=True)),
    ("stablelm_parallel", tf.StableLmForCausalLM, tf.StableLmConfig, LLAMA | dict(hidden_size=32, use_parallel_residual=True)),
    ("cohere2", tf.Cohere2ForCausalLM, tf.Cohere2Config,
     LLAMA | dict(num_hidden_layers=3, sliding_window=3, layer_types=[SLIDING, FULL, SLIDING], logit_scale=0.4, attention_bias=True)),
    ("exaone4", tf.Exaone4ForCausalLM, tf.Exaone4Config,
     LLAMA | dict(num_hidden_layers=3, head_dim=6, sliding_window=3, layer_types=[SLIDING, FULL, SLIDING])),
    ("exaone4_full", tf.Exaone4ForCausalLM, tf.Exaone4Config,
     LLAMA | dict(sliding_window=None, layer_types=[FULL, FULL], tie_word_embeddings=True, rope_parameters=LLAMA3)),
    ("glm4", tf.Glm4ForCausalLM, tf.Glm4Config, LLAMA | dict(head_dim=8)),
    ("apertus", tf.ApertusForCausalLM, tf.ApertusConfig, LLAMA | dict(head_dim=6, attention_bias=True, rope_parameters=LLAMA3)),
    ("ministral3", tf.Ministral3ForCausalLM, tf.Ministral3Config, LLAMA | dict(head_dim=6, sliding_window=7, rope_parameters=GROWING)),
    ("mistral3_text_part", tf.Mistral3ForConditionalGeneration, tf.Mistral3Config,
     dict(text_config=LLAMA | dict(model_type="ministral3", head_dim=6, rope_parameters=dict(
         rope_theta=500.0, original_max_position_embeddings=4, llama_4_scaling_beta=0.3)), tie_word_embeddings=False,
          vision_config=dict(model_type="pixtral", hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=2, head_dim=4, image_size=8,
                             patch_size=4))),
    ("gemma3_text_part", tf.Gemma3ForConditionalGeneration, tf.Gemma3Config,
     dict(text_config=LLAMA | dict(num_hidden_layers=3, head_dim=6, sliding_window=3, query_pre_attn_scalar=7, layer_types=[SLIDING, FULL, SLIDING]),
          mm_tokens_per_image=1, vision_config=dict(model_type="siglip_vision_model", hidden_size=8, intermediate_size=8, num_hidden_layers=1,
                                                    num_attention_heads=2, image_size=8, patch_size=4))),
    ("stablelm_head_norms", tf.StableLmForCausalLM, tf.StableLmConfig, LLAMA | dict(hidden_size=24, partial_rotary_factor=0.67, qk_layernorm=True)),
    ("mpt_clipped", tf.MptForCausalLM, tf.MptConfig,
     dict(vocab_size=VOCABULARY, d_model=18, n_heads=3, n_layers=2, max_seq_len=32, attn_config=dict(clip_qkv=0.75), **IDS)),
    ("gpt2_scales", tf.GPT2LMHeadModel, tf.GPT2Config, GPT2 | dict(scale_attn_weights=False, scale_attn_by_inverse_layer_idx=True)),
    ("opt_projections", tf.OPTForCausalLM, tf.OPTConfig, OPT | dict(do_layer_norm_before=False, word_embed_proj_dim=12)),
]


def spread_weights(model, seed):
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in sorted(model.named_parameters()):
            noise = torch.randn(weight.shape, generator=generator)
            if weight.dim() == 1:
                weight.copy_(0.2 * noise + (1 if "norm" in name or "ln_" in name and name.endswith("weight") else 0))
            else:
                weight.copy_(0.4 * noise)
        for name, constant in model.named_buffers():  # of xIELU, which are in the file
            if name.endswith("act_fn.beta"):
                constant.fill_(0.375)
            if name.endswith("act_fn.eps"):
                constant.fill_(-0.125)


def gradients(model, folder):
    """By the tensors' names in the file, which may differ from the class's."""
    stored = {name: tensor.double() for name, tensor in safetensors.torch.load_file(folder / "model.safetensors").items()}
    found = {}
    for name, weight in model.named_parameters():
        if weight.grad is None:
            continue  # of a part for images
        equal = [key for key, value in stored.items() if value.shape == weight.shape and torch.equal(value, weight)]
        [there] = [name] if name in equal else equal
        found[there] = [weight.grad.norm().item(), (weight.grad * weight).sum().item()]
    return found


def greedy(model):
    """None if two tokens are about equally likely."""
    ids = SEQUENCES[0][:PROMPT]
    for _ in range(NEW_TOKENS):
        best = model(input_ids=torch.tensor([ids])).logits[0, -1].topk(2)
        if best.values[0] - best.values[1] < 2e-3:
            return None
        ids = ids + [best.indices[0].item()]
    rules = tf.GenerationConfig(do_sample=False, max_new_tokens=NEW_TOKENS, pad_token_id=0)
    model.generation_config = rules
    with_cache = model.generate(torch.tensor([ids[:PROMPT]]), attention_mask=torch.ones(1, PROMPT, dtype=torch.long), generation_config=rules)
    assert with_cache[0].tolist() == ids, "the class's cache gives another text"
    return ids[PROMPT:]


def write(name, model_class, config, dtype, seed):
    folder = ROOT / name
    while True:
        shutil.rmtree(folder, ignore_errors=True)
        model = model_class(config)
        spread_weights(model, seed)
        model.to(dtype).eval().save_pretrained(folder)
        model, loading = model_class.from_pretrained(folder, dtype=torch.float64, attn_implementation="eager", output_loading_info=True)
        assert not loading["missing_keys"] and not loading["unexpected_keys"], loading
        model.eval()
        with torch.no_grad():
            logits = [model(input_ids=torch.tensor([ids])).logits[0] for ids in SEQUENCES]
            text = greedy(model)
        if text is not None:
            break
        seed += 100
    losses = []
    for ids in SEQUENCES:
        if len(ids) > 1:
            losses.append(torch.nn.functional.cross_entropy(model(input_ids=torch.tensor([ids])).logits[0, :-1], torch.tensor(ids[1:]), reduction="none"))
    loss = torch.cat(losses).mean()
    loss.backward()
    expected = {"versions": VERSIONS, "sequences": SEQUENCES, "loss": loss.item(), "greedy": text, "gradients": gradients(model, folder)}
    (folder / "expected.json").write_text(json.dumps(expected) + "\n")
    safetensors.torch.save_file({"logits": torch.cat(logits).float().contiguous()}, folder / "expected.safetensors")
    print(name, "seed", seed)


def main():
    all_models = [(*model, torch.float32) for model in FLOAT32] + [(*model, torch.bfloat16) for model in BFLOAT16]
    if len(sys.argv) == 1:
        shutil.rmtree(ROOT, ignore_errors=True)
    for seed, (name, model_class, config_class, keys, dtype) in enumerate(all_models):
        if len(sys.argv) == 1 or name in sys.argv[1:]:
            write(name, model_class, config_class(**keys), dtype, seed)


if __name__ == "__main__":
    main()
