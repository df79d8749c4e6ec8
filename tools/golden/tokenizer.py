#!/usr/bin/env python3
"""Writes the expected values of the tests of src/text: results of the `tokenizers` library for characters and texts.

tests/goldens/tokenizer/
    unicode.json        classes of characters as ranges, and for each block of 4,096 code points the hash of their normal forms
    texts.json          texts that stress a tokenizer: scripts, marks, emoji, kinds of white space, controls, long words, random characters
    stress.json         further texts: every script and kind of white space, controls, right-to-left; and the code points assigned in Unicode 8
    pipelines/*.json    {tokenizer, ids, ids_without_special_tokens, decoded, decoded_with_special_tokens}: a tokenizer.json and
                        its results for each text of texts.json; only {tokenizer} if hashes suffice
                        encodings: for each text of texts.json and stress.json a hash of its ids, offsets in bytes, types and text decoded
                        random: such hashes of each hundred of 10,000 random strings, which the test generates
    pairs.json          {pipeline: [{first, second, add_special_tokens, truncation, hash}]}: pairs of texts and truncated ones; hash: null
                        if the library fails
    spm_nfkc.json       like a pipeline, with the character map of spm/test_model.model of the data, given by its position in that file
    corpus.txt          text in several scripts to train on
    text.txt            corpus.txt with empty lines and tabs, for the pipelines that keep white space
    trained.json        the tokenizer.json that BpeTrainer makes of corpus.txt with the pipeline of `qkv tokenizer train`
    merges.json         [{words, vocab_size, min_frequency, tokens, merges}]: BpeTrainer on counted words, with many ties
    word_pieces.json    [{words, vocab_size, min_frequency, special_tokens, tokens}]: WordPieceTrainer on counted words; the inner characters are
                        special tokens, since their ids would otherwise follow the order of a hash table
    words.json          the tokenizer.json that WordLevelTrainer makes of corpus.txt
    written/*.json      {tokens, scores, tokenizer}: the tokenizer.json of other pipelines of `qkv tokenizer train` with an arbitrary vocabulary
    unigram.json        {words, vocab_size, pieces}: pieces of sentencepiece's Unigram trainer for the words of corpus.txt
    multi30k.json       hashes of the tokenizer.json trained on multi30k (8,000 tokens), and of its ids for each file of the data
Hashes are FNV-1a, 64 bits. The texts come from seeded generators.
"""

import base64
import ctypes
import ctypes.util
import io
import json
import os
import pathlib
import platform
import random
import tempfile
import unicodedata

import sentencepiece
import tokenizers
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

SOURCE = pathlib.Path(__file__).resolve().parents[2]
ROOT = SOURCE / "tests" / "goldens" / "tokenizer"
DATA = pathlib.Path(os.environ.get("QKV_DATA", SOURCE.parent / "shared" / "data"))
VERSIONS = {"python": platform.python_version(), "tokenizers": tokenizers.__version__}
SPECIAL = ["</s>", "<unk>", "<pad>"]
CODE_POINTS = [c for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]
BLOCK = 4096


def fnv1a(data: bytes) -> str:
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return f"{value:016x}"


def write(name: str, value, indent=None) -> None:
    path = ROOT / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, ensure_ascii=False, indent=indent) + "\n", encoding="utf-8")
    print(f"{path.relative_to(SOURCE)}: {path.stat().st_size:,} bytes")


# --- characters


def ranges(characters) -> list:
    result = []
    for c in sorted(characters):
        if result and result[-1][1] == c - 1:
            result[-1][1] = c
        else:
            result.append([c, c])
    return result


def characters_where(pre_tokenizer, pattern: str, pieces: int) -> list:
    return ranges(c for c in CODE_POINTS if len(pre_tokenizer.pre_tokenize_str(pattern.replace("?", chr(c)))) == pieces)


def unicode_goldens() -> dict:
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False)
    strip_accents, strip = normalizers.StripAccents(), normalizers.Strip()
    clean = normalizers.BertNormalizer(clean_text=True, handle_chinese_chars=False, strip_accents=False, lowercase=False)
    accents = normalizers.BertNormalizer(clean_text=False, handle_chinese_chars=False, strip_accents=True, lowercase=False)
    classes = {
        "white_space": ranges(c for c in CODE_POINTS if strip.normalize_str(chr(c)) == ""),
        "punctuation": characters_where(pre_tokenizers.Punctuation(), "a?b", 3),
        "numeric": characters_where(pre_tokenizers.Digits(individual_digits=True), "a?b", 3),
        "letter": characters_where(byte_level, "a?", 1),
        "number": characters_where(byte_level, "1?", 1),
        "word_character": characters_where(pre_tokenizers.Whitespace(), "a?b", 1),
        "control": ranges(c for c in CODE_POINTS if clean.normalize_str(chr(c)) == "" and c != 0xFFFD) + [[9, 10], [13, 13]],  # BERT treats these as spaces
        "nonspacing_mark": ranges(c for c in CODE_POINTS if accents.normalize_str(chr(c)) == ""),
        "combining_mark": ranges(c for c in CODE_POINTS if strip_accents.normalize_str(chr(c)) == ""),
    }
    forms = {"nfc": normalizers.NFC(), "nfd": normalizers.NFD(), "nfkc": normalizers.NFKC(), "nfkd": normalizers.NFKD(), "lowercase": normalizers.Lowercase()}
    hashes = {}
    for name, form in forms.items():
        blocks = [code_points_of_block(first) for first in range(0, 0x110000, BLOCK)]
        hashes[name] = [fnv1a("\n".join(form.normalize_str(chr(c)) for c in block).encode()) for block in blocks]
    return {"versions": VERSIONS, "classes": classes, "scripts": scripts(), "block": BLOCK, "forms": hashes}


def scripts() -> list:
    """Ranges of characters that UnicodeScripts does not separate, as first, last and number of the group; -1: it never splits beside them."""
    cut = pre_tokenizers.UnicodeScripts().pre_tokenize_str
    groups, result, last = [], [], 0
    for c in map(chr, CODE_POINTS):
        if not cut(c):
            group = -1
        else:
            group = last = next((i for i in [last, *range(len(groups))] if i < len(groups) and len(cut(groups[i] + c)) == 1), len(groups))
            if group == len(groups):
                groups.append(c)
        if result and result[-1][1] == ord(c) - 1 and result[-1][2] == group:
            result[-1][1] = ord(c)
        else:
            result.append([ord(c), ord(c), group])
    return result


def code_points_of_block(first: int) -> list:
    return [c for c in range(first, first + BLOCK) if not 0xD800 <= c <= 0xDFFF]


# --- texts


WORDS = """the a of and is in on to with man woman children playing water street red blue large small group people dog runs jumps holding
die der das und ist auf mit einem einer Mann Frau Kinder spielen Wasser Straße rotes blaues große kleine Gruppe Menschen Hund läuft springt hält
über für schön Mädchen Äpfel l'été garçon où déjà naïve cœur niño señor ação coração čeština žluťoučký łódź
мама мыла раму человек собака улица вода Ελλάδα άνθρωπος θάλασσα σκύλος שלום עולם مرحبا بالعالم नमस्ते दुनिया สวัสดีชาวโลก
日本語 東京都 中文字符 你好世界 한국어 안녕하세요 ごはん カタカナ""".split()
SPACES = [" ", " ", " ", "  ", "   ", "\t", "\n", "\r\n", "\x0b", "\x0c", "\x85", "\xa0", "\u1680", "\u180e", "\u2003", "\u200b", "\u2028", "\u202f", "\u205f", "\u3000", "\ufeff"]
MARKS = ["\u0301", "\u0308", "\u0327", "\u0345", "\u05b0", "\u064b", "\u093c", "\u0f71", "\u20dd", "\u3099", "\u1cf2", "\U0001d165", "\u0323\u0307"]
EMOJI = ["😀", "👨‍👩‍👧‍👦", "🏳️‍🌈", "🇩🇪", "👍🏽", "❤️", "1️⃣", "🧑🏿‍🚀"]
FOLDED = ["ﬁ", "½", "①", "Ａ", "ﾊﾞ", "㎏", "™", "Å", "Ω", "ſ", "İ", "ı", "ẞ", "Σς", "ǅ", "각", "क़", "יִ", "㋿", "ꟲ", "𝕬"]
PUNCTUATION = list("""!"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~""") + ["„", "“", "”", "‘", "’", "«", "»", "–", "—", "…", "¿", "¡", "·", "،", "。", "、", "「", "」", "᙭", "\u2e43", "\U000111c9"]
MARKUP = ["</s>", "<unk>", "<pad>", "<mask>", "[NEW]", "added", " Added ", "▁", "▁▁", "<0x41>", "s's", "it's we'll I'M"]


def random_text(generator: random.Random) -> str:
    parts = []
    for _ in range(generator.randint(0, 14)):
        kind = generator.random()
        if kind < 0.4:
            parts += [generator.choice(WORDS), generator.choice(SPACES[:4])]
        elif kind < 0.75:
            parts.append(generator.choice(generator.choice([SPACES, MARKS, EMOJI, FOLDED, PUNCTUATION, MARKUP])))
        elif kind < 0.85:
            parts.append(str(generator.randint(0, 10 ** generator.randint(1, 7))))
        elif kind < 0.9:
            parts.append(chr(generator.randrange(0x20)))
        else:
            c = generator.randrange(0x3000) if generator.random() < 0.5 else generator.choice(CODE_POINTS)
            parts.append(chr(c))
    return "".join(parts)


def make_texts() -> list:
    generator = random.Random(20)
    fixed = ["", " ", "a", "</s>", "  leading and trailing  ", "x" * 100, "ab" * 60, "ü" * 50, " ".join(WORDS), "".join(WORDS), "".join(EMOJI), "".join(FOLDED), "".join(MARKS)]
    return fixed + [random_text(generator) for _ in range(110)]


def icu_function(name: str):
    library = ctypes.CDLL(ctypes.util.find_library("icuuc"))
    version = ctypes.util.find_library("icuuc").split(".so.")[1].split(".")[0]
    return getattr(library, f"{name}_{version}")


def assigned_ranges() -> list:
    """Code points assigned in Unicode 8, without those whose class later versions changed, since the tables of the references differ there."""
    char_age = icu_function("u_charAge")
    changed = {0x166D, 0x1734, 0x1885, 0x1886, 0xA9BD, 0x111C9}
    age = (ctypes.c_uint8 * 4)()

    def assigned(c: int) -> bool:
        char_age(c, age)
        return 0 < age[0] <= 8 and c not in changed

    return ranges(c for c in CODE_POINTS if assigned(c))


def stress_texts(assigned: list) -> list:
    """Some characters of every script, separated by spaces and joined; every control and space character; sequences that interact."""
    script_of, error = icu_function("uscript_getScript"), ctypes.c_int(0)
    by_script = {}
    for first, last in assigned:
        for c in range(first, last + 1):
            by_script.setdefault(script_of(c, ctypes.byref(error)), []).append(chr(c))
    generator = random.Random(23)
    samples = ["".join(generator.choices(characters, k=7)) for _, characters in sorted(by_script.items())]
    spaces = [chr(c) for c in (*range(9, 14), 0x20, 0x85, 0xA0, 0x1680, 0x180E, *range(0x2000, 0x2010), 0x2028, 0x2029, 0x202F, 0x205F, 0x2060, 0x3000, 0xFEFF)]
    controls = [chr(c) for c in (*range(0x20), *range(0x7F, 0xA1), 0xAD, 0x61C, *range(0x2028, 0x2030), *range(0x2066, 0x206A), 0xFFF9, 0xFFFD, 0xE0001, 0xE0041)]
    texts = [" ".join(samples), "".join(samples), "a".join(spaces), " x".join(spaces), "".join(spaces), "b".join(controls), "".join(controls)]
    texts += ["שלום abc مرحبا 123 \u202eabc\u202c \u2067אב\u2069", "\u0301abc", "a\u0315\u0300\u05ae\u0062", "\u1100\u1161\u11a8\u11a8 \uac00\u11a8", "क्षि ষ্ণ ক্\u200dষ ﻻ ﷺ",
              "".join(EMOJI) + "👩\u200d❤\ufe0f\u200d💋\u200d👨🇩🇪🇫🇷🇬👍🏻👍🏿", "ẛ̣ ṩ s\u0323\u0307 d\u0307\u0323 \u0344 \u0f73\u0f71", " \u3000x", "x\u3000 ", "▁x▁ ▁▁", "\u00ad\u200bx\u00ad"]
    return texts


class SplitMix:
    """Steele et al. 2014; the test uses an equal generator."""

    def __init__(self, seed: int) -> None:
        self.state = seed

    def below(self, limit: int) -> int:
        self.state = self.state + 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF
        z = self.state
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & 0xFFFFFFFFFFFFFFFF
        z = (z ^ z >> 27) * 0x94D049BB133111EB & 0xFFFFFFFFFFFFFFFF
        return (z ^ z >> 31) % limit


def random_strings(assigned: list, count: int) -> list:
    generator = SplitMix(8)

    def character() -> str:
        kind = generator.below(8)
        if kind == 0:
            return " "
        if kind < 3:
            return chr(0x20 + generator.below(0x5F))
        first, last = assigned[generator.below(len(assigned))]  # all ranges are equally likely, so that small scripts are as frequent as large ones
        return chr(first + generator.below(last - first + 1))

    return ["".join(character() for _ in range(1 + generator.below(16))) for _ in range(count)]


def make_corpus() -> list:
    generator = random.Random(21)
    lines = []
    for _ in range(400):
        words = generator.choices(WORDS, [1 / (i + 2) for i in range(len(WORDS))], k=generator.randint(2, 12))
        words = [w + generator.choice(PUNCTUATION[:16]) if generator.random() < 0.15 else w for w in words]
        lines.append(generator.choice(["", "", "", " "]) + generator.choice([" ", " ", " ", "  "]).join(words) + generator.choice([".", ".", "!", ""]))
    return lines


# --- tokenizers


def bpe_trainer(**options) -> trainers.BpeTrainer:
    return trainers.BpeTrainer(show_progress=False, **{"special_tokens": SPECIAL, "min_frequency": 2, **options})


def qkv_pipeline() -> Tokenizer:
    """The untrained pipeline of `qkv tokenizer train`."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Strip()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Metaspace(), pre_tokenizers.Punctuation()])
    tokenizer.decoder = decoders.Metaspace()
    return tokenizer


def train_qkv(lines: list, vocab_size: int) -> Tokenizer:
    tokenizer = qkv_pipeline()
    tokenizer.train_from_iterator(lines, bpe_trainer(vocab_size=vocab_size))
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", pair="$A $B </s>", special_tokens=[("</s>", 0)])
    return tokenizer


def pipelines(corpus: list):
    """Yields pairs of a name and a tokenizer.json."""
    metaspace = pre_tokenizers.Metaspace

    def make(pre_tokenizer, normalizer=None, decoder=None, post_processor=None, added=(), vocab_size=330, trainer={}, **model):
        tokenizer = Tokenizer(models.BPE(**model))
        if normalizer:
            tokenizer.normalizer = normalizer
        if pre_tokenizer:
            tokenizer.pre_tokenizer = pre_tokenizer
        if decoder:
            tokenizer.decoder = decoder
        tokenizer.train_from_iterator(corpus, bpe_trainer(vocab_size=vocab_size, **trainer))
        if post_processor:
            tokenizer.post_processor = post_processor
        tokenizer.add_tokens(list(added))
        return json.loads(tokenizer.to_str())

    def with_byte_tokens(document: dict) -> dict:
        vocab = document["model"]["vocab"]
        for byte in range(256):
            vocab.setdefault(f"<0x{byte:02X}>", len(vocab))
        return document

    def with_string_merges(document: dict) -> dict:
        document["model"]["merges"] = [" ".join(pair) for pair in document["model"]["merges"]]
        return document

    unk = {"unk_token": "<unk>"}
    sentence_end = processors.TemplateProcessing(single="$A </s>", pair="$A $B </s>", special_tokens=[("</s>", 0)])
    added = [
        AddedToken("added", single_word=True),
        AddedToken("[NEW]", lstrip=True, rstrip=True, normalized=False),
        AddedToken("<mask>", lstrip=True, special=True, normalized=False),
        AddedToken("Added", normalized=True),
    ]
    yield "qkv", json.loads(train_qkv(corpus, 400).to_str())
    yield "llama", with_byte_tokens(
        make(
            None,
            normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]),
            decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]),
            processors.TemplateProcessing(single="<pad> $A", pair="$A $B", special_tokens=[("<pad>", 2)]),
            fuse_unk=True, byte_fallback=True, **unk,
        )
    )
    yield "gpt2", with_string_merges(
        make(pre_tokenizers.ByteLevel(add_prefix_space=False), None, decoders.ByteLevel(), processors.ByteLevel(), vocab_size=600,
             trainer={"initial_alphabet": pre_tokenizers.ByteLevel.alphabet()})
    )
    yield "roberta", make(pre_tokenizers.ByteLevel(add_prefix_space=True), None, decoders.ByteLevel(), processors.RobertaProcessing(("</s>", 0), ("<pad>", 2)),
                          added, vocab_size=500, trainer={"initial_alphabet": pre_tokenizers.ByteLevel.alphabet()}, **unk)
    yield "metaspace_first", make(metaspace(prepend_scheme="first"), normalizers.NFKC(), decoders.Metaspace(prepend_scheme="first"), sentence_end, added, **unk)
    yield "metaspace_never", make(metaspace(prepend_scheme="never", split=False), normalizers.NFKD(), decoders.Metaspace(prepend_scheme="never"), None, added)
    yield "lowercase", make(metaspace(), normalizers.Sequence([normalizers.NFD(), normalizers.Lowercase(), normalizers.StripAccents()]), decoders.Metaspace(),
                            sentence_end, added[:3], fuse_unk=True, **unk)  # without "Added": `tokenizers` chooses arbitrarily between two tokens that are equal in lower case
    yield "words", make(pre_tokenizers.Whitespace(), normalizers.Strip(), None, sentence_end, added, **unk)
    yield "suffix", make(pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Digits(individual_digits=True)]), normalizers.NFD(), None,
                         sentence_end, (), trainer={"end_of_word_suffix": "</w>"}, end_of_word_suffix="</w>", **unk)
    yield "prefix", make(pre_tokenizers.Sequence([pre_tokenizers.Digits(), pre_tokenizers.Punctuation("contiguous")]), None, decoders.Fuse(), None, added,
                         trainer={"continuing_subword_prefix": "##"}, continuing_subword_prefix="##", ignore_merges=True, **unk)
    yield "split", make(
        pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(r"\p{Lu}?\p{Ll}+|\d{1,3}"), "merged_with_previous"), pre_tokenizers.Punctuation("merged_with_next"), pre_tokenizers.Split("e", "removed")]),
        normalizers.Sequence([normalizers.Replace(Regex("[aeiou]{2,}"), "·"), normalizers.Replace("an", "")]), None, sentence_end, added, **unk)


def small_character_map() -> bytes:
    """A small precompiled map with each kind of rule: characters that become several, one or none, and sequences."""
    rules = {c: unicodedata.normalize("NFKC", c) for c in FOLDED + ["ﷺ", "ｶﾞ", "e\u0301", "a\u0308", "\u1100\u1161", "…", "\u0390", "\u1fb7"]}
    rules |= {c: " " for c in SPACES if c not in (" ", "  ", "   ", "\r\n", "\u200b")} | {"\u200b": "", "\u00ad": "", "\x07": "", "\u0301": "", "क़": "k", "👍🏽": "+", "x\u0323": "yz", "🇩": "D"}
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "rules.tsv"
        path.write_text("".join(f"{' '.join(f'{ord(c):X}' for c in source)}\t{' '.join(f'{ord(c):X}' for c in target)}\n" for source, target in sorted(rules.items()) if source != target))
        model = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(["ab ba"] * 9), model_writer=model, vocab_size=8, model_type="char", normalization_rule_tsv=str(path), minloglevel=2)
    return character_map(model.getvalue())[0]


def character_map(model: bytes):
    """normalizer_spec.precompiled_charsmap of a SentencePiece model, and its offset."""

    def number(i: int):
        value = shift = 0
        while True:
            value |= (model[i] & 127) << shift
            shift += 7
            i += 1
            if model[i - 1] < 128:
                return value, i

    def fields(i: int, end: int):
        while i < end:
            key, i = number(i)
            if key & 7 == 2:
                size, i = number(i)
            else:
                size = {1: 8, 5: 4}.get(key & 7) or number(i)[1] - i
            yield key >> 3, i, i + size
            i += size

    for field, begin, end in fields(0, len(model)):
        if field == 3:
            for inner, inner_begin, inner_end in fields(begin, end):
                if inner == 2:
                    return model[inner_begin:inner_end], inner_begin
    return b"", 0


LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN2 = LLAMA3.replace("{1,3}", "")


def pipelines_of_models(corpus: list):
    """Yields pairs of a name and a tokenizer.json: the stages of well-known models, and stages that none of these has, with a small BPE."""
    byte_level = {"initial_alphabet": pre_tokenizers.ByteLevel.alphabet()}
    unk = {"unk_token": "<unk>"}
    added = [AddedToken("<mask>", lstrip=True, special=True, normalized=False), AddedToken("über", rstrip=True, normalized=True), AddedToken("[NEW]", normalized=False)]
    special = [("</s>", 0), ("<unk>", 1), ("<pad>", 2)]

    def with_byte_tokens(tokenizer: Tokenizer) -> Tokenizer:
        document = json.loads(tokenizer.to_str())
        vocab = document["model"]["vocab"]
        for byte in range(256):
            vocab.setdefault(f"<0x{byte:02X}>", len(vocab))
        return Tokenizer.from_str(json.dumps(document))

    def make(normalizer, pre_tokenizer, decoder, post_processor, vocab_size=400, trainer={}, **model):
        tokenizer = Tokenizer(models.BPE(**model))
        if normalizer:
            tokenizer.normalizer = normalizer
        if pre_tokenizer:
            tokenizer.pre_tokenizer = pre_tokenizer
        tokenizer.train_from_iterator(corpus, bpe_trainer(vocab_size=vocab_size, **trainer))
        if model.get("byte_fallback"):
            tokenizer = with_byte_tokens(tokenizer)
        tokenizer.decoder = decoder
        if post_processor:
            tokenizer.post_processor = post_processor
        tokenizer.add_tokens(added)
        return json.loads(tokenizer.to_str())

    def template(single, pair):
        return processors.TemplateProcessing(single=single, pair=pair, special_tokens=special)

    hashes = {"trainer": {"continuing_subword_prefix": "##"}, "continuing_subword_prefix": "##", **unk}
    yield "bert_uncased", make(normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer(), decoders.WordPiece(), template("<pad> $A </s>", "<pad> $A </s> $B:1 </s>:1"), **hashes)
    yield "bert_cased", make(normalizers.BertNormalizer(lowercase=False), pre_tokenizers.BertPreTokenizer(), decoders.WordPiece(cleanup=False), processors.BertProcessing(("</s>", 0), ("<pad>", 2)), **hashes)
    yield "bert_accents", make(normalizers.BertNormalizer(clean_text=False, handle_chinese_chars=False, strip_accents=True, lowercase=False), pre_tokenizers.BertPreTokenizer(), decoders.WordPiece(), None, **hashes)

    def byte_level_split(pattern):
        return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])

    yield "llama3", make(None, byte_level_split(LLAMA3), decoders.ByteLevel(), processors.Sequence([processors.ByteLevel(trim_offsets=True), template("<pad> $A", "<pad> $A <pad>:1 $B:1")]), 600, byte_level, ignore_merges=True)
    yield "qwen2", make(normalizers.NFC(), byte_level_split(QWEN2), decoders.ByteLevel(), processors.ByteLevel(trim_offsets=False), 600, byte_level)
    yield "roberta_plain", make(None, pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel(), processors.RobertaProcessing(("</s>", 0), ("<pad>", 2), trim_offsets=True, add_prefix_space=False), 500, byte_level, **unk)
    yield "gemma", make(normalizers.Replace(" ", "▁"), pre_tokenizers.Split(" ", "merged_with_previous"), decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]), template("<pad> $A", "<pad> $A <pad> $B"), fuse_unk=True, byte_fallback=True, **unk)
    character_map = small_character_map()
    metaspace = pre_tokenizers.Metaspace
    yield "t5", make(normalizers.Precompiled(character_map), metaspace(), decoders.Metaspace(), template("$A </s>", "$A </s> $B </s>"), **unk)
    yield "xlm_roberta", make(normalizers.Sequence([normalizers.Precompiled(character_map), normalizers.Replace(Regex(" {2,}"), " ")]), pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), metaspace()]), decoders.Metaspace(), template("<pad> $A </s>", "<pad> $A </s> </s> $B </s>"), **unk)
    yield "albert", make(normalizers.Sequence([normalizers.Replace("``", '"'), normalizers.NFKD(), normalizers.StripAccents(), normalizers.Lowercase(), normalizers.Precompiled(character_map), normalizers.Strip()]), metaspace(prepend_scheme="first"), decoders.Metaspace(prepend_scheme="first"), template("<pad> $A </s>", "<pad> $A </s> $B:1 </s>:1"), **unk)
    yield "scripts", make(normalizers.Nmt(), pre_tokenizers.UnicodeScripts(), decoders.BPEDecoder(suffix="e"), None, **unk)
    yield "fixed_length", make(normalizers.ByteLevel(), pre_tokenizers.FixedLength(5), decoders.ByteLevel(), None, 500, byte_level)
    yield "delimiter", make(normalizers.Replace(Regex("b*"), "-"), pre_tokenizers.CharDelimiterSplit("n"), decoders.CTC(pad_token="a", word_delimiter_token="e"), None, **unk)


def pipelines_with_their_models(corpus: list):
    """Yields pairs of a name and a tokenizer.json: BERT's stages with WordPiece, those of T5 and XLM-R with Unigram, and their special tokens."""
    for name, lowercase in (("bert_cased_word_piece", False), ("bert_uncased_word_piece", True)):
        special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
        tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        characters = {c for line in corpus for c in tokenizer.normalizer.normalize_str(line) if not c.isspace()}
        first = special + sorted("##" + c for c in characters)  # otherwise their ids, which decide ties, would follow the order of a hash table
        tokenizer.train_from_iterator(corpus, trainers.WordPieceTrainer(vocab_size=600, special_tokens=first, show_progress=False))
        pieces = special + sorted(set(tokenizer.get_vocab(with_added_tokens=False)) - set(special))
        document = json.loads(tokenizer.to_str()) | {"added_tokens": []}
        document["model"]["vocab"] = {piece: i for i, piece in enumerate(pieces)}
        tokenizer = Tokenizer.from_str(json.dumps(document))
        tokenizer.add_special_tokens(special)
        tokenizer.decoder = decoders.WordPiece()
        tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
        yield name, json.loads(tokenizer.to_str())

    with tempfile.TemporaryDirectory() as folder:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(corpus), model_prefix=folder + "/m", vocab_size=220, model_type="unigram", character_coverage=0.99, num_threads=1, minloglevel=2)
        model = sentencepiece.SentencePieceProcessor(model_file=folder + "/m.model")
    learnt = [(model.id_to_piece(i), model.get_score(i)) for i in range(3, model.vocab_size())]
    character_map, metaspace = small_character_map(), pre_tokenizers.Metaspace
    collapse = normalizers.Replace(Regex(" {2,}"), " ")
    for name, special, unk, normalizer, pre_tokenizer, single, pair in (
        ("t5_unigram", ["<pad>", "</s>", "<unk>"], 2, normalizers.Precompiled(character_map), metaspace(), "$A </s>", "$A </s> $B </s>"),
        ("xlm_roberta_unigram", ["<s>", "<pad>", "</s>", "<unk>"], 3, normalizers.Sequence([normalizers.Precompiled(character_map), collapse]),
         pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), metaspace()]), "<s> $A </s>", "<s> $A </s> </s> $B </s>"),
    ):
        tokenizer = Tokenizer(models.Unigram([(token, 0.0) for token in special] + learnt, unk, False))
        tokenizer.normalizer, tokenizer.pre_tokenizer, tokenizer.decoder = normalizer, pre_tokenizer, decoders.Metaspace()
        tokenizer.add_special_tokens(special)
        if unk == 3:
            tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True, special=True, normalized=False)])
        tokenizer.post_processor = processors.TemplateProcessing(single=single, pair=pair, special_tokens=[(token, i) for i, token in enumerate(special)])
        yield name, json.loads(tokenizer.to_str())


def make_plain_text(corpus: list) -> str:
    return "".join(line + ["\n", "\n", "\n\n", "\n\n\n", "\t\n"][i % 5] for i, line in enumerate(corpus))


def plain_text_pipelines(text: str):
    """Yields pairs of a name and the tokenizer.json of `qkv train --task lm --vocabulary`, trained on an unmodified text."""
    byte_level = {"special_tokens": ["<|endoftext|>"], "initial_alphabet": pre_tokenizers.ByteLevel.alphabet()}
    for name, vocab_size, regex in (("byte_pairs", 600, True), ("bytes", 257, False)):
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=regex)
        tokenizer.decoder = decoders.ByteLevel()
        tokenizer.train_from_iterator([text], bpe_trainer(vocab_size=vocab_size, **byte_level))
        yield name, json.loads(tokenizer.to_str())
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    tokenizer.decoder = decoders.Fuse()
    tokenizer.train_from_iterator([text], bpe_trainer(vocab_size=100_000, special_tokens=["<|endoftext|>", "<unk>"]))
    yield "characters", {**json.loads(tokenizer.to_str()), "pre_tokenizer": None}  # only needed for counting


def byte_positions(text: str) -> list:
    positions = [0]
    for character in text:
        positions.append(positions[-1] + len(character.encode()))
    return positions


def encoding_text(encoding, texts: list) -> str:
    """The lines of an encoding: id, offsets in bytes, type, special token or not, sequence."""
    positions = [byte_positions(text) for text in texts]
    lines = []
    for token, (begin, end), type_id, special, sequence in zip(encoding.ids, encoding.offsets, encoding.type_ids, encoding.special_tokens_mask, encoding.sequence_ids):
        at = positions[sequence] if sequence is not None else [0]
        lines.append(f"{token} {at[begin]} {at[end]} {type_id} {special} {-1 if sequence is None else sequence}\n")
    return "".join(lines)


def hashes(tokenizer: Tokenizer, texts: list, strings: list) -> dict:
    def as_text(text: str) -> str:
        encoding = tokenizer.encode(text)
        return encoding_text(encoding, [text]) + tokenizer.decode(encoding.ids) + "\n" + tokenizer.decode(encoding.ids, skip_special_tokens=False) + "\n"

    return {
        "encodings": [fnv1a(as_text(text).encode()) for text in texts],
        "random": [fnv1a("".join(as_text(text) for text in strings[i : i + 100]).encode()) for i in range(0, len(strings), 100)],
    }


def pair_goldens(documents: dict, texts: list) -> dict:
    """Encodes pairs of texts with and without truncation."""
    short = [i for i, text in enumerate(texts) if len(text) < 60]
    result = {"versions": VERSIONS, "pipelines": {}}
    for name, document in documents.items():
        generator = random.Random(name)
        result["pipelines"][name] = cases = []
        for _ in range(60):
            case = {
                "first": generator.choice(short),
                "second": generator.choice(short) if generator.random() < 0.8 else None,
                "add_special_tokens": generator.random() < 0.7,
                "truncation": None,
            }
            tokenizer = Tokenizer.from_str(json.dumps(document))
            chosen = [texts[case[key]] for key in ("first", "second") if case[key] is not None]
            if generator.random() < 0.8 and document["post_processor"]:  # without one, `tokenizers` loses the text that an overflowing token belongs to
                case["truncation"] = {
                    "max_length": generator.randint(4, 24),
                    "stride": generator.choice([0, 0, 0, 1, 2, 3]),
                    "strategy": generator.choice(["longest_first", "only_first", "only_second"]),
                    "direction": generator.choice(["right", "left"]),
                }
            try:
                if case["truncation"]:
                    tokenizer.enable_truncation(**case["truncation"])
                encoding = tokenizer.encode(*chosen, add_special_tokens=case["add_special_tokens"])
            except BaseException as error:  # including a panic of the library
                if isinstance(error, KeyboardInterrupt):
                    raise
                case["hash"] = None
            else:
                text = "--\n".join(encoding_text(each, chosen) for each in [encoding, *encoding.overflowing])
                case["hash"] = fnv1a(text.encode())
            cases.append(case)
    return result


def model_pipeline_goldens(texts: list, corpus: list, strings: list) -> dict:
    documents = {}
    for name, document in [*pipelines_of_models(corpus), *pipelines_with_their_models(corpus)]:
        documents[name] = document
        write(f"pipelines/{name}.json", {"versions": VERSIONS, "tokenizer": document, **hashes(Tokenizer.from_str(json.dumps(document)), texts, strings)})
    return documents


def spm_goldens(document: dict, texts: list, strings: list) -> None:
    """The T5 pipeline with a full NFKC map, which is too large for a golden."""
    path = DATA / "spm" / "test_model.model"
    if not path.is_file():
        print(f"{path} is not there: spm_nfkc.json stays as it is")
        return
    content, begin = character_map(path.read_bytes())
    document = json.loads(json.dumps(document))
    document["normalizer"]["precompiled_charsmap"] = base64.b64encode(content).decode()
    result = hashes(Tokenizer.from_str(json.dumps(document)), texts, strings)
    document["normalizer"]["precompiled_charsmap"] = None
    write("spm_nfkc.json", {"versions": VERSIONS, "begin": begin, "size": len(content), "tokenizer": document, **result})


def pipeline_goldens(texts: list, corpus: list, stress: list, strings: list) -> dict:
    documents = {}
    for name, document in [*pipelines(corpus), *plain_text_pipelines(make_plain_text(corpus))]:
        documents[name] = document
        tokenizer = Tokenizer.from_str(json.dumps(document))
        ids = [tokenizer.encode(text).ids for text in texts]
        write(
            f"pipelines/{name}.json",
            {
                "versions": VERSIONS,
                "tokenizer": document,
                "ids": ids,
                "ids_without_special_tokens": [tokenizer.encode(text, add_special_tokens=False).ids for text in texts],
                "decoded": [tokenizer.decode(row) for row in ids],
                "decoded_with_special_tokens": [tokenizer.decode(row, skip_special_tokens=False) for row in ids],
                # Without an unk token, unknown characters are dropped, and `tokenizers` counts offsets as if the text did not have them.
                **({} if name == "metaspace_never" else hashes(tokenizer, texts + stress, strings)),
            },
        )
    return documents


# --- training


def merges_goldens() -> dict:
    generator = random.Random(22)
    cases = []
    for _ in range(80):
        alphabet = generator.choice(["ab", "abc", "aäbβ中", "abcdefghij"])
        words = {}
        for _ in range(generator.randint(1, 25)):
            word = "".join(generator.choice(alphabet) for _ in range(generator.randint(1, generator.choice([6, 15, 30]))))
            words[word] = generator.randint(1, generator.choice([2, 5, 50]))
        options = {"vocab_size": generator.randint(5, 90), "min_frequency": generator.choice([0, 1, 2, 3])}
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
        tokenizer.train_from_iterator([" ".join([word] * count) for word, count in words.items()], bpe_trainer(special_tokens=[], **options))
        model = json.loads(tokenizer.to_str())["model"]
        cases.append({"words": words, **options, "tokens": sorted(model["vocab"], key=model["vocab"].get), "merges": model["merges"]})
    return {"versions": VERSIONS, "cases": cases}


def word_pieces_goldens() -> dict:
    generator = random.Random(23)
    cases = []
    for _ in range(60):
        alphabet = generator.choice(["ab", "abc#", "aäbβ中", "abcdefghij"])
        words = {}
        for _ in range(generator.randint(1, 25)):
            word = "".join(generator.choice(alphabet) for _ in range(generator.randint(1, generator.choice([6, 15, 30]))))
            words[word] = generator.randint(1, generator.choice([2, 5, 50]))
        options = {"vocab_size": generator.randint(10, 90), "min_frequency": generator.choice([0, 1, 2, 3])}
        special = ["[UNK]"] + sorted({"##" + c for word in words for c in word[1:]})
        tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
        trainer = trainers.WordPieceTrainer(show_progress=False, special_tokens=special, **options)
        tokenizer.train_from_iterator([" ".join([word] * count) for word, count in words.items()], trainer)
        vocab = tokenizer.get_vocab(with_added_tokens=False)
        cases.append({"words": words, **options, "special_tokens": special, "tokens": sorted(vocab, key=vocab.get)})
    return {"versions": VERSIONS, "cases": cases}


def train_words(lines: list) -> Tokenizer:
    tokenizer = qkv_pipeline()
    tokenizer.model = models.WordLevel(unk_token="<unk>")
    tokenizer.train_from_iterator(lines, trainers.WordLevelTrainer(vocab_size=60, min_frequency=2, special_tokens=SPECIAL, show_progress=False))
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", pair="$A $B </s>", special_tokens=[("</s>", 0)])
    return tokenizer


def written_goldens() -> None:
    """Arbitrary vocabularies in the stages that qkv writes."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokens = special + ["a", "é", "##a", "##é", "a##é"]
    tokenizer = Tokenizer(models.WordPiece({token: i for i, token in enumerate(tokens)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation()])
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.add_special_tokens(special)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    write("written/word_pieces.json", {"versions": VERSIONS, "tokens": tokens, "tokenizer": json.loads(tokenizer.to_str())})
    for name, tokens in (("unigram", ["a", "▁a"]), ("unigram_bytes", [f"<0x{byte:02X}>" for byte in range(256)] + ["a", "▁a"])):
        tokens = SPECIAL + tokens
        scores = [0.0] * (len(tokens) - 2) + [-0.5, -3.25]
        tokenizer = qkv_pipeline()
        tokenizer.model = models.Unigram(list(zip(tokens, scores)), 1, len(tokens) > 256)
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
        if len(tokens) > 256:
            tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace()])
        tokenizer.add_special_tokens(SPECIAL)
        tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", pair="$A $B </s>", special_tokens=[("</s>", 0)])
        write(f"written/{name}.json", {"versions": VERSIONS, "tokens": tokens, "scores": scores, "tokenizer": json.loads(tokenizer.to_str())})


def unigram_goldens(corpus: list) -> dict:
    normalizer, words = qkv_pipeline().normalizer, {}
    lines = [normalizer.normalize_str(line) for line in corpus]
    for line in lines:
        for word in line.split(" "):
            words["▁" + word] = words.get("▁" + word, 0) + 1
    cases = []
    for vocab_size in (200, 240):
        with tempfile.TemporaryDirectory() as folder:
            sentencepiece.SentencePieceTrainer.train(
                sentence_iterator=iter(lines), model_prefix=folder + "/m", vocab_size=vocab_size + 3, model_type="unigram", character_coverage=1.0,
                normalization_rule_name="identity", num_threads=1, minloglevel=2)
            model = sentencepiece.SentencePieceProcessor(model_file=folder + "/m.model")
        cases.append({"vocab_size": vocab_size, "pieces": [[model.id_to_piece(i), model.get_score(i)] for i in range(3, vocab_size + 3)]})
    return {"versions": {**VERSIONS, "sentencepiece": sentencepiece.__version__}, "words": words, "cases": cases}


def lines_of(path: pathlib.Path) -> list:
    return [line.removesuffix("\r") for line in path.read_text(encoding="utf-8").removesuffix("\n").split("\n")]


def multi30k_goldens() -> None:
    folder = DATA / "multi30k"
    if not folder.is_dir():
        print(f"{folder} is not there: multi30k.json stays as it is")
        return
    tokenizer = train_qkv(lines_of(folder / "train.en") + lines_of(folder / "train.de"), 8000)
    ids = {}
    for name in ["train.en", "train.de", "test_2016_flickr.en", "test_2016_flickr.de", "test_2016_flickr.fr"]:
        rows = [" ".join(map(str, row.ids)) for row in tokenizer.encode_batch(lines_of(folder / name))]
        ids[name] = fnv1a("".join(row + "\n" for row in rows).encode())
    write("multi30k.json", {"versions": VERSIONS, "tokenizer": fnv1a(tokenizer.to_str(pretty=True).encode()), "ids": ids}, indent=2)


def main() -> None:
    print(", ".join(f"{name} {version}" for name, version in VERSIONS.items()))
    texts, corpus = make_texts(), make_corpus()
    write("unicode.json", unicode_goldens())
    write("texts.json", texts)
    assigned = assigned_ranges()
    stress, strings = stress_texts(assigned), random_strings(assigned, 10_000)
    write("stress.json", {"assigned": assigned, "texts": stress})
    documents = pipeline_goldens(texts, corpus, stress, strings) | model_pipeline_goldens(texts + stress, corpus, strings)
    spm_goldens(documents["t5"], texts + stress, strings)
    write("pairs.json", pair_goldens({name: documents[name] for name in ("qkv", "roberta", "gpt2", "words", "bert_uncased", "bert_cased", "llama3", "xlm_roberta", "scripts")}, texts))
    (ROOT / "corpus.txt").write_text("\n".join(corpus) + "\n", encoding="utf-8")
    (ROOT / "text.txt").write_text(make_plain_text(corpus), encoding="utf-8")
    (ROOT / "trained.json").write_text(train_qkv(corpus, 400).to_str(pretty=True), encoding="utf-8")
    write("merges.json", merges_goldens())
    write("word_pieces.json", word_pieces_goldens())
    (ROOT / "words.json").write_text(train_words(corpus).to_str(pretty=True), encoding="utf-8")
    written_goldens()
    write("unigram.json", unigram_goldens(corpus))
    multi30k_goldens()


if __name__ == "__main__":
    main()
