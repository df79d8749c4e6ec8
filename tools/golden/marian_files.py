#!/usr/bin/env python3
"""Writes a model in Marian's own files with random weights, and what transformers' convert_marian_to_pytorch.py makes of it.

tests/goldens/marian_files/ is a directory as OPUS-MT publishes them: decoder.yml, an .npz, *.vocab.yml, source.spm and target.spm. expected.json has

    versions   versions of the packages
    texts      [{text, ids}] of MarianTokenizer
    sources    token ids of each source; targets: ids fed to the decoder, decoder start first
    logits     for each pair, [target tokens, vocab_size], in float64 from the float32 weights
    config     the keys of config.json that the converter sets

The converter is part of transformers 4; transformers 5 dropped it. Where only 5 is installed, QKV_MARIAN_CONVERTER names the file of a version 4.
"""
import importlib.util
import json
import os
import pathlib
import random
import shutil
import tempfile

import numpy
import sentencepiece
import torch
import transformers

ROOT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "goldens" / "marian_files"
WIDTH, HEADS, FFN, LAYERS = 16, 2, 12, {"enc": 2, "dec": 1}
SETTINGS = {
    "dec-cell-base-depth": 2, "dec-cell-high-depth": 1, "dec-depth": LAYERS["dec"], "dim-emb": WIDTH, "enc-depth": LAYERS["enc"], "layer-normalization": "false",
    "lemma-dim-emb": 0, "right-left": "false", "tied-embeddings": "false", "tied-embeddings-all": "true", "tied-embeddings-src": "false", "transformer-aan-depth": 2,
    "transformer-aan-nogate": "false", "transformer-decoder-autoreg": "self-attention", "transformer-dim-ffn": FFN, "transformer-ffn-activation": "swish",
    "transformer-ffn-depth": 2, "transformer-heads": HEADS, "transformer-no-projection": "false", "transformer-postprocess": "dan", "transformer-postprocess-emb": "d",
    "transformer-preprocess": '""', "transformer-tied-layers": "\n  []", "transformer-train-position-embeddings": "false", "type": "transformer", "ulr-dim-emb": 0,
    "version": "v1.7.6 02f4af4 2018-12-12 18:51:10 -0800",
}


def converter():
    path = os.environ.get("QKV_MARIAN_CONVERTER")
    if not path:
        from transformers.models.marian import convert_marian_to_pytorch
        return convert_marian_to_pytorch
    spec = importlib.util.spec_from_file_location("convert_marian_to_pytorch", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write_vocabulary():
    """A SentencePiece model, and a vocabulary with its pieces in another order, as that of two languages together has."""
    words = "the a boat river old new house green small walks runs sees and on in".split()
    chooser = random.Random(1)
    lines = [" ".join(chooser.choices(words, k=6)) for _ in range(300)]
    with tempfile.TemporaryDirectory() as folder:
        text = pathlib.Path(folder) / "text"
        text.write_text("\n".join(lines))
        sentencepiece.SentencePieceTrainer.train(input=str(text), model_prefix=str(pathlib.Path(folder) / "m"), vocab_size=36, normalization_rule_name="identity",
                                                 minloglevel=2)
        for name in ("source.spm", "target.spm"):
            shutil.copy(pathlib.Path(folder) / "m.model", ROOT / name)
    model = sentencepiece.SentencePieceProcessor(model_file=str(ROOT / "source.spm"))
    pieces = sorted(model.id_to_piece(i) for i in range(model.vocab_size()) if not model.is_control(i) and not model.is_unknown(i))
    tokens = ["</s>", "<unk>", *pieces]
    (ROOT / "opus.spm.vocab.yml").write_text("".join(f"{json.dumps(token, ensure_ascii=False)}: {i}\n" for i, token in enumerate(tokens)))
    return len(tokens)


def write_weights(vocabulary):
    generator = numpy.random.default_rng(7)

    def noise(*shape, scale=1.0):
        return (scale * generator.standard_normal(shape)).astype(numpy.float32)

    arrays = {"Wemb": noise(vocabulary, WIDTH, scale=0.5), "decoder_ff_logit_out_b": noise(1, vocabulary)}

    def attention(prefix, kind):
        for part in "qkvo":
            arrays[f"{prefix}_{kind}_W{part}"] = noise(WIDTH, WIDTH, scale=0.5)
            arrays[f"{prefix}_{kind}_b{part}"] = noise(1, WIDTH, scale=0.2)
        arrays[f"{prefix}_{kind}_Wo_ln_scale"] = 1 + noise(1, WIDTH, scale=0.2)
        arrays[f"{prefix}_{kind}_Wo_ln_bias"] = noise(1, WIDTH, scale=0.2)

    for side, layers in (("encoder", LAYERS["enc"]), ("decoder", LAYERS["dec"])):
        for layer in range(1, layers + 1):
            prefix = f"{side}_l{layer}"
            attention(prefix, "self")
            if side == "decoder":
                attention(prefix, "context")
            arrays[f"{prefix}_ffn_W1"], arrays[f"{prefix}_ffn_b1"] = noise(WIDTH, FFN, scale=0.5), noise(1, FFN, scale=0.2)
            arrays[f"{prefix}_ffn_W2"], arrays[f"{prefix}_ffn_b2"] = noise(FFN, WIDTH, scale=0.5), noise(1, WIDTH, scale=0.2)
            arrays[f"{prefix}_ffn_ffn_ln_scale"] = 1 + noise(1, WIDTH, scale=0.2)
            arrays[f"{prefix}_ffn_ffn_ln_bias"] = noise(1, WIDTH, scale=0.2)
    settings = "".join(f"{key}: {value}\n" for key, value in SETTINGS.items()) + f"dim-vocabs:\n  - {vocabulary}\n  - {vocabulary}\n"
    arrays["special:model.yml"] = numpy.frombuffer(settings.encode() + b"\0", dtype=numpy.int8)
    numpy.savez(ROOT / "opus.spm.transformer.model1.npz", **arrays)
    (ROOT / "decoder.yml").write_text("relative-paths: true\nmodels:\n  - opus.spm.transformer.model1.npz\n"
                                      "vocabs:\n  - opus.spm.vocab.yml\n  - opus.spm.vocab.yml\nbeam-size: 6\nnormalize: 1\nword-penalty: 0\n")


def main():
    shutil.rmtree(ROOT, ignore_errors=True)
    ROOT.mkdir(parents=True)
    vocabulary = write_vocabulary()
    write_weights(vocabulary)
    with tempfile.TemporaryDirectory() as folder:  # the converter writes its vocab.json beside the files
        copy = pathlib.Path(folder) / "en-de"
        shutil.copytree(ROOT, copy)
        state = converter().OpusState(copy)
        model = state.load_marian_model().eval()
        tokenizer = state.tokenizer
        texts = ["the old boat", "a green house and small rivers", "xylophone", ""]
        encoded = [{"text": text, "ids": tokenizer(text)["input_ids"]} for text in texts]
    start = model.config.decoder_start_token_id
    model = model.double()
    sources = [each["ids"] for each in encoded[:2]]
    targets = [[start, 5, 9, 2], [start, 7, 7, 30, 11, 3]]
    logits = []
    with torch.no_grad():
        for source, target in zip(sources, targets):
            logits.append(model(input_ids=torch.tensor([source]), decoder_input_ids=torch.tensor([target])).logits[0].tolist())
    keys = ["vocab_size", "d_model", "encoder_layers", "decoder_layers", "encoder_attention_heads", "encoder_ffn_dim", "activation_function", "scale_embedding",
            "pad_token_id", "decoder_start_token_id", "eos_token_id"]
    expected = {
        "versions": {"torch": torch.__version__.split("+")[0], "transformers": transformers.__version__, "numpy": numpy.__version__},
        "texts": encoded, "sources": sources, "targets": targets, "logits": [[[round(x, 7) for x in row] for row in rows] for rows in logits],
        "config": {key: getattr(model.config, key) for key in keys},
    }
    (ROOT / "expected.json").write_text(json.dumps(expected, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
