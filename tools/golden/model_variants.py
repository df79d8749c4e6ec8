#!/usr/bin/env python3
"""Writes transformers' results for model directories with the config.json and tensor names of other writers.

tests/goldens/model_variants/variants.json: a list of {"name", "base": a folder of tests/goldens/, "set": keys of config.json that get a
value (or null), "remove": removed keys, "tensors": edits in order, "last": logits of the last position of the first sequence (of its first
token for a classifier), "greedy": the ids of a greedy search (some cases of decoder-only models)}.
Edits of tensors: ["strip", prefix], ["rename", from, to] (a part of each name), ["copy", from, to], ["remove", name], ["wave", name, shape] (f32 values
0.5 sin(0.37 i)), ["count", name, shape] (i64 values 0, 1, ...).

defaults.json: for each class the values of its default configuration.

Needs the other golden folders. Everything is computed in float64.
"""

import json
import pathlib
import platform
import shutil
import tempfile

import safetensors
import safetensors.torch
import torch
import transformers

GOLDENS = pathlib.Path(__file__).resolve().parents[2] / "tests" / "goldens"
ROOT = GOLDENS / "model_variants"
VERSIONS = {
    "python": platform.python_version(),
    "torch": torch.__version__.split("+")[0],
    "transformers": transformers.__version__,
    "safetensors": safetensors.__version__,
}
GPT2, LLAMA, MISTRAL = "causal_models/gpt2", "causal_models/llama", "causal_models/mistral"
MARIAN, PEGASUS = "models/marian_post_norm", "models/pegasus_pre_norm"
MASKED, CLASSIFIER = "encoder_models/masked_lm", "encoder_models/classifier"


def case(name, base, set={}, remove=[], tensors=[], greedy=0):
    return {"name": name, "base": base, "set": set, "remove": remove, "tensors": tensors, "greedy": greedy}


def rope(name, set, base=LLAMA, **more):
    return case(name, base, set=set, remove=["rope_parameters"], **more)


def cases():
    masks = [["wave", f"{prefix}h.{i}.attn.{name}", shape] for i in range(2) for name, shape in (("bias", [1, 1, 24, 24]), ("masked_bias", []))
             for prefix in [""]]
    yield case("gpt2_without_prefix_and_with_masks", GPT2, tensors=[["strip", "transformer."], *masks])
    yield case("gpt2_with_masks", GPT2, tensors=[["wave", f"transformer.{name}", shape] for _, name, shape in masks])
    yield case("gpt2_output_layer_alone", GPT2, tensors=[["rename", "transformer.wte.weight", "lm_head.weight"]])
    yield case("gpt2_prefix_on_the_output_layer", "causal_models/gpt2_untied", tensors=[["rename", "lm_head", "transformer.lm_head"]])
    yield case("gpt2_tied_says_config_but_two_weights", "causal_models/gpt2_untied", set={"tie_word_embeddings": True})
    yield case("gpt2_keys_of_the_library", GPT2, remove=["n_embd", "n_layer", "n_head", "n_positions"],
               set={"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4, "max_position_embeddings": 24})
    yield case("gpt2_defaults", GPT2, remove=["activation_function", "layer_norm_epsilon", "n_inner", "tie_word_embeddings", "eos_token_id"])
    yield case("llama_without_prefix", LLAMA, tensors=[["strip", "model."]])
    frequencies = [["wave", f"model.layers.{i}.self_attn.rotary_emb.inv_freq", [2]] for i in range(2)]
    yield case("llama_with_frequencies", LLAMA, tensors=[*frequencies, ["wave", "model.rotary_emb.inv_freq", [2]]])
    yield case("mistral_with_frequencies", MISTRAL, tensors=frequencies)
    yield case("mistral_without_prefix", MISTRAL, tensors=[["strip", "model."]])
    yield case("mistral_without_window", MISTRAL, set={"sliding_window": None})
    yield case("mistral_default_window", MISTRAL, remove=["sliding_window"])
    yield case("llama_defaults", LLAMA, remove=["hidden_act", "max_position_embeddings", "rms_norm_eps", "rope_parameters", "tie_word_embeddings"])
    yield case("llama_pad_of_the_first_conversions", LLAMA, set={"pad_token_id": -1})
    yield case("llama_all_heads_with_null", "causal_models/llama3_tied", set={"head_dim": None})
    yield rope("rope_theta_beside_parameters", {"rope_parameters": {"rope_type": "default"}, "rope_theta": 500.0})
    yield rope("rope_theta_inside_counts", {"rope_parameters": {"rope_type": "default", "rope_theta": 30.0}, "rope_theta": 500.0})
    yield rope("rope_theta_of_older_files", {"rope_theta": 500.0, "rope_scaling": None})
    yield rope("rope_scaling_before_parameters", {"rope_parameters": {"rope_type": "default", "rope_theta": 30.0},
                                                  "rope_scaling": {"type": "linear", "factor": 2.0}, "rope_theta": 500.0})
    yield rope("rope_scaling_empty", {"rope_parameters": {"rope_type": "linear", "factor": 3.0}, "rope_scaling": {}})
    llama3 = {"rope_type": "llama3", "factor": 4.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8}
    yield rope("rope_llama3_length_at_the_top", {"rope_scaling": llama3, "rope_theta": 500.0, "original_max_position_embeddings": 16})
    yield rope("rope_yarn_ratio_as_factor", {"rope_scaling": {"type": "yarn", "factor": None, "original_max_position_embeddings": 8},
                                             "max_position_embeddings": 32, "rope_theta": 20.0})
    yield rope("rope_yarn_zero_is_default", {"rope_scaling": {"type": "yarn", "factor": 2.0, "original_max_position_embeddings": 16,
                                                              "beta_fast": 0, "beta_slow": 0, "mscale": 0}, "rope_theta": 20.0})
    dynamic = {"rope_type": "dynamic", "factor": 3.0, "original_max_position_embeddings": 4}
    yield rope("rope_dynamic_from_the_models_length", {"rope_scaling": dynamic, "max_position_embeddings": 8, "rope_theta": 50.0}, greedy=30)
    yield case("marian_without_prefix", MARIAN, tensors=[["strip", "model."]])
    yield case("marian_stored_positions", MARIAN,
               tensors=[["wave", f"model.{side}.embed_positions.weight", [64, 24]] for side in ("encoder", "decoder")])
    yield case("marian_stored_positions_of_one_side", MARIAN, tensors=[["wave", "model.decoder.embed_positions.weight", [64, 24]]])
    yield case("marian_output_layer_alone", MARIAN, tensors=[["rename", "model.shared.weight", "lm_head.weight"]])
    yield case("marian_defaults", MARIAN, remove=["activation_function", "max_position_embeddings", "dropout", "scale_embedding"])
    sides = [["copy", "model.shared.weight", f"model.{side}.embed_tokens.weight"] for side in ("encoder", "decoder")]
    yield case("marian_untied", MARIAN, set={"tie_word_embeddings": False}, tensors=[*sides, ["wave", "lm_head.weight", [48, 24]]])
    yield case("marian_untied_by_the_weights", MARIAN, tensors=[["wave", "lm_head.weight", [48, 24]]])
    yield case("marian_untied_with_unused_weight", MARIAN, set={"tie_word_embeddings": False},
               tensors=[*sides, ["wave", "lm_head.weight", [48, 24]], ["wave", "model.shared.weight", [48, 24]]])
    yield case("pegasus_untied", PEGASUS, set={"tie_word_embeddings": False}, tensors=[*sides, ["wave", "lm_head.weight", [56, 32]]])
    yield case("pegasus_untied_without_the_unused_weight", PEGASUS, set={"tie_word_embeddings": False},
               tensors=[*sides, ["remove", "model.shared.weight"], ["wave", "lm_head.weight", [56, 32]]])
    yield case("marian_keys_of_the_library", MARIAN, remove=["d_model", "encoder_attention_heads"], set={"hidden_size": 24, "num_attention_heads": 4})
    yield case("pegasus_activations", PEGASUS, set={"activation_function": "gelu_pytorch_tanh"})
    yield case("pegasus_keys_of_the_library", PEGASUS, remove=["d_model", "encoder_attention_heads"], set={"hidden_size": 32, "num_attention_heads": 4})
    yield case("mistral_with_keys_of_llama", MISTRAL, set={"attention_bias": True, "mlp_bias": True, "pretraining_tp": 2})
    yield case("mistral_heads_null", MISTRAL, set={"head_dim": None})
    yield case("llama_tp", LLAMA, set={"pretraining_tp": 2, "use_cache": False, "torch_dtype": "float16"})
    yield rope("rope_two_names_of_the_type", {"rope_scaling": {"rope_type": "linear", "type": "yarn", "factor": 2.0}})
    yield rope("rope_of_mistral", {"rope_scaling": {"type": "linear", "factor": 4}, "rope_theta": 100}, base=MISTRAL)
    yield rope("rope_factor_one", {"rope_scaling": {"rope_type": "yarn", "factor": 1.0, "original_max_position_embeddings": 4}, "rope_theta": 20})
    yield case("gpt2_inner_and_exact_gelu", GPT2, set={"n_inner": 64, "activation_function": "gelu", "n_ctx": 24})
    yield case("masked_lm_pad_null", MASKED, set={"pad_token_id": None})
    yield case("masked_lm_activation", MASKED, set={"hidden_act": "gelu_new", "position_embedding_type": "absolute"})
    yield case("classifier_names_by_label2id", CLASSIFIER, remove=["id2label"], set={"num_labels": 3})
    yield case("classifier_several_labels_each", CLASSIFIER, set={"classifier_dropout": None, "problem_type": None})
    yield case("pegasus_without_prefix", PEGASUS, tensors=[["strip", "model."]])
    yield case("pegasus_stored_positions", PEGASUS,
               tensors=[["wave", f"model.{side}.embed_positions.weight", [48, 32]] for side in ("encoder", "decoder")])
    yield case("masked_lm_without_prefix", MASKED, tensors=[["strip", "bert."]])
    yield case("masked_lm_with_position_ids", MASKED, tensors=[["count", "bert.embeddings.position_ids", [1, 12]]])
    yield case("masked_lm_output_layer_alone", MASKED, tensors=[["rename", "bert.embeddings.word_embeddings.weight", "cls.predictions.decoder.weight"],
                                                                ["rename", "cls.predictions.bias", "cls.predictions.decoder.bias"]])
    yield case("masked_lm_defaults", MASKED, remove=["hidden_act", "layer_norm_eps", "type_vocab_size"])
    yield case("classifier_without_prefix", CLASSIFIER, tensors=[["strip", "bert."], ["count", "embeddings.position_ids", [1, 12]],
                                                                 ["rename", "LayerNorm.weight", "LayerNorm.gamma"],
                                                                 ["rename", "LayerNorm.bias", "LayerNorm.beta"]])
    yield case("ministral3_default_rotation", "causal_models/ministral3", remove=["rope_parameters"])
    newer = [["rename", "language_model.model.", "model.language_model."], ["rename", "language_model.lm_head", "lm_head"],
             ["rename", "vision_tower.", "model.vision_tower."], ["rename", "multi_modal_projector.", "model.multi_modal_projector."]]
    for name in ("gemma3_text_part", "mistral3_text_part"):
        yield case(name + "_newer_names", "causal_models/" + name, tensors=newer)
    yield case("classifier_number_of_labels", CLASSIFIER, remove=["id2label", "label2id"], set={"num_labels": 3})
    yield case("gpt_bigcode_unscaled", "causal_models/gpt_bigcode", set={"scale_attn_weights": False}, greedy=6)
    biases = [["wave", f"model.layers.{i}.self_attn.{name}_proj.bias", [size]] for i in range(2)
              for name, size in (("q", 24), ("k", 12), ("v", 12), ("o", 16))]
    yield case("qwen3_with_biases", "causal_models/qwen3", set={"attention_bias": True}, tensors=biases)
    yield case("gemma3_soft_cap_without_effect", "causal_models/gemma3", set={"attn_logit_softcapping": 2.0})
    yield case("classifier_number_before_names", CLASSIFIER, set={"num_labels": 3, "id2label": {"0": "a", "1": "b"}}, remove=["label2id"])


def wave(shape):
    count = 1
    for size in shape:
        count *= size
    return (0.5 * torch.sin(0.37 * torch.arange(count, dtype=torch.float64))).float().reshape(shape)


def edited(tensors, edits):
    for kind, name, *rest in edits:
        if kind == "strip":
            tensors = {key.removeprefix(name): value for key, value in tensors.items()}
        elif kind == "rename":
            tensors = {key.replace(name, rest[0]): value for key, value in tensors.items()}
        elif kind == "copy":
            tensors[rest[0]] = tensors[name].clone()
        elif kind == "remove":
            del tensors[name]
        elif kind == "wave":
            tensors[name] = wave(rest[0])
        elif kind == "count":
            tensors[name] = torch.arange(rest[0][-1], dtype=torch.int64).reshape(rest[0])
    return tensors


def run(this):
    base = GOLDENS / this["base"]
    config = json.loads((base / "config.json").read_text())
    for key in this["remove"]:
        config.pop(key, None)
    config |= this["set"]
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "config.json").write_text(json.dumps(config))
        if (base / "generation_config.json").exists():
            shutil.copy(base / "generation_config.json", folder)
        tensors = edited(safetensors.torch.load_file(base / "model.safetensors"), this["tensors"])
        safetensors.torch.save_file({k: v.contiguous() for k, v in tensors.items()}, folder / "model.safetensors", metadata={"format": "pt"})
        model = getattr(transformers, config["architectures"][0]).from_pretrained(folder, dtype=torch.float64, attn_implementation="eager").eval()
    expected = json.loads((base / "expected.json").read_text())
    with torch.no_grad():
        if "sources" in expected:
            ids = {"input_ids": torch.tensor([expected["sources"][0]]), "decoder_input_ids": torch.tensor([expected["targets"][0]])}
        else:
            ids = {"input_ids": torch.tensor([expected["sequences"][0]])}
            if "token_types" in expected:
                ids["token_type_ids"] = torch.tensor([expected["token_types"][0]])
        logits = model(**ids).logits[0]
        last = logits if logits.dim() == 1 else logits[-1]
        result = this | {"last": [float(f"{x:.7g}") for x in last.tolist()]}
        if this["greedy"]:
            mask = torch.ones_like(ids["input_ids"])  # otherwise id 0, which is an ordinary token here, would count as padding
            out = model.generate(**ids, attention_mask=mask, do_sample=False, max_new_tokens=this["greedy"], eos_token_id=-1, pad_token_id=0)
            result["greedy"] = out[0, ids["input_ids"].shape[1] :].tolist()
        else:
            del result["greedy"]
    return result


def defaults():
    for name in ("Marian", "Pegasus", "T5", "MT5", "UMT5", "Bart", "MBart", "M2M100", "GPT2", "Llama", "Mistral", "Bert"):
        config = getattr(transformers, name + "Config")().to_dict()
        # to_dict() lacks defaults of the base class.
        yield name, {key: value for key, value in config.items() if isinstance(value, (int, float, str)) or value is None}
    for name in ("Ministral", "Gemma", "Gemma2", "Gemma3Text", "Phi3", "SmolLM3", "Granite", "HunYuanDenseV1", "Olmo2", "Olmo3", "GPTNeoX", "Phi",
                 "GPTJ", "OPT", "Starcoder2", "GPTBigCode", "Falcon", "Mpt", "Bloom", "StableLm", "Cohere2", "Exaone4", "Glm4", "Apertus", "Ministral3"):
        config = getattr(transformers, name + "Config")().to_dict()
        kept = {key: value for key, value in config.items() if isinstance(value, (int, float, str, list)) or value is None}
        # A variant above shows those of Ministral 3, which are written in another form.
        yield name, kept | ({"rope_parameters": config["rope_parameters"]} if "rope_parameters" in config and name != "Ministral3" else {})


def main():
    shutil.rmtree(ROOT, ignore_errors=True)
    ROOT.mkdir(parents=True)
    lines = [json.dumps(run(this)) for this in cases()]
    (ROOT / "variants.json").write_text('{"versions": ' + json.dumps(VERSIONS) + ', "variants": [\n' + ",\n".join(lines) + "\n]}\n")
    (ROOT / "defaults.json").write_text(json.dumps({"versions": VERSIONS} | dict(defaults()), indent=1) + "\n")


if __name__ == "__main__":
    main()
