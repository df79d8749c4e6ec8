#!/usr/bin/env python3
"""Writes results of transformers' generate() with the models of tests/goldens/models/ and causal_models/ for many generation_config.json files.

tests/goldens/generation/texts.json
    versions   versions of the packages
    cases      [{name, model, config, generation_config, inputs, ids}]: `model` below tests/goldens/; `config` and `generation_config`: the keys of
               config.json and generation_config.json that are changed (generation_config null: there is no such file); inputs: source ids, or prompt ids;
               ids: the new tokens, including the token that ends them
tests/goldens/generation/keys.json
    {name: default} for every key of GenerationConfig

Everything is computed in float64; the script fails if a float32 run finds different ids.
"""

import json
import os
import pathlib
import platform
import shutil
import sys
import tempfile
import warnings

os.environ["CUDA_VISIBLE_DEVICES"] = ""
os.environ["TRANSFORMERS_VERBOSITY"] = "error"

import torch
import transformers

ROOT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "goldens"
VERSIONS = {"python": platform.python_version(), "torch": torch.__version__.split("+")[0], "transformers": transformers.__version__}
SOURCES = [[5, 9, 12, 33, 0], [7, 0], [30, 31, 32, 33, 34, 35, 0], [20, 11, 40, 3, 8, 0]]
PROMPTS = [[3, 7, 18], [6], [12, 13, 8, 16], [10, 14]]
TRANSLATE = {"model": "models/marian_post_norm", "inputs": SOURCES}
PEGASUS = {"model": "models/pegasus_pre_norm", "inputs": [[5, 9, 12, 33, 1], [7, 1], [30, 31, 32, 33, 34, 35, 1]]}
CONTINUE = {"model": "causal_models/llama", "inputs": PROMPTS}


def translations():
    base = {"max_length": 16, "num_beams": 1}
    beams = base | {"num_beams": 4}
    for kind, start in (("greedy", base), ("beams", beams)):
        yield f"{kind}", start
        yield f"{kind}_ends", start | {"eos_token_id": [0, 40, 42, 26]}
        yield f"{kind}_ends_min_length", start | {"eos_token_id": [0, 40, 42, 26], "min_length": 6}
        yield f"{kind}_ends_min_new_tokens", start | {"eos_token_id": [0, 40, 42, 26], "min_new_tokens": 4, "min_length": 12}
        yield f"{kind}_max_new_tokens", start | {"max_new_tokens": 3}
        yield f"{kind}_begin_suppress", start | {"begin_suppress_tokens": [9, 10, 23, 35, 37]}
        yield f"{kind}_suppress_end", start | {"suppress_tokens": [0, 11, 26], "max_length": 9}
        yield f"{kind}_bad_words_end", start | {"bad_words_ids": [[0], [11], [26], [47]], "max_length": 9}
        yield f"{kind}_decay", start | {"exponential_decay_length_penalty": [2, 1.5]}
        yield f"{kind}_decay_ends", start | {"exponential_decay_length_penalty": [1, 1.2], "eos_token_id": [0, 40]}
        yield f"{kind}_forced_end", start | {"forced_eos_token_id": 3, "max_length": 5}
        yield f"{kind}_pad_may_come", start | {"bad_words_ids": None, "pad_token_id": 11}
        yield f"{kind}_no_end", start | {"eos_token_id": None}
    yield "greedy_forced_ends", base | {"forced_eos_token_id": [3, 0], "max_length": 5}  # with beams, torch takes an arbitrary one
    for kind, start in (("greedy", base), ("beams", beams)):
        yield f"{kind}_repetition_penalty", start | {"repetition_penalty": 1.4}
        yield f"{kind}_repetition_wanted", start | {"repetition_penalty": 0.7, "no_repeat_ngram_size": 3}
        yield f"{kind}_no_repeat_1", start | {"no_repeat_ngram_size": 1}
        yield f"{kind}_no_repeat_2", start | {"no_repeat_ngram_size": 2, "eos_token_id": [0, 40]}
    yield "beams_renormalized", beams | {"renormalize_logits": True, "bad_words_ids": [[47], [11], [23], [42]]}
    yield "beams_ends_early", beams | {"eos_token_id": [0, 40, 42, 26], "early_stopping": True}


def of_pegasus():
    base = {"max_length": 14, "num_beams": 3}
    ends = base | {"eos_token_id": [1, 40, 42, 26, 5, 12, 50]}
    yield "penalty_0", ends | {"length_penalty": 0.0}
    yield "penalty_negative", ends | {"length_penalty": -1.5}
    yield "penalty_2_never", ends | {"length_penalty": 2.0, "early_stopping": "never"}
    yield "penalty_2_early", ends | {"length_penalty": 2, "early_stopping": True}
    yield "min_length", ends | {"min_length": 7, "early_stopping": True}
    yield "forced_end", base | {"forced_eos_token_id": 1, "max_length": 6}
    yield "forced_end_max_new_tokens", base | {"forced_eos_token_id": 1, "max_new_tokens": 4}
    yield "bad_words_twice", ends | {"bad_words_ids": [[40], [40], [0], [31]]}
    yield "greedy_early", ends | {"num_beams": 1, "early_stopping": True, "length_penalty": 3.0}
    yield "first_token_alone", base | {"max_new_tokens": 1}
    yield "end_at_once", base | {"eos_token_id": list(range(1, 56))}
    yield "end_at_once_greedy", base | {"eos_token_id": list(range(1, 56)), "num_beams": 1}


def continuations():
    base = {"max_new_tokens": 12}
    yield "text", base
    yield "text_ends", base | {"eos_token_id": [2, 4, 9]}
    yield "text_ends_min_new_tokens", base | {"eos_token_id": [2, 4, 9], "min_new_tokens": 5}
    yield "text_max_length", {"max_length": 9}
    yield "text_min_length", {"max_length": 14, "min_length": 8, "eos_token_id": [2, 4, 9]}
    yield "text_begin_suppress", base | {"begin_suppress_tokens": [0, 1, 4, 5, 7, 9, 11]}
    yield "text_suppress", base | {"suppress_tokens": [4, 9], "eos_token_id": [4, 9]}
    yield "text_bad_words", base | {"bad_words_ids": [[4], [9], [3]], "eos_token_id": [4]}
    yield "text_decay", base | {"exponential_decay_length_penalty": [2, 1.5], "eos_token_id": [2]}
    long = {"max_new_tokens": 24, "eos_token_id": None}
    yield "text_repetition_penalty", long | {"repetition_penalty": 1.3}
    yield "text_repetition_wanted", long | {"repetition_penalty": 0.8}
    yield "text_no_repeat_1", long | {"no_repeat_ngram_size": 1, "max_new_tokens": 9}
    yield "text_no_repeat_2", long | {"no_repeat_ngram_size": 2}
    yield "text_no_repeat_3_penalty_decay", long | {"no_repeat_ngram_size": 3, "repetition_penalty": 0.9, "eos_token_id": [2, 4], "exponential_decay_length_penalty": [6, 1.1]}
    yield "text_forced_end", base | {"forced_eos_token_id": 2}


def cases():
    for name, generation_config in translations():
        yield TRANSLATE | {"name": name, "config": {}, "generation_config": generation_config}
    yield TRANSLATE | {"name": "from_config", "config": {"eos_token_id": [0, 40, 42, 26], "num_beams": 2, "max_length": 12, "bad_words_ids": [[47]]},
                       "generation_config": None}
    for name, generation_config in continuations():
        yield CONTINUE | {"name": name, "config": {}, "generation_config": generation_config}
    for name, generation_config in of_pegasus():
        yield PEGASUS | {"name": "pegasus_" + name, "config": {}, "generation_config": generation_config}
    yield TRANSLATE | {"name": "greedy_config_beside", "config": {"num_beams": 4, "max_length": 5, "bad_words_ids": [[23]], "suppress_tokens": [9]},
                       "generation_config": {"num_beams": None, "max_length": 16, "bad_words_ids": None}}
    yield TRANSLATE | {"name": "greedy_start_from_config", "config": {}, "generation_config": {"max_length": 16, "num_beams": 1, "bad_words_ids": None, "decoder_start_token_id": 5}}
    yield TRANSLATE | {"name": "greedy_start_is_bos", "config": {"decoder_start_token_id": None}, "generation_config": {"max_length": 16, "num_beams": 1, "decoder_start_token_id": None, "bos_token_id": 7}}
    yield CONTINUE | {"name": "text_from_config", "config": {"eos_token_id": [2, 4, 9], "max_new_tokens": 9, "min_length": 6}, "generation_config": None}
    yield CONTINUE | {"name": "text_from_config_suppress", "config": {"eos_token_id": [2], "max_length": 12, "suppress_tokens": [4, 9], "bad_words_ids": [[3]], "forced_eos_token_id": 2}, "generation_config": None}
    yield CONTINUE | {"name": "text_config_beside", "config": {"max_new_tokens": 3, "suppress_tokens": [4, 9]}, "generation_config": {"max_new_tokens": 12}}
    yield CONTINUE | {"name": "text_end_unheard_of", "config": {}, "generation_config": {"max_new_tokens": 12, "eos_token_id": -1}}
    yield CONTINUE | {"name": "text_min_above_max", "config": {}, "generation_config": {"max_new_tokens": 5, "min_new_tokens": 9, "eos_token_id": [2, 4, 9]}}
    yield CONTINUE | {"name": "text_bad_and_suppressed", "config": {}, "generation_config": {"max_new_tokens": 12, "bad_words_ids": [[4], [2]], "suppress_tokens": [-1, 9], "begin_suppress_tokens": [7], "eos_token_id": [2]}}
    yield CONTINUE | {"name": "text_forced_ends", "config": {}, "generation_config": {"max_length": 8, "forced_eos_token_id": [2], "eos_token_id": [2, 4]}}
    long = {"max_new_tokens": 40, "eos_token_id": None}
    llama3 = {"rope_type": "llama3", "factor": 2.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 4}
    for name, parameters in (("default", {"rope_type": "default"}), ("linear", {"rope_type": "linear", "factor": 2.0}), ("llama3", llama3),
                             ("yarn", {"rope_type": "yarn", "factor": 2.0, "original_max_position_embeddings": 4})):
        for model in ("llama", "mistral"):
            yield CONTINUE | {"model": "causal_models/" + model, "name": f"{model}_{name}_beyond_its_positions",
                              "inputs": PROMPTS + [[3, 7, 18, 6, 12, 13, 8, 16, 10, 14, 5, 11]],
                              "config": {"max_position_embeddings": 8, "rope_parameters": parameters | {"rope_theta": 100.0}}, "generation_config": long}
    dynamic = {"rope_type": "dynamic", "rope_theta": 10000.0, "factor": 2.0}
    yield CONTINUE | {"name": "dynamic_beyond_its_positions", "config": {"max_position_embeddings": 8, "rope_parameters": dynamic},
                      "generation_config": {"max_new_tokens": 40, "eos_token_id": None}}


def merged(json_object, changes):
    # transformers treats null like a missing key; the test of qkv keeps null in generation_config.json.
    return {key: value for key, value in (json_object | changes).items() if value is not None}


def generate(case, dtype):
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(ROOT / case["model"], folder, dirs_exist_ok=True)
        folder = pathlib.Path(folder)
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(merged(config, case["config"])))
        if case["generation_config"] is None:
            (folder / "generation_config.json").unlink()
        else:
            generation = json.loads((folder / "generation_config.json").read_text())
            generation = {key: value for key, value in generation.items() if not (key == "max_length" and "max_new_tokens" in case["generation_config"])}
            (folder / "generation_config.json").write_text(json.dumps(merged(generation, case["generation_config"])))
        translates = case["model"].startswith("models/")
        kind = transformers.AutoModelForSeq2SeqLM if translates else transformers.AutoModelForCausalLM
        model = kind.from_pretrained(folder, dtype=dtype, attn_implementation="eager").eval()
        if case["generation_config"] is not None:
            model.generation_config.do_sample = False
        results = []
        for ids in case["inputs"]:
            with torch.no_grad(), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                out = model.generate(torch.tensor([ids]), attention_mask=torch.ones(1, len(ids), dtype=torch.long))[0].tolist()
            results.append(out[1:] if translates else out[len(ids):])
        return results


def main():
    print("made with " + ", ".join(f"{name} {version}" for name, version in VERSIONS.items()))
    torch.set_num_threads(1)
    record = {"versions": VERSIONS, "cases": []}
    plain = {}
    for case in cases():
        ids = generate(case, torch.float64)
        assert ids == generate(case, torch.float32), f"{case['name']} differs between float32 and float64"
        plain.setdefault(case["name"].split("_")[0], ids)
        print(f"  {case['name']}: lengths {[len(each) for each in ids]}, {sum(a != b for a, b in zip(ids, plain[case['name'].split('_')[0]]))} differ")
        record["cases"].append(case | {"ids": ids})
    (ROOT / "generation").mkdir(parents=True, exist_ok=True)
    (ROOT / "generation/texts.json").write_text(json.dumps(record).replace('{"model"', '\n{"model"') + "\n")
    keys = transformers.GenerationConfig().to_dict()
    defaults = transformers.GenerationConfig._get_default_generation_params()
    keys = {key: defaults.get(key, value) for key, value in keys.items()} | {"_from_model_config": None, "_commit_hash": None}
    (ROOT / "generation/keys.json").write_text(json.dumps(keys, indent=0, sort_keys=True) + "\n")
    print(f"  {len(keys)} keys")


if __name__ == "__main__":
    sys.exit(main())
