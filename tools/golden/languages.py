#!/usr/bin/env python3
"""Writes tokenizers of multilingual translators and what transformers makes with them of sources in several languages.

tests/goldens/languages/NAME/
    tokenizer.json, tokenizer_config.json   by save_pretrained of the class
    expected.json   {versions, model: a folder of tests/goldens/models/, cases: [{from, to, texts, sources, tokens, translations}]}
                    from, to: languages, empty: not chosen; sources: ids of each text; tokens and translations: of the best translation by the model's
                    generation_config.json, with forced_bos_token_id, or for MBartTokenizer decoder_start_token_id, as the target

Needs the folders of encoder_decoders.py.
"""

import json
import pathlib
import platform
import shutil
import warnings

import torch
import transformers

GOLDENS = pathlib.Path(__file__).resolve().parents[2] / "tests" / "goldens"
VERSIONS = {"python": platform.python_version(), "torch": torch.__version__.split("+")[0], "transformers": transformers.__version__}
TEXTS = ["the rain in spain", "a", "xyz deer", "under the tree there was another one"]
LETTERS = ["▁"] + [chr(c) for c in range(ord("a"), ord("z") + 1)]
MERGES = [("i", "n"), ("e", "r"), ("t", "h"), ("▁", "th"), ("a", "n"), ("▁th", "e")]


def bpe_parts():
    pieces = ["<s>", "<pad>", "</s>", "<unk>"] + LETTERS + [a + b for a, b in MERGES]
    return {piece: i for i, piece in enumerate(pieces)}, MERGES


def unigram_vocab():
    pieces = LETTERS + [a + b for a, b in MERGES]
    return [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)] + [(piece, -1.0 - 0.13 * i) for i, piece in enumerate(pieces)]


def nllb(legacy):
    vocab, merges = bpe_parts()
    return transformers.NllbTokenizer(vocab=vocab, merges=merges, extra_special_tokens=["eng_Latn", "deu_Latn", "fra_Latn"], legacy_behaviour=legacy)


def source_tokenizers():
    yield "nllb", nllb(False), "m2m100", [("", ""), ("", "fra_Latn"), ("deu_Latn", "eng_Latn")]
    yield "nllb_legacy", nllb(True), "m2m100", [("", ""), ("fra_Latn", "deu_Latn")]
    yield "mbart", transformers.MBartTokenizer(vocab=unigram_vocab()), "mbart", [("", ""), ("de_DE", "fr_XX"), ("", "ro_RO")]
    yield "mbart50", transformers.MBart50Tokenizer(vocab=unigram_vocab()[4:], src_lang="fr_XX"), "mbart", [("", ""), ("de_DE", "uk_UA")]


def translate(folder, tokenizer, model, source, target):
    if source:
        tokenizer.src_lang = source
    record = {"from": source, "to": target, "texts": TEXTS, "sources": [], "tokens": [], "translations": []}
    chosen = {}
    if target:
        key = "decoder_start_token_id" if isinstance(tokenizer, transformers.MBartTokenizer) else "forced_bos_token_id"
        chosen[key] = tokenizer.convert_tokens_to_ids(target)
    for text in TEXTS:
        ids = tokenizer(text)["input_ids"]
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            out = model.generate(torch.tensor([ids]), attention_mask=torch.ones(1, len(ids), dtype=torch.long), **chosen)[0].tolist()[1:]
        record["sources"].append(ids)
        tokens = tokenizer.convert_ids_to_tokens(out)
        record["tokens"].append([f"<{i}>" if token is None else token for i, token in zip(out, tokens)])
        record["translations"].append(tokenizer.decode([i for i in out if i < len(tokenizer)], skip_special_tokens=True, clean_up_tokenization_spaces=False))
    return record


def main():
    torch.set_num_threads(1)
    root = GOLDENS / "languages"
    shutil.rmtree(root, ignore_errors=True)
    for name, tokenizer, model_name, pairs in source_tokenizers():
        folder = root / name
        folder.mkdir(parents=True)
        tokenizer.save_pretrained(folder)
        again = transformers.AutoTokenizer.from_pretrained(folder)
        assert type(again) is type(tokenizer), type(again)
        model = transformers.AutoModelForSeq2SeqLM.from_pretrained(GOLDENS / "models" / model_name, dtype=torch.float64, attn_implementation="eager").eval()
        cases = [translate(folder, transformers.AutoTokenizer.from_pretrained(folder), model, *pair) for pair in pairs]
        record = {"versions": VERSIONS, "model": model_name, "cases": cases}
        (folder / "expected.json").write_text(json.dumps(record, ensure_ascii=False).replace('{"from"', '\n{"from"') + "\n")
        print(name, [case["sources"][0] for case in cases], [case["translations"] for case in cases])


if __name__ == "__main__":
    main()
