#!/usr/bin/env python3
"""Writes the expected values of src/text/files/tokenizer_beside_test.cc: results of transformers, tokenizers and sentencepiece for tokenizers
with contradictory files.

tests/goldens/tokenizer_files/beside.json
    files           {name: content} shared by several cases; contents of .model files are base64
    directories     {name: {copies, files, texts, ids, decode, decoded, decoded_plain}}: results of AutoTokenizer for a directory; `copies`: file in the
                    directory -> name in `files`; `decoded` with special tokens, `decoded_plain` without
    added_tokens    [{added, ids}]: ids of TEXT if the added tokens of a tokenizer.json contradict each other or the model
    offsets         [{add_prefix_space, cases: [{text, offsets}]}]: offsets after RobertaProcessing, in characters
    long_unigram    [{text_seed, length, spaces, hash, count}]: sentencepiece's ids of long random texts with `ties.model`
"""

import base64
import json
import os
import pathlib
import platform
import tempfile

os.environ["TRANSFORMERS_VERBOSITY"] = "error"

import sentencepiece
import tokenizers
import transformers
from sentencepiece import sentencepiece_model_pb2 as protocol
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import AutoTokenizer
from transformers.convert_slow_tokenizer import bytes_to_unicode

SOURCE = pathlib.Path(__file__).resolve().parents[2]
GOLDENS = SOURCE / "tests" / "goldens"
VERSIONS = {"python": platform.python_version(), "sentencepiece": sentencepiece.__version__, "tokenizers": tokenizers.__version__, "transformers": transformers.__version__}
TEXT = "a<x>b<y>ab"


def fnv1a(data: bytes) -> str:
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return f"{value:016x}"


# --- tokenizers in the directories


def gpt2_json() -> str:
    vocab = {c: i for i, c in enumerate(bytes_to_unicode().values())}
    for token in ("ab", "Ġa", "<|endoftext|>"):
        vocab[token] = len(vocab)
    tokenizer = Tokenizer(models.BPE(vocab, [("a", "b"), ("Ġ", "a")]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<|endoftext|>"])
    return tokenizer.to_str()


def bert_json(lowercase: bool) -> str:
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    words = ["hi", "Hi", "you", "é", "e", "E", "É", "日", "##本", "本", "日本", "##e", "##é"]
    tokenizer = Tokenizer(models.WordPiece({t: i for i, t in enumerate(special + words)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    tokenizer.add_special_tokens(special)
    return tokenizer.to_str()


def llama_model() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        prefix = str(pathlib.Path(folder) / "m")
        sentencepiece.SentencePieceTrainer.train(input=str(GOLDENS / "tokenizer" / "corpus.txt"), model_prefix=prefix, minloglevel=2, num_threads=1, model_type="bpe", vocab_size=420,
                                                 byte_fallback=True, normalization_rule_name="identity", remove_extra_whitespaces=False)
        proto = protocol.ModelProto()
        proto.ParseFromString(pathlib.Path(prefix + ".model").read_bytes())
    proto.trainer_spec.ClearField("input")
    proto.trainer_spec.ClearField("model_prefix")
    return proto.SerializeToString()


def clip_files() -> dict:
    letters = list(bytes_to_unicode().values())
    vocab = {token: i for i, token in enumerate(letters + [c + "</w>" for c in letters])}
    merges = ["h e", "l l", "he ll", "hell o</w>", "a b</w>", "w o", "wo r", "l d</w>", "wor ld</w>"]
    for token in [merge.replace(" ", "") for merge in merges] + ["<|startoftext|>", "<|endoftext|>"]:
        vocab[token] = len(vocab)
    return {"clip_vocab.json": json.dumps(vocab, ensure_ascii=False), "clip_merges.txt": "#version: 0.2\n" + "\n".join(merges) + "\n"}


def ties_model() -> bytes:
    """A Unigram model with two segmentations of a pair of letters whose scores differ by less than float's resolution at 100,000."""
    proto = protocol.ModelProto()
    for piece, score, kind in (("<unk>", 0, 2), ("<s>", 0, 3), ("</s>", 0, 3), ("▁", -2.5, 1), ("a", -1.5, 1), ("b", -1.75, 1), ("c", -2.03, 1), ("ab", -3.2495, 1), ("ba", -3.2506, 1),
                               ("bc", -3.7785, 1), ("cab", -5.2788, 1), ("▁a", -4.0015, 1), ("▁ab", -5.7482, 1)):
        proto.pieces.add(piece=piece, score=score, type=kind)
    proto.trainer_spec.model_type = 1
    proto.normalizer_spec.add_dummy_prefix = True
    proto.normalizer_spec.remove_extra_whitespaces = True
    return proto.SerializeToString()


# --- directories


def added(content: str, **flags) -> dict:
    return {"content": content, "lstrip": False, "rstrip": False, "normalized": False, "single_word": False, "special": True} | flags


def directories(files: dict) -> dict:
    config = lambda **values: {"tokenizer_config.json": json.dumps(values)}
    gpt2, llama = {"tokenizer.json": "gpt2.json"}, {"tokenizer.model": "llama.model"}
    end = json.loads(files["gpt2.json"])["added_tokens"][0]["id"]
    pieces = len(protocol.ModelProto.FromString(base64.b64decode(files["llama.model"])).pieces)
    x = {"added_tokens.json": json.dumps({"<x>": pieces})}
    gpt2_texts = ["a<x>b", "a <x> b", "ab<|endoftext|>a", "<x>", "a<|endo<|endoftext|>", "ab"]
    llama_texts = ["Mann<x>", "Mann <x>", "Mann<x> a", "a<s>b", "a <s> b", "<s>b", "Mann<x>b", "a<unk>b", "Frau</s><s>"]
    llama_decode = [[1, 300, 2, 301], [300, 0, 301], [1, 300, pieces, 301], [pieces, 300]]
    llama_config = lambda **values: config(tokenizer_class="LlamaTokenizer", add_bos_token=True, **values)
    bert_texts = ["Hi you", "é É", "日本"]
    cases = {
        "gpt2": (gpt2, {}, gpt2_texts, []),
        "gpt2_added_tokens": (gpt2, {"added_tokens.json": json.dumps({"<x>": end + 1})}, gpt2_texts, [[64, end + 1, 65]]),
        "gpt2_added_tokens_decoder": (gpt2, config(added_tokens_decoder={str(end): added("<|endoftext|>"), str(end + 1): added("<x>", lstrip=True, rstrip=True)}), gpt2_texts, [[64, end + 1, 65]]),
        "gpt2_flags_of_the_configuration": (gpt2, config(added_tokens_decoder={str(end): added("<|endoftext|>", rstrip=True)}), gpt2_texts + ["a<|endoftext|>  a"], []),
        "gpt2_split_special_tokens": (gpt2, config(split_special_tokens=True) | {"added_tokens.json": json.dumps({"<x>": end + 1})}, gpt2_texts, []),
        "gpt2_special_that_is_a_piece": (gpt2, config(additional_special_tokens=["ab"]), gpt2_texts + ["xab"], [[64, 256, 65]]),
        "gpt2_add_prefix_space": (gpt2, config(tokenizer_class="GPT2Tokenizer", add_prefix_space=True), gpt2_texts, []),
        "fast_add_prefix_space": (gpt2, config(tokenizer_class="PreTrainedTokenizerFast", add_prefix_space=True), gpt2_texts, []),
        "llama": (llama, llama_config(), llama_texts, llama_decode[:2]),
        "llama_added_tokens": (llama, llama_config() | x, llama_texts, llama_decode),
        "llama_added_tokens_alone": (llama, x, llama_texts, llama_decode),
        "llama_legacy": (llama, llama_config(legacy=True) | x, llama_texts, llama_decode),
        "llama_not_legacy": (llama, llama_config(legacy=False) | x, llama_texts, llama_decode),
        "llama_no_prefix_space": (llama, llama_config(add_prefix_space=False) | x, llama_texts, llama_decode),
        "llama_added_tokens_decoder": (llama, llama_config(added_tokens_decoder={str(pieces): added("<x>")}), llama_texts, llama_decode),
        "llama_normalized": (llama, llama_config(added_tokens_decoder={str(pieces): added("<x>", normalized=True, special=False)}), llama_texts, llama_decode),
        "llama_split_special_tokens": (llama, llama_config(split_special_tokens=True) | x, llama_texts, []),
        "no_class": (llama, config(add_bos_token=True), llama_texts, llama_decode[:2]),
        "clip": ({"vocab.json": "clip_vocab.json", "merges.txt": "clip_merges.txt"}, config(tokenizer_class="CLIPTokenizer"), ["hello world", "Hello, ab"], []),
    }
    for name in ("BertTokenizer", "BertTokenizerFast", "DistilBertTokenizer", "ElectraTokenizer", "MPNetTokenizer", "PreTrainedTokenizerFast", "ConvBertTokenizer"):
        mpnet = {"cls_token": "[CLS]", "sep_token": "[SEP]"} if name == "MPNetTokenizer" else {}  # default: <s> and </s>, which it lacks
        for lowercase in (False, True):
            json_file = {"tokenizer.json": "bert_lower.json" if lowercase else "bert_cased.json"}
            cases[f"{name}_{lowercase}_silent"] = (json_file, config(tokenizer_class=name, **mpnet), bert_texts, [])
            cases[f"{name}_{lowercase}_contradicted"] = (json_file, config(tokenizer_class=name, do_lower_case=not lowercase, **mpnet), bert_texts, [])
    bert = {"tokenizer.json": "bert_cased.json"}
    cases["bert_chinese"] = (bert, config(tokenizer_class="BertTokenizer", do_lower_case=False, tokenize_chinese_chars=False), bert_texts, [])
    cases["bert_accents"] = (bert, config(tokenizer_class="BertTokenizer", do_lower_case=False, strip_accents=True), bert_texts, [])
    cases["bert_of_model_type"] = (bert, config(do_lower_case=True) | {"config.json": json.dumps({"model_type": "bert"})}, bert_texts, [])
    cases["no_class_do_lower_case"] = (bert, config(do_lower_case=True), bert_texts, [])
    result = {}
    for name, (copies, more, texts, decode) in cases.items():
        with tempfile.TemporaryDirectory() as folder:
            for file, source in copies.items():
                content = files[source]
                (pathlib.Path(folder) / file).write_bytes(base64.b64decode(content) if source.endswith(".model") else content.encode())
            for file, content in more.items():
                (pathlib.Path(folder) / file).write_text(content, encoding="utf-8")
            tokenizer = AutoTokenizer.from_pretrained(folder)
            ids = [tokenizer(text).input_ids for text in texts]
            decode = decode + ids
            result[name] = {
                "copies": copies,
                "files": more,
                "texts": texts,
                "ids": ids,
                "decode": decode,
                "decoded": [tokenizer.decode(row) for row in decode],
                "decoded_plain": [tokenizer.decode(row, skip_special_tokens=True) for row in decode],
            }
    return result


# --- the others


def added_token_goldens() -> list:
    base = {"version": "1.0", "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["#version: 0.2", "a b"]}}
    result = []
    for rows in ([(3, "<x>", True), (3, "<y>", True)], [(3, "<x>", True), (4, "<x>", False)], [(3, "<x>", True), (3, "<x>", True), (4, "<y>", True)], [(3, "ab", True), (4, "<y>", True)],
                 [(1, "<x>", True)], [(3, "<x>", True), (4, "<y>", True)]):
        tokens = [added(content, special=special) | {"id": id} for id, content, special in rows]
        tokenizer = Tokenizer.from_str(json.dumps(base | {"added_tokens": tokens}))
        result.append({"tokenizer": base | {"added_tokens": tokens}, "ids": tokenizer.encode(TEXT).ids, "special": sorted(i for i, token in tokenizer.get_added_tokens_decoder().items() if token.special)})
    return result


def offset_goldens() -> list:
    vocab = {c: i for i, c in enumerate(bytes_to_unicode().values())}
    for token in ("Ġx", "ĠĠ", "ĠĠx", "<s>", "</s>"):
        vocab[token] = len(vocab)
    result = []
    for trim_prefix in (True, False):
        tokenizer = Tokenizer(models.BPE(vocab, [("Ġ", "x"), ("Ġ", "Ġ"), ("ĠĠ", "x")]))
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True, use_regex=False)
        tokenizer.post_processor = processors.RobertaProcessing(("</s>", vocab["</s>"]), ("<s>", vocab["<s>"]), True, trim_prefix)
        tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True, normalized=False)])
        texts = ["   <mask> x", " <mask>", "<mask>", "  <mask>", "x   <mask>", "  x", " x", "x", "   x", "  ", "a  <mask>  x"]
        result.append({"tokenizer": json.loads(tokenizer.to_str()), "cases": [{"text": text, "offsets": tokenizer.encode(text).offsets} for text in texts]})
    return result


def random_text(seed: int, length: int, spaces: bool) -> str:
    letters = []
    for _ in range(length):
        seed = (seed * 1103515245 + 12345) & 0x7FFFFFFF
        letters.append("abcabca "[seed >> 16 & 7] if spaces else "abcabcab"[seed >> 16 & 7])
    return "".join(letters)


def long_unigram_goldens(model: bytes) -> list:
    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    result = []
    for seed, length, spaces in ((1, 200_000, False), (2, 200_000, True), (3, 1_000, True)):
        ids = processor.encode(random_text(seed, length, spaces))
        result.append({"seed": seed, "length": length, "spaces": spaces, "count": len(ids), "hash": fnv1a(" ".join(map(str, ids)).encode())})
    return result


def main() -> None:
    print(", ".join(f"{name} {version}" for name, version in VERSIONS.items()))
    ties = ties_model()
    files = {"gpt2.json": gpt2_json(), "bert_cased.json": bert_json(False), "bert_lower.json": bert_json(True), "llama.model": base64.b64encode(llama_model()).decode(),
             "ties.model": base64.b64encode(ties).decode()} | clip_files()
    result = {"versions": VERSIONS, "files": files, "directories": directories(files), "added_tokens": added_token_goldens(), "text": TEXT, "offsets": offset_goldens(), "long_unigram": long_unigram_goldens(ties)}
    path = GOLDENS / "tokenizer_files" / "beside.json"
    path.write_text(json.dumps(result, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{path.relative_to(SOURCE)}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
