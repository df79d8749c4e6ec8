#!/usr/bin/env python3
"""Writes the expected values of src/text/files/tokenizer_classes_test.cc: results of transformers' tokenizer classes for directories. They cover
defaults of a class, its own stages beside a tokenizer.json, and keys of tokenizer_config.json and special_tokens_map.json.

tests/goldens/tokenizer_files/classes.json: "files" and "directories" as in beside.json (tokenizer_beside.py), with the rows of "decode" before
those of "ids"; a directory also has "class".
"""

import base64
import itertools
import json
import pathlib
import tempfile

import sentencepiece
import tokenizer_beside as beside
from tokenizers import processors
from transformers import AutoTokenizer

TEXTS = ["Mann", " Mann", "  Mann", "Mann  Frau ", "", " ", "  ", "<s>Mann", "<s> Mann", "a</s>b", "a</s> b", "a  </s>  b", "</s></s>a", "a<unk>b", "▁Mann", "<s>▁Mann", "é日"]
BERT_TEXTS = ["Hi you", "é É", "日本", "you [MASK] you", "[CLS]you[SEP]", "", "  ", "hi . ' s ! ?"]
GPT2_TEXTS = ["ab a", " ab", "AB ab", "a<|endoftext|>b", "", "a  b", "it 's . ab", "ab ! do n't , 've ' re ' ."]


def config(**values) -> dict:
    return {"tokenizer_config.json": json.dumps(values)}


def train(**options) -> str:
    with tempfile.TemporaryDirectory() as folder:
        prefix = str(pathlib.Path(folder) / "m")
        sentencepiece.SentencePieceTrainer.train(input=str(beside.GOLDENS / "tokenizer" / "corpus.txt"), model_prefix=prefix, minloglevel=2, num_threads=1, **options)
        proto = beside.protocol.ModelProto()
        proto.ParseFromString(pathlib.Path(prefix + ".model").read_bytes())
    proto.trainer_spec.ClearField("input")
    proto.trainer_spec.ClearField("model_prefix")
    proto.normalizer_spec.ClearField("normalization_rule_tsv")
    return base64.b64encode(proto.SerializeToString()).decode()


def write(folder: pathlib.Path, files: dict, copies: dict, more: dict) -> None:
    for file, source in copies.items():
        content = files[source]
        (folder / file).write_bytes(base64.b64decode(content) if source.endswith(".model") else content.encode())
    for file, content in more.items():
        (folder / file).write_text(content, encoding="utf-8")


def backend_json(files: dict, model: str, name: str) -> dict:
    """The tokenizer.json to which a class converts a model file."""
    with tempfile.TemporaryDirectory() as folder:
        write(pathlib.Path(folder), files, {"tokenizer.model": model}, config(tokenizer_class=name))
        return json.loads(AutoTokenizer.from_pretrained(folder).backend_tokenizer.to_str())


def template(single: str, **tokens: int) -> dict:
    names = {"bos": "<s>", "end": "<|endoftext|>"}
    pieces = [(names[key], value) for key, value in tokens.items()]
    return json.loads(processors.TemplateProcessing(single=single, pair=single + " $B:1", special_tokens=pieces).__getstate__())


def all_files() -> dict:
    llama = base64.b64encode(beside.llama_model()).decode()
    files = {"llama.model": llama, "gpt2.json": beside.gpt2_json(), "bert_cased.json": beside.bert_json(False)}
    common = {"normalization_rule_name": "identity", "remove_extra_whitespaces": False, "byte_fallback": True}
    with tempfile.NamedTemporaryFile("w", suffix=".tsv") as rules:  # a small map: ligature fi, tab, ideographic space
        rules.write("FB01\t66 69\n9\t20\n3000\t20\n")
        rules.flush()
        files["t5.model"] = train(model_type="unigram", vocab_size=250, pad_id=0, eos_id=1, unk_id=2, bos_id=-1, normalization_rule_tsv=rules.name)
    files["gemma.model"] = train(model_type="bpe", vocab_size=420, pad_id=0, eos_id=1, bos_id=2, unk_id=3, bos_piece="<bos>", eos_piece="<eos>", add_dummy_prefix=False, **common)
    special = [beside.added(token) | {"id": id} for id, token in enumerate(("<unk>", "<s>", "</s>"))]
    new = backend_json(files, "llama.model", "LlamaTokenizer") | {"added_tokens": special, "post_processor": template("<s> $A", bos=1)}
    new["model"]["unk_token"] = "<unk>"
    prepend = [{"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]
    old = new | {"normalizer": {"type": "Sequence", "normalizers": prepend}, "pre_tokenizer": None}
    t5 = backend_json(files, "t5.model", "T5Tokenizer") | {"pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}}
    gemma = backend_json(files, "gemma.model", "GemmaTokenizer") | {"pre_tokenizer": None, "normalizer": None}
    gpt2, bert = json.loads(files["gpt2.json"]), json.loads(files["bert_cased.json"])
    variants = {
        "llama_new": new,
        "llama_old": old,
        "t5_old": t5,
        "gemma_plain": gemma,
        "bert_no_cleanup": bert | {"decoder": {"type": "WordPiece", "prefix": "##", "cleanup": False}},
        "bert_other_stages": bert | {"pre_tokenizer": {"type": "Whitespace"}, "normalizer": None, "post_processor": None},
        "gpt2_lower": gpt2 | {"normalizer": {"type": "Lowercase"}},
        "gpt2_begins": gpt2 | {"post_processor": template("<|endoftext|> $A", end=258)},
        "gpt2_truncated": gpt2 | {"truncation": {"direction": "Right", "max_length": 20, "strategy": "LongestFirst", "stride": 0}},
    }
    return files | {name + ".json": json.dumps(value, ensure_ascii=False) for name, value in variants.items()}


def sentencepiece_cases() -> dict:
    cases = {}
    flags = {"silent": {}, "legacy": {"legacy": True}, "not_legacy": {"legacy": False}, "no_prefix": {"add_prefix_space": False}, "legacy_no_prefix": {"legacy": True, "add_prefix_space": False},
             "begin_and_end": {"add_bos_token": True, "add_eos_token": True}, "no_begin": {"add_bos_token": False}, "nulls": {"legacy": None, "add_prefix_space": None, "add_bos_token": None}}
    decode = [[1, 300, 2, 301], [300, 0, 301], [300, 301, 302]]
    for name in ("LlamaTokenizer", "LlamaTokenizerFast", "CodeLlamaTokenizer", "PreTrainedTokenizerFast", None):
        for key, values in flags.items():
            more = config(**(values | ({"tokenizer_class": name} if name else {})))
            cases[f"{name}_model_{key}"] = ({"tokenizer.model": "llama.model"}, more, TEXTS, decode)
            if name == "LlamaTokenizerFast":
                continue
            for style in ("old", "new"):
                cases[f"{name}_{style}_{key}"] = ({"tokenizer.json": f"llama_{style}.json"}, more, TEXTS, decode)
    mistral = {"config.json": json.dumps({"model_type": "mistral"})}
    cases["mistral_llama_class"] = ({"tokenizer.json": "llama_old.json"}, config(tokenizer_class="LlamaTokenizer") | mistral, TEXTS, decode)
    cases["mistral_llama_class_model"] = ({"tokenizer.model": "llama.model"}, config(tokenizer_class="LlamaTokenizer", add_bos_token=True) | mistral, TEXTS, decode)
    texts = TEXTS + ["ﬁ\tﬁ", "Mann<extra_id_0>Frau", "Mann <extra_id_99> Frau", "a <bos> b", "a<eos>b"]
    for key, values in (flags | {"few_extra": {"extra_ids": 3}, "no_extra": {"extra_ids": 0}}).items():
        cases[f"T5_model_{key}"] = ({"spiece.model": "t5.model"}, config(tokenizer_class="T5Tokenizer", **values), texts, [])
    for key in ("silent", "legacy", "begin_and_end", "no_prefix", "nulls"):
        cases[f"Gemma_model_{key}"] = ({"tokenizer.model": "gemma.model"}, config(tokenizer_class="GemmaTokenizer", **flags[key]), texts, [[2, 300, 1, 301]])
        cases[f"Gemma_json_{key}"] = ({"tokenizer.json": "gemma_plain.json"}, config(tokenizer_class="GemmaTokenizer", **flags[key]), texts, [[2, 300, 1, 301]])
        cases[f"T5_json_{key}"] = ({"tokenizer.json": "t5_old.json"}, config(tokenizer_class="T5Tokenizer", **flags[key]), texts, [])
    cases["no_class_gemma_begins"] = ({"tokenizer.model": "gemma.model"}, config(add_bos_token=True, add_eos_token=True), texts, [])
    clean = {"clean_up_tokenization_spaces": True}
    cleaned = ["a . b ! c ? , ' s", "a  .", "do n't 's 've"]
    cases["T5_clean_up"] = ({"spiece.model": "t5.model"}, config(tokenizer_class="T5Tokenizer", extra_ids=0, **clean), cleaned, [])
    cases["no_class_clean_up"] = ({"tokenizer.model": "t5.model"}, config(**clean), cleaned, [])
    cases["Llama_clean_up"] = ({"tokenizer.model": "llama.model"}, config(tokenizer_class="LlamaTokenizer", **clean), cleaned, [])
    return cases


def bert_cases() -> dict:
    cases, bert = {}, {"tokenizer.json": "bert_cased.json"}
    named = lambda **values: config(tokenizer_class="BertTokenizer", do_lower_case=False, **values)
    for model_type in ("bert", "mistral", "distilbert", "unknown"):
        more = config(tokenizer_class="BertTokenizer", do_lower_case=True) | {"config.json": json.dumps({"model_type": model_type})}
        cases[f"Bert_of_{model_type}"] = (bert, more, BERT_TEXTS, [])
    cases["bert_of_type_alone"] = (bert, {"config.json": json.dumps({"model_type": "bert"})}, BERT_TEXTS, [])
    cases["bert_of_type_silent"] = (bert, {"config.json": json.dumps({"model_type": "bert"})} | config(), BERT_TEXTS, [])
    cases["bert_no_files"] = (bert, {}, BERT_TEXTS, [])
    for name in ("bert_no_cleanup", "bert_other_stages"):
        cases[name] = ({"tokenizer.json": name + ".json"}, named(), BERT_TEXTS, [])
        cases[name + "_fast"] = ({"tokenizer.json": name + ".json"}, config(tokenizer_class="PreTrainedTokenizerFast"), BERT_TEXTS, [])
    keys = {"do_basic_tokenize": False, "never_split": ["you"], "tokenize_chinese_chars": False, "unk_token": "you", "cls_token": "you", "model_max_length": 3, "padding_side": "left", "truncation_side": "left",
            "clean_up_tokenization_spaces": True, "strip_accents": True, "wordpieces_prefix": "@@", "clean_text": False, "add_bos_token": True}
    for key, value in keys.items():
        cases[f"Bert_{key}"] = (bert, named(**{key: value}), BERT_TEXTS, [[5, 0, 1, 7]])
        cases[f"fast_{key}"] = (bert, config(tokenizer_class="PreTrainedTokenizerFast", **{key: value}), BERT_TEXTS, [])
    cases["Bert_clean_up_off"] = (bert, named(clean_up_tokenization_spaces=False), BERT_TEXTS, [])
    cases["Bert_clean_up_null"] = (bert, named(clean_up_tokenization_spaces=None), BERT_TEXTS, [])
    return cases


def gpt2_cases() -> dict:
    cases, gpt2 = {}, {"tokenizer.json": "gpt2.json"}
    forced = "clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output"
    whole = {"content": "ab", "lstrip": True, "rstrip": True, "normalized": False, "single_word": False, "__type": "AddedToken"}
    keys = {"add_bos": {"add_bos_token": True}, "add_eos": {"add_eos_token": True}, "clean": {"clean_up_tokenization_spaces": True}, "clean_forced": {"clean_up_tokenization_spaces": True, forced: True},
            "errors": {"errors": "ignore"}, "trim": {"trim_offsets": False}, "prefix": {"add_prefix_space": True}, "unknown": {"unk_token": "ab"}, "additional": {"additional_special_tokens": ["ab"]},
            "extra": {"extra_special_tokens": ["ab"]}, "extra_roles": {"extra_special_tokens": {"x_token": "ab"}}, "own_role": {"image_token": "ab"},
            "both_lists": {"additional_special_tokens": ["ab"], "extra_special_tokens": ["a"]}, "one_list_empty": {"additional_special_tokens": ["ab"], "extra_special_tokens": []}, "pad_with_flags": {"pad_token": whole},
            "split": {"split_special_tokens": True}}
    for key, values in keys.items():
        for name in ("GPT2Tokenizer", "PreTrainedTokenizerFast"):
            cases[f"{name}_{key}"] = (gpt2, config(tokenizer_class=name, **values), GPT2_TEXTS, [])
    for name in ("gpt2_begins", "gpt2_truncated"):
        cases[name] = ({"tokenizer.json": name + ".json"}, config(tokenizer_class="GPT2Tokenizer"), GPT2_TEXTS, [])
    for name in ("PreTrainedTokenizerFast", "LlamaTokenizer"):
        cases[f"gpt2_lower_{name}"] = ({"tokenizer.json": "gpt2_lower.json"}, config(tokenizer_class=name), GPT2_TEXTS, [])
    fast = lambda **values: config(tokenizer_class="PreTrainedTokenizerFast", **values)
    flagged = {key: value for key, value in whole.items() if key != "__type"} | {"content": "<|endoftext|>"}
    maps = {"contradicts": ({"eos_token": "ab"}, {"eos_token": "<|endoftext|>"}), "flags": ({"eos_token": flagged}, {}), "additional": ({"additional_special_tokens": ["ab"]}, {}),
            "extra": ({"extra_special_tokens": ["ab"]}, {"extra_special_tokens": ["a"]}), "additional_twice": ({"additional_special_tokens": ["ab"]}, {"additional_special_tokens": ["a"]}),
            "beside_decoder": ({"eos_token": "ab"}, {"added_tokens_decoder": {"258": beside.added("<|endoftext|>")}}), "own_role": ({"image_token": "ab"}, {})}
    for key, (content, values) in maps.items():
        cases[f"map_{key}"] = (gpt2, {"special_tokens_map.json": json.dumps(content)} | fast(**values), GPT2_TEXTS + ["a <|endoftext|> b"], [])
    return cases


def added_token_cases(files: dict) -> dict:
    cases = {}
    texts = ["a <X> b", "a<X>b", "  <X>  ", "a <x> b", "<X><X>", "a\u3000<X>\u3000b", "_<X>", "é<X> <X>", "<X>", " <X>a <X>"]
    for flags in itertools.product((False, True), repeat=5):
        token = dict(zip(("lstrip", "rstrip", "single_word", "normalized", "special"), flags), content="<X>")
        for base in ("gpt2_lower", "llama_old"):
            document = json.loads(files[base + ".json"])
            count = len(document["model"]["vocab"])
            listed = {str(each["id"]): {key: value for key, value in each.items() if key != "id"} for each in document["added_tokens"]} | {str(count): token}
            name = "".join(str(int(flag)) for flag in flags)
            cases[f"added_{base}_{name}"] = ({"tokenizer.json": base + ".json"}, config(tokenizer_class="PreTrainedTokenizerFast", added_tokens_decoder=listed), texts, [[count, 70, count]])
    return cases


def main() -> None:
    files = all_files()
    directories = {}
    for name, (copies, more, texts, decode) in (sentencepiece_cases() | bert_cases() | gpt2_cases() | added_token_cases(files)).items():
        with tempfile.TemporaryDirectory() as folder:
            write(pathlib.Path(folder), files, copies, more)
            tokenizer = AutoTokenizer.from_pretrained(folder)
            ids = [tokenizer(text).input_ids for text in texts]
            directories[name] = {"class": type(tokenizer).__name__, "copies": copies, "files": more, "texts": texts, "ids": ids, "decode": decode, "decoded": [tokenizer.decode(row) for row in decode + ids],
                                 "decoded_plain": [tokenizer.decode(row, skip_special_tokens=True) for row in decode + ids]}
    path = beside.GOLDENS / "tokenizer_files" / "classes.json"
    path.write_text(json.dumps({"versions": beside.VERSIONS, "files": files, "directories": directories}, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{path.relative_to(beside.SOURCE)}: {path.stat().st_size:,} bytes, {len(directories)} directories")


if __name__ == "__main__":
    main()
