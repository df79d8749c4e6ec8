#!/usr/bin/env python3
"""Writes the encodings of words by the `tokenizers` library and sentencepiece with WordPiece, WordLevel, Unigram and BPE with dropout.

tests/goldens/token_models/
    NAME.json           {tokenizer, ids, spans}: a tokenizer.json, and for each text of ../tokenizer/texts.json one list with the ids of all its
                        pieces, and one with their begins and ends, in bytes from the beginning of the piece
    ties.json           {models: [{tokenizer, words, ids}]}: Unigram models with many equal scores
    spm_NAME.json       {pieces: [[token, score, kind]], unk_id, byte_fallback, texts, ids, [nbest, nbest_scores]}: a sentencepiece Unigram model,
                        and its ids for normalized texts
    dropout.json        {tokenizer, cases: [{word, dropout, ids, frequencies}]}: frequencies of the encodings of a word by BPE
Texts and words come from seeded generators. Needs the folder `spm` of the data.
"""

import json
import os
import pathlib
import platform
import random
from collections import Counter

import sentencepiece
import tokenizers
from sentencepiece import sentencepiece_model_pb2
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

SOURCE = pathlib.Path(__file__).resolve().parents[2]
ROOT = SOURCE / "tests" / "goldens" / "token_models"
TOKENIZER_GOLDENS = SOURCE / "tests" / "goldens" / "tokenizer"
DATA = pathlib.Path(os.environ.get("QKV_DATA", SOURCE.parent / "shared" / "data"))
VERSIONS = {"python": platform.python_version(), "tokenizers": tokenizers.__version__, "sentencepiece": sentencepiece.__version__}
TEXTS = json.loads((TOKENIZER_GOLDENS / "texts.json").read_text(encoding="utf-8"))
CORPUS = (TOKENIZER_GOLDENS / "corpus.txt").read_text(encoding="utf-8").split("\n")
KINDS = {1: "normal", 2: "hidden", 3: "hidden", 4: "user_defined", 5: "hidden", 6: "hidden"}  # unknown, control, unused, byte


def write(name: str, value) -> None:
    ROOT.mkdir(parents=True, exist_ok=True)
    path = ROOT / name
    path.write_text(json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")
    print(f"{path.relative_to(SOURCE)}: {path.stat().st_size:,} bytes")


# --- tokenizers


def trained(model, pre_tokenizer, trainer) -> Tokenizer:
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.train_from_iterator(CORPUS, trainer)
    return tokenizer


def without_added_tokens(tokenizer: Tokenizer, **changes) -> Tokenizer:
    document = json.loads(tokenizer.to_str())
    document["added_tokens"] = []
    document["model"].update(changes)
    return Tokenizer.from_str(json.dumps(document))


def word_piece(pre_tokenizer, prefix="##", **changes) -> Tokenizer:
    trainer = trainers.WordPieceTrainer(vocab_size=400, special_tokens=["[UNK]"], continuing_subword_prefix=prefix, show_progress=False)
    return without_added_tokens(trained(models.WordPiece(unk_token="[UNK]"), pre_tokenizer, trainer), continuing_subword_prefix=prefix, **changes)


def word_level(pre_tokenizer) -> Tokenizer:
    trainer = trainers.WordLevelTrainer(vocab_size=80, special_tokens=["<unk>"], show_progress=False)
    return without_added_tokens(trained(models.WordLevel(unk_token="<unk>"), pre_tokenizer, trainer))


def unigram(pre_tokenizer, bytes_too=False) -> Tokenizer:
    trainer = trainers.UnigramTrainer(vocab_size=300, special_tokens=["<s>", "<unk>"], unk_token="<unk>", show_progress=False)
    tokenizer = without_added_tokens(trained(models.Unigram(), pre_tokenizer, trainer))
    vocab = json.loads(tokenizer.to_str())["model"]["vocab"]
    if bytes_too:
        vocab += [[f"<0x{byte:02X}>", -12.5] for byte in range(256)]
    return without_added_tokens(tokenizer, vocab=vocab, byte_fallback=bytes_too)


def golden(tokenizer: Tokenizer) -> dict:
    all_ids, all_spans = [], []
    for text in TEXTS:
        pieces = tokenizer.pre_tokenizer.pre_tokenize_str(text) if tokenizer.pre_tokenizer else [(text, None)]
        tokens = [token for piece, _ in pieces if piece for token in tokenizer.model.tokenize(piece)]
        all_ids.append([token.id for token in tokens])
        all_spans.append([end for token in tokens for end in token.offsets])
        assert all_ids[-1] == tokenizer.encode(text).ids
    return {"versions": VERSIONS, "tokenizer": json.loads(tokenizer.to_str()), "ids": all_ids, "spans": all_spans}


# --- ties


def random_word(generator: random.Random, letters: str, longest: int) -> str:
    return "".join(generator.choices(letters, k=generator.randint(1, longest)))


def tied_pieces(generator: random.Random, scores: list) -> list:
    tokens = {"a", "b"} | {random_word(generator, "abc", 5) for _ in range(40)}
    return [["<unk>", 0.0]] + [[token, generator.choice(scores)] for token in sorted(tokens)]


def tie_goldens() -> dict:
    generator = random.Random(31)
    result = []
    for scores in ([-1.0], [-1.0, -2.0], [-0.1, -0.2, -0.3], [-1.1, -2.2, -3.3], [-7.5, 20.0, 40.0], [0.0]):
        tokenizer = Tokenizer(models.Unigram([tuple(piece) for piece in tied_pieces(generator, scores)], 0, False))
        words = [random_word(generator, "abcd", 40) for _ in range(60)]
        result.append({"tokenizer": json.loads(tokenizer.to_str()), "words": words, "ids": [tokenizer.encode(word).ids for word in words]})
    return {"versions": VERSIONS, "models": result}


# --- sentencepiece


def spm_golden(serialized: bytes, texts: list, nbest: int = 0) -> dict:
    proto = sentencepiece_model_pb2.ModelProto()
    proto.ParseFromString(serialized)
    processor = sentencepiece.SentencePieceProcessor(model_proto=serialized)
    result = {
        "versions": VERSIONS,
        "pieces": [[piece.piece, piece.score, KINDS[piece.type]] for piece in proto.pieces],
        "unk_id": processor.unk_id(),
        "byte_fallback": proto.trainer_spec.byte_fallback,
        "texts": [processor.normalize(text) for text in texts],
        "ids": [processor.encode(text) for text in texts],
    }
    if nbest:
        lists = [processor.nbest_encode(text, nbest_size=nbest, return_type="proto").nbests for text in texts]
        result["nbest"] = [[[piece.id for piece in one.pieces] for one in each] for each in lists]
        result["nbest_scores"] = [[round(one.score, 4) for one in each] for each in lists]
    return result


def spm_model(pieces: list, byte_fallback: bool = False) -> bytes:
    """Builds a model from pieces: (token, score, sentencepiece's kind). Texts are not normalized."""
    proto = sentencepiece_model_pb2.ModelProto()
    for token, score, kind in pieces:
        proto.pieces.add(piece=token, score=score, type=kind)
    proto.trainer_spec.model_type = 1
    proto.trainer_spec.byte_fallback = byte_fallback
    proto.normalizer_spec.name = "identity"
    proto.normalizer_spec.add_dummy_prefix = False
    proto.normalizer_spec.remove_extra_whitespaces = False
    proto.normalizer_spec.escape_whitespaces = False
    return proto.SerializeToString()


def spm_goldens() -> None:
    generator = random.Random(32)
    serialized = (DATA / "spm" / "test_model.model").read_bytes()
    write("spm_test_model.json", spm_golden(serialized, TEXTS))
    sentences = [" ".join(generator.choices(CORPUS, k=1)).strip()[:25].strip() for _ in range(20)] + ["internationalization", "aaaa"]
    write("spm_nbest.json", spm_golden(serialized, sentences, nbest=6))
    # The last bits of sums of these scores depend on the order of the pieces, and more so in longer texts.
    special = [("<unk>", 0.0, 2), ("<s>", 0.0, 3), ("</s>", 0.0, 3)]
    ties = [(token, score, 1) for token, score in tied_pieces(generator, [-1.1, -2.2, -3.3, -0.7])[1:]]
    write("spm_ties.json", spm_golden(spm_model(special + ties), [random_word(generator, "abcd", 300) for _ in range(60)]))
    kinds = [("bb", 0.0, 4), ("é!", 0.0, 4), ("<mask>", 0.0, 4), ("aab", -0.1, 5)] + [(f"<0x{byte:02X}>", 0.0, 6) for byte in range(256)]
    others = [piece for piece in ties if piece[0] not in {name for name, _, _ in kinds}]
    texts = ["".join(generator.choices(["a", "b", "c", "bb", "é!", "é", "日本", "<mask>", "<s>", "<0x41>", "aab", "\U0001f600"], k=20)) for _ in range(40)]
    write("spm_kinds.json", spm_golden(spm_model(special + kinds + others, byte_fallback=True), texts))


# --- dropout


def dropout_golden(draws: int = 200_000) -> dict:
    words = ["lower", "lowest", "newer", "widest", "low", "new", "wide", "aaaaa", "slow", "slower"]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.train_from_iterator([" ".join(words * 3)], trainers.BpeTrainer(vocab_size=40, show_progress=False))
    tokenizer = Tokenizer.from_str(tokenizer.to_str())
    cases = []
    for word, dropout in (("lower", 0.1), ("slowest", 0.5), ("aaaaa", 0.3), ("widest", 0.9), ("newer", 1.0)):
        tokenizer.model.dropout = dropout
        counts = Counter(tuple(token.id for token in tokenizer.model.tokenize(word)) for _ in range(draws))
        common = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        cases.append({"word": word, "dropout": dropout, "ids": [ids for ids, _ in common], "frequencies": [count / draws for _, count in common]})
    tokenizer.model.dropout = 0.25
    return {"versions": VERSIONS, "tokenizer": json.loads(tokenizer.to_str()), "cases": cases}


def main() -> None:
    print(VERSIONS)
    whitespace, split, metaspace = pre_tokenizers.Whitespace(), pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()
    write("word_piece.json", golden(word_piece(whitespace)))
    write("word_piece_short_words.json", golden(word_piece(split, max_input_chars_per_word=7)))
    write("word_piece_no_prefix.json", golden(word_piece(whitespace, prefix="")))
    write("word_level.json", golden(word_level(whitespace)))
    write("unigram.json", golden(unigram(metaspace)))
    write("unigram_split.json", golden(unigram(split)))
    write("unigram_bytes.json", golden(unigram(metaspace, bytes_too=True)))
    whole = unigram(metaspace)
    document = json.loads(whole.to_str()) | {"pre_tokenizer": None}
    write("unigram_whole_texts.json", golden(Tokenizer.from_str(json.dumps(document))))
    write("ties.json", tie_goldens())
    spm_goldens()
    write("dropout.json", dropout_golden())


if __name__ == "__main__":
    main()
