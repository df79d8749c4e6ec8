#!/usr/bin/env python3
"""Writes the expected values of the tests of tokenizer files in src/text: results of sentencepiece, tiktoken and transformers for their own files.

tests/goldens/tokenizer_files/
    texts.json          texts for all files: those of tests/goldens/tokenizer/texts.json, and random ones made of the relevant pieces
    sentencepiece.json  {name: {model, ids, decoded}}: models (base64) of several kinds, and sentencepiece's results for each text
    tiktoken.json       {ranks, ids}: a small rank file, and tiktoken's ids for the pattern of each encoding
    tiktoken_families.json  {texts, ids}: ids of classes that have their own pattern for such a file, and may normalize texts first
    tekken.json         {file, ids, without_control_tokens}: a small tekken file, and the ids of mistral_common's Tekkenizer
    transformers.json   {name: {files, ids, decoded}}: vocabulary files, and the results of their class for each text
    data.json           hashes of ids over files of the data: sentencepiece's models, GPT-2's ranks in tiktoken
Hashes are FNV-1a, 64 bits, over lines of ids with spaces between them.
"""

import base64
import json
import os
import pathlib
import platform
import random
import tempfile
import unicodedata

import sentencepiece
import tiktoken
import transformers
from sentencepiece import sentencepiece_model_pb2 as protocol
from transformers.convert_slow_tokenizer import bytes_to_unicode
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

SOURCE = pathlib.Path(__file__).resolve().parents[2]
GOLDENS = SOURCE / "tests" / "goldens"
ROOT = GOLDENS / "tokenizer_files"
DATA = pathlib.Path(os.environ.get("QKV_DATA", SOURCE.parent / "shared" / "data"))
VERSIONS = {"python": platform.python_version(), "sentencepiece": sentencepiece.__version__, "tiktoken": tiktoken.__version__, "transformers": transformers.__version__}
USER_DEFINED = ["<sep>", "Frau", "ein", "eine", "▁▁"]


def fnv1a(data: bytes) -> str:
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return f"{value:016x}"


def hash_of_ids(rows) -> str:
    return fnv1a("".join(" ".join(map(str, row)) + "\n" for row in rows).encode())


def write(name: str, value) -> None:
    ROOT.mkdir(parents=True, exist_ok=True)
    path = ROOT / name
    path.write_text(json.dumps(value, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{path.relative_to(SOURCE)}: {path.stat().st_size:,} bytes")


def make_texts() -> list:
    generator = random.Random(31)
    parts = USER_DEFINED + [" ", " ", "  ", "\t", "▁", "<s>", "</s>", "<unk>", "<0x41>", "Ａ", "か\u3099", "ab", "Mann", "und ", "die", "Hund", "'s", "123456", "\n", "\r\n",
                            "😀", "Große", "aaaa", "…", "e\u0301", "aBC", "!?", "/"]
    texts = json.loads((GOLDENS / "tokenizer" / "texts.json").read_text(encoding="utf-8"))
    return [t for t in texts if "\0" not in t] + ["".join(generator.choices(parts, k=generator.randint(1, 14))) for _ in range(150)]


# --- sentencepiece


def without_paths(model: bytes) -> bytes:
    proto = protocol.ModelProto()
    proto.ParseFromString(model)
    proto.trainer_spec.ClearField("input")
    proto.trainer_spec.ClearField("model_prefix")
    proto.normalizer_spec.ClearField("normalization_rule_tsv")
    return proto.SerializeToString()


def sentencepiece_models(corpus: str):
    """Pairs of a name and a model file's bytes."""

    def train(**options) -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            rules = pathlib.Path(folder) / "rules.tsv"  # a small map; the built-in ones have 240 KB
            rules.write_text("FF21\t61\n304B 3099\t304C\n304B\t6B 61\n2026\t2E 20 2E\nE4\t61 65\n9\t20\nA0\t20\n3000\t20\nAD\t\n", encoding="utf-8")
            prefix = str(pathlib.Path(folder) / "m")
            rule = {} if options.pop("identity", False) else {"normalization_rule_tsv": str(rules)}
            if not rule:
                rule = {"normalization_rule_name": "identity"}
            sentencepiece.SentencePieceTrainer.train(input=corpus, model_prefix=prefix, minloglevel=2, num_threads=1, hard_vocab_limit=False, **rule, **options)
            return without_paths(pathlib.Path(prefix + ".model").read_bytes())

    def changed(model: bytes, change) -> bytes:
        proto = protocol.ModelProto()
        proto.ParseFromString(model)
        change(proto, random.Random(32))
        return proto.SerializeToString()

    def unused(proto, generator):
        for piece in proto.pieces:
            if piece.type == 1 and len(piece.piece) > 1 and generator.random() < 0.2:
                piece.type = 5

    def equal_scores(proto, generator):
        for piece in proto.pieces:
            if piece.type == 1 and generator.random() < 0.5:
                piece.score = round(piece.score / 50) * 50.0

    def characters_gone(proto, generator):
        kept = [piece for piece in proto.pieces if not (len(piece.piece) == 1 and piece.piece in "eän")]
        del proto.pieces[:]
        proto.pieces.extend(kept)

    bpe = train(model_type="bpe", vocab_size=420)
    unigram = train(model_type="unigram", vocab_size=330)
    yield "bpe", bpe
    yield "bpe_bytes", train(model_type="bpe", vocab_size=640, byte_fallback=True, user_defined_symbols=USER_DEFINED, control_symbols=["<ctl>"], identity=True, remove_extra_whitespaces=False)
    yield "bpe_suffix", train(model_type="bpe", vocab_size=420, treat_whitespace_as_suffix=True)
    yield "bpe_across_words", train(model_type="bpe", vocab_size=420, add_dummy_prefix=False, split_by_whitespace=False, pad_id=3)
    yield "bpe_unused", changed(bpe, unused)
    yield "bpe_equal_scores", changed(bpe, equal_scores)
    yield "bpe_characters_gone", changed(bpe, characters_gone)
    yield "unigram", unigram
    yield "unigram_bytes", train(model_type="unigram", vocab_size=640, byte_fallback=True, user_defined_symbols=USER_DEFINED)
    yield "unigram_suffix", train(model_type="unigram", vocab_size=330, treat_whitespace_as_suffix=True, unk_surface="[?]", remove_extra_whitespaces=False)
    yield "unigram_unused", changed(unigram, unused)
    yield "characters", train(model_type="char", vocab_size=120)


def sentencepiece_goldens(texts: list, corpus: str) -> None:
    result = {"versions": VERSIONS, "models": {}}
    for name, model in sentencepiece_models(corpus):
        processor = sentencepiece.SentencePieceProcessor(model_proto=model)
        ids = processor.encode(texts)
        result["models"][name] = {"model": base64.b64encode(model).decode(), "ids": ids, "decoded": processor.decode(ids)}
    write("sentencepiece.json", result)


# --- tiktoken


def ranks_of(vocab: dict) -> dict:
    bytes_of = {c: b for b, c in bytes_to_unicode().items()}
    return {bytes(bytes_of[c] for c in token): rank for token, rank in sorted(vocab.items(), key=lambda item: item[1])}


def encoding_patterns() -> dict:
    from tiktoken_ext import openai_public

    openai_public.load_tiktoken_bpe = lambda *_, **__: {}
    return {"gpt2": openai_public.r50k_pat_str, "cl100k_base": openai_public.cl100k_base()["pat_str"], "o200k_base": openai_public.o200k_base()["pat_str"]}


def tiktoken_goldens(texts: list, corpus: str) -> None:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.train([corpus], trainers.BpeTrainer(vocab_size=500, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    ranks = ranks_of(tokenizer.get_vocab())
    for extra in (b"aaa", b"aa", b"aaaaa", b" \n", b"abab", b"ab", b"ba", b"aba"):  # can be merged in several ways
        ranks.setdefault(extra, len(ranks))
    result = {"versions": VERSIONS, "ranks": "".join(f"{base64.b64encode(t).decode()} {r}\n" for t, r in ranks.items()), "ids": {}}
    texts = texts + ["a" * n for n in range(1, 40)] + ["ab" * n for n in range(1, 30)]
    result["more_texts"] = texts[-68:]
    for name, pattern in encoding_patterns().items():
        encoding = tiktoken.Encoding(name, pat_str=pattern, mergeable_ranks=ranks, special_tokens={})
        result["ids"][name] = [encoding.encode_ordinary(text) for text in texts]
    write("tiktoken.json", result)


# Patterns of classes in model repositories: QWenTokenizer, its versions since Qwen 3.5, Kimi K2's TikTokenTokenizer, HYTokenizer.
SPACES = r"\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|" + SPACES
QWEN35 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|" + SPACES
LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|" + SPACES
CAPITALS, SMALL = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]"
CONTRACTION = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
KIMI = (rf"[\p{{Han}}]+|[^\r\n\p{{L}}\p{{N}}]?{CAPITALS}*{SMALL}+{CONTRACTION}|[^\r\n\p{{L}}\p{{N}}]?{CAPITALS}+{SMALL}*{CONTRACTION}"
        rf"|\p{{N}}{{1,3}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|" + SPACES)
FAMILIES = {"qwen": (QWEN, True), "qwen3.5": (QWEN35, True), "kimi_k2": (KIMI, False), "llama3": (LLAMA3, False)}


def family_goldens(texts: list) -> None:
    lines = json.loads((ROOT / "tiktoken.json").read_text(encoding="utf-8"))["ranks"].splitlines()
    ranks = {base64.b64decode(token): int(rank) for token, rank in (line.split() for line in lines)}
    generator = random.Random(5)
    parts = ["漢", "字", "々", "〇", "ひ", "ー", "नमस्ते", "मु", "\u0301", "e\u0301", "é", "aB", "Ab", "AB", "'S", "'ll", "12345", " ", "  ", "\n", "\r\n", "/", ".", "_", "²", "x"]
    texts = texts + ["".join(generator.choices(parts, k=generator.randint(2, 12))) for _ in range(200)]
    result = {"versions": VERSIONS, "texts": texts, "ids": {}}
    for name, (pattern, nfc) in FAMILIES.items():
        encoding = tiktoken.Encoding(name, pat_str=pattern, mergeable_ranks=ranks, special_tokens={})
        result["ids"][name] = [encoding.encode_ordinary(unicodedata.normalize("NFC", text) if nfc else text) for text in texts]
    write("tiktoken_families.json", result)


def tekken_goldens(texts: list) -> None:
    from mistral_common.tokens.tokenizers.tekken import Tekkenizer  # mistral-common 1.13

    lines = json.loads((ROOT / "tiktoken.json").read_text(encoding="utf-8"))["ranks"].splitlines()
    tokens = sorted((int(rank), token) for token, rank in (line.split() for line in lines))
    assert all(base64.b64decode(token) == bytes([i]) for i, (_, token) in enumerate(single_bytes_first(tokens)[:256]))
    vocab = [{"rank": i, "token_bytes": token, "token_str": text_of(token)} for i, (_, token) in enumerate(single_bytes_first(tokens))]
    config = {"pattern": TEKKEN, "num_vocab_tokens": len(vocab), "default_vocab_size": len(vocab) + 20, "default_num_special_tokens": 30, "version": "v3"}
    file = json.dumps({"config": config, "vocab": vocab}, indent=1)
    with tempfile.TemporaryDirectory() as directory:
        path = pathlib.Path(directory) / "tekken.json"
        path.write_text(file, encoding="utf-8")
        tekken = Tekkenizer.from_file(path)
    ids = [tekken.encode(text, bos=True, eos=False) for text in texts]
    names = {str(i): tekken.id_to_piece(i) for i in (0, 1, 3, 19, 20, 29)}
    write("tekken.json", {"versions": VERSIONS, "file": file, "texts": texts, "ids": ids, "special": names})


TEKKEN = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
          r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")


def single_bytes_first(tokens: list) -> list:
    return sorted(tokens, key=lambda pair: (0, base64.b64decode(pair[1])) if len(base64.b64decode(pair[1])) == 1 else (1, pair[0]))


def text_of(token: str) -> str | None:
    try:
        return base64.b64decode(token).decode()
    except UnicodeDecodeError:
        return None


# --- transformers


def byte_level_files(corpus: str, special: list, **trainer) -> dict:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.train([corpus], trainers.BpeTrainer(vocab_size=450, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False, special_tokens=special, **trainer))
    model = json.loads(tokenizer.to_str())["model"]
    return {"vocab.json": json.dumps(model["vocab"], ensure_ascii=False), "merges.txt": "#version: 0.2\n" + "".join(" ".join(m) + "\n" for m in model["merges"])}


def marian_files(corpus: str) -> dict:
    files = {}
    with tempfile.TemporaryDirectory() as folder:
        vocab = {"</s>": 0, "<unk>": 1}
        for name, size in (("source", 300), ("target", 260)):
            prefix = str(pathlib.Path(folder) / name)
            sentencepiece.SentencePieceTrainer.train(input=corpus, model_prefix=prefix, minloglevel=2, num_threads=1, hard_vocab_limit=False, vocab_size=size, normalization_rule_name="identity")
            model = without_paths(pathlib.Path(prefix + ".model").read_bytes())
            files[name + ".spm"] = base64.b64encode(model).decode()
            processor = sentencepiece.SentencePieceProcessor(model_proto=model)
            for i in range(3, processor.get_piece_size()):
                if i % 23 != 7:  # some pieces are missing
                    vocab.setdefault(processor.id_to_piece(i), len(vocab))
    for token in (">>de<<", "\U0001F600", "<pad>"):
        vocab[token] = len(vocab)
    files["vocab.json"] = json.dumps(vocab, ensure_ascii=False)
    files["tokenizer_config.json"] = json.dumps({"source_lang": "eng", "target_lang": "deu", "tokenizer_class": "MarianTokenizer"})
    return files


def transformers_goldens(texts: list, corpus: str) -> None:
    bert = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + sorted({p + c for line in pathlib.Path(corpus).read_text(encoding="utf-8").lower().split("\n") for c in line if not c.isspace() for p in ("", "##")})
    bert += ["man", "##nn", "kinder", "ein", "##e", "frau", "mann", "Mann", "die", "wasser", "##ße", "日", "man"]
    bert_files = {"vocab.txt": "".join(token + "\n" for token in bert)}
    config = lambda **values: {"tokenizer_config.json": json.dumps(values)}
    cases = {
        "gpt2": (transformers.GPT2Tokenizer, byte_level_files(corpus, ["<|endoftext|>"]) | config(tokenizer_class="GPT2Tokenizer", add_prefix_space=True)),
        "roberta": (transformers.RobertaTokenizer, byte_level_files(corpus, ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]) | config(tokenizer_class="RobertaTokenizer")),
        "qwen2": (transformers.Qwen2Tokenizer, byte_level_files(corpus, ["<|endoftext|>"]) | config(tokenizer_class="Qwen2Tokenizer")),
        "bert": (transformers.BertTokenizer, bert_files),
        "bert_cased": (transformers.BertTokenizer, bert_files | config(do_lower_case=False, strip_accents=True, tokenize_chinese_chars=False)),
        "marian": (transformers.MarianTokenizer, marian_files(corpus)),
    }
    result = {"versions": VERSIONS, "cases": {}}
    texts = texts + [">>de<< Mann", ">>xx<<Mann", ">>", "a >>", "[MASK] a", "<mask> b"]
    result["more_texts"] = texts[-6:]
    for name, (kind, files) in cases.items():
        with tempfile.TemporaryDirectory() as folder:
            for file, content in files.items():
                data = base64.b64decode(content) if file.endswith(".spm") else content.encode()
                (pathlib.Path(folder) / file).write_bytes(data)
            tokenizer = kind.from_pretrained(folder)
            # Slow tokenizers remove white space around special tokens in a text, so such texts are left out for them.
            rows = [None if name == "marian" and any(s in text for s in ("</s>", "<unk>", "<pad>")) else tokenizer(text).input_ids for text in texts]
            decoded = [None if row is None else tokenizer.decode(row, skip_special_tokens=True, clean_up_tokenization_spaces=False) for row in rows]
            result["cases"][name] = {"files": files, "ids": rows, "decoded": decoded}
    write("transformers.json", result)


# --- the data


def lines_of(path: pathlib.Path) -> list:
    return [line.removesuffix("\r") for line in path.read_text(encoding="utf-8").removesuffix("\n").split("\n")]


def data_goldens() -> None:
    if not DATA.is_dir():
        print(f"{DATA} is not there: data.json stays as it is")
        return
    files = ["spm/botchan.txt"] + [f"multi30k/{name}" for name in ("test_2016_flickr.de", "test_2016_flickr.en", "test_2016_flickr.fr")]
    result = {"versions": VERSIONS, "sentencepiece": {}, "tiktoken": {}}
    for model in ("spm/llama2-tokenizer.model", "spm/test_model.model"):
        processor = sentencepiece.SentencePieceProcessor(model_file=str(DATA / model))
        result["sentencepiece"][model] = {file: hash_of_ids(processor.encode(lines_of(DATA / file))) for file in files}
    vocab = json.loads((DATA / "gpt2" / "vocab.json").read_text(encoding="utf-8"))
    ranks = ranks_of({token: rank for token, rank in vocab.items() if token != "<|endoftext|>"})
    for name, pattern in encoding_patterns().items():
        encoding = tiktoken.Encoding(name, pat_str=pattern, mergeable_ranks=ranks, special_tokens={})
        result["tiktoken"][name] = {file: hash_of_ids(encoding.encode_ordinary(line) for line in lines_of(DATA / file)) for file in files + ["tinyshakespeare/input.txt"]}
    write("data.json", result)


def main() -> None:
    print(", ".join(f"{name} {version}" for name, version in VERSIONS.items()))
    texts, corpus = make_texts(), str(GOLDENS / "tokenizer" / "corpus.txt")
    write("texts.json", texts)
    sentencepiece_goldens(texts, corpus)
    tiktoken_goldens(texts, corpus)
    family_goldens(texts[:60])
    tekken_goldens([text for text in texts if not any(name in text for name in ("<s>", "</s>", "<unk>", "<pad>"))][:120])
    transformers_goldens(texts, corpus)
    data_goldens()


if __name__ == "__main__":
    main()
