#!/usr/bin/env python3
"""Writes tiny encoders with heads (random weights) and their tokenizers, and what transformers' pipelines say of texts with them.

Each folder of tests/goldens/heads/ is a model directory with expected.json ("versions"; the rest as the function that writes it says). Offsets are bytes.
"""

import json
import pathlib
import platform
import shutil
import sys
import warnings

import tokenizers
import torch
import transformers

ROOT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "goldens" / "heads"
VERSIONS = {
    "python": platform.python_version(),
    "torch": torch.__version__.split("+")[0],
    "transformers": transformers.__version__,
    "tokenizers": tokenizers.__version__,
}
WORDS = "[PAD] [UNK] [CLS] [SEP] [MASK] the a boat river is old new and very good john smith berlin paris went to in ? . , ' ##s ##er ##lin ##ity jo ber ö".split()
LETTERS = [letter for letter in "abcdefghijklmnopqrstuvwxyz" if letter not in WORDS] + ["##" + letter for letter in "abcdefghijklmnopqrstuvwxyz" if letter != "s"]
TEXTS = ["John Smith went to Berlin.", "", "the old boat is in Paris, very good ö", "ABC johner 漢 berliner's smiths ö, is it good?", "old",
         "the boat and the river and the boat and John Smith in the river is very very good and new and old in Paris and Berlin, boats and rivers"]
SENTENCES = ["the old boat is in the river", "John went to Berlin", "rivers and boats are very good, the boat's old"] * 3
POSITIONS = 24


def word_pieces():
    vocabulary = {word: i for i, word in enumerate(WORDS + LETTERS)}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = tokenizers.normalizers.BertNormalizer(lowercase=True, strip_accents=False)
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = tokenizers.processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    return transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="[UNK]", pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]",
                                                mask_token="[MASK]", model_max_length=POSITIONS,
                                                model_input_names=["input_ids", "token_type_ids", "attention_mask"])


def byte_pairs():
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    tokenizer.train_from_iterator(SENTENCES, tokenizers.trainers.BpeTrainer(
        vocab_size=300, special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"], initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet()))
    tokenizer.post_processor = tokenizers.processors.RobertaProcessing(("</s>", 2), ("<s>", 0), trim_offsets=True, add_prefix_space=False)
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="<unk>", pad_token="<pad>", cls_token="<s>", sep_token="</s>", bos_token="<s>", eos_token="</s>",
        mask_token=tokenizers.AddedToken("<mask>", lstrip=True), model_max_length=POSITIONS, model_input_names=["input_ids", "attention_mask"])


def bert(tokenizer, head, **more):
    config = transformers.BertConfig(vocab_size=len(tokenizer), hidden_size=16, intermediate_size=20, num_hidden_layers=2, num_attention_heads=4,
                                     max_position_embeddings=POSITIONS, **more)
    return getattr(transformers, "Bert" + head)(config)


def roberta(tokenizer, head, **more):
    config = transformers.RobertaConfig(vocab_size=len(tokenizer), hidden_size=16, intermediate_size=20, num_hidden_layers=2, num_attention_heads=4,
                                        max_position_embeddings=POSITIONS + 2, type_vocab_size=1, **more)
    return getattr(transformers, "Roberta" + head)(config)


def spread_weights(model, seed):
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in sorted(model.named_parameters()):
            noise = torch.randn(weight.shape, generator=generator)
            if weight.dim() == 1:
                weight.copy_(0.2 * noise + (1 if "norm" in name.lower() and name.endswith("weight") else 0))
            else:
                weight.copy_(0.4 * noise)


def save(name, model, tokenizer, seed):
    folder = ROOT / name
    spread_weights(model, seed)
    model.eval().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def write_expected(folder, **values):
    (folder / "expected.json").write_text(json.dumps({"versions": VERSIONS, **values}, ensure_ascii=False) + "\n")


def bytes_of(text, place):
    return len(text[:place].encode())


# "texts"; "runs": the strategy, the stride or null, and for each text its spans as [label, score, begin, end], or null.
def write_taggers():
    names = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
    labels = dict(id2label=dict(enumerate(names)), label2id={name: i for i, name in enumerate(names)})
    for seed, (name, make_tokenizer, make_model) in enumerate([("tag_word_pieces", word_pieces, bert), ("tag_byte_pairs", byte_pairs, roberta)], start=1):
        tokenizer = make_tokenizer()
        model = make_model(tokenizer, "ForTokenClassification", **labels)
        folder = save(name, model, tokenizer, seed)
        runs = []
        for strategy in ("none", "simple", "first", "average", "max"):
            for stride in (None,) if strategy == "none" else (None, 5):
                pipeline = transformers.pipeline("token-classification", model=model, tokenizer=tokenizer, aggregation_strategy=strategy,
                                                 **({} if stride is None else {"stride": stride}))
                spans = []
                for text in TEXTS:
                    if stride is None and len(tokenizer(text).input_ids) > POSITIONS:  # the pipeline would cut it
                        spans.append(None)
                        continue
                    found = pipeline(text)
                    # The pipeline lists an empty span at the beginning of several windows twice.
                    found = [each for i, each in enumerate(found) if i == 0 or each != found[i - 1]]
                    spans.append([[each.get("entity_group", each.get("entity")), float(each["score"]), bytes_of(text, each["start"]), bytes_of(text, each["end"])]
                                  for each in found])
                runs.append({"aggregation": strategy, "stride": stride, "spans": spans})
        write_expected(folder, texts=TEXTS, runs=runs)


MASKED = ["the [MASK] is old", "[MASK] went to [MASK], very good.", "a [MASK]er"]


# "texts" with the tokenizer's mask; "runs": top_k, the targets or null, and for each mask of each text [score, token, text, sequence].
def write_fillers():
    for seed, (name, make_tokenizer, make_model) in enumerate([("fill_word_pieces", word_pieces, bert), ("fill_byte_pairs", byte_pairs, roberta)], start=21):
        tokenizer = make_tokenizer()
        model = make_model(tokenizer, "ForMaskedLM")
        folder = save(name, model, tokenizer, seed)
        pipeline = transformers.pipeline("fill-mask", model=model, tokenizer=tokenizer)
        texts = [text.replace("[MASK]", tokenizer.mask_token) for text in MASKED]
        runs = []
        for top_k, targets in ((5, None), (1, None), (3, ["boat", "river", "xyz"]), (9, ["old", "old", "new"])):
            masks = []
            for text in texts:
                found = pipeline(text, top_k=top_k, **({} if targets is None else {"targets": targets}))
                found = found if isinstance(found[0], list) else [found]
                masks.append([[[each["score"], each["token"], each["token_str"], each["sequence"]] for each in one] for one in found])
            runs.append({"top_k": top_k, "targets": targets, "masks": masks})
        write_expected(folder, texts=texts, runs=runs)


PAIRS = [["the boat is old?", "John Smith went to Berlin in the old boat."], ["", "very good"], ["boats", "."],
         ["the boat and the river and the boat and John Smith in the river", "is very very good and new and old in Paris and Berlin, boats and rivers"]]
KINDS = {"one": dict(num_labels=3), "several": dict(num_labels=3, problem_type="multi_label_classification"), "number": dict(num_labels=1, problem_type="regression"),
         "single": dict(num_labels=1)}


# "pairs"; "logits" of each, and "scores" as TextClassificationPipeline makes them; longer pairs are cut as truncation=True does.
def write_classifiers():
    seed = 31
    for kind, labels in KINDS.items():
        for name, make_tokenizer, make_model in (("word_pieces", word_pieces, bert), ("byte_pairs", byte_pairs, roberta)):
            seed += 1
            if name == "byte_pairs" and kind in ("several", "number"):
                continue
            tokenizer = make_tokenizer()
            model = make_model(tokenizer, "ForSequenceClassification", **labels)
            folder = save(f"classify_{kind}_{name}", model, tokenizer, seed)
            pipeline = transformers.pipeline("text-classification", model=model, tokenizer=tokenizer, top_k=None)
            scores = []
            for first, second in PAIRS:
                found = pipeline({"text": first, "text_pair": second}, truncation=True)
                scores.append([next(each["score"] for each in found if each["label"] == f"LABEL_{i}") for i in range(labels["num_labels"])])
            write_expected(folder, pairs=PAIRS, scores=scores)


QUESTIONS = [["the boat is old", ["John went to Berlin", "the boat is new", "rivers"]], ["John Smith, is it good?", ["very good", ""]], ["", ["old", "new", "very good", "in"]],
             ["the boat and the river and the boat and John Smith in the river", ["is very very good and new and old in Paris and Berlin, boats", "old"]]]


# "questions": a text and its choices; "scores": the softmax of the outputs, each text with its choices in one batch, cut as truncation=True does.
def write_choosers():
    for seed, (name, make_tokenizer, make_model) in enumerate([("choose_word_pieces", word_pieces, bert), ("choose_byte_pairs", byte_pairs, roberta)], start=51):
        tokenizer = make_tokenizer()
        model = make_model(tokenizer, "ForMultipleChoice")
        folder = save(name, model, tokenizer, seed)
        scores = []
        for text, choices in QUESTIONS:
            inputs = tokenizer([text] * len(choices), choices, padding=True, truncation=True, return_tensors="pt")
            with torch.no_grad():
                scores.append(model(**{key: value.unsqueeze(0) for key, value in inputs.items()}).logits[0].softmax(-1).tolist())
        write_expected(folder, questions=QUESTIONS, scores=scores)


def main():
    warnings.simplefilter("ignore")
    shutil.rmtree(ROOT, ignore_errors=True)
    write_taggers()
    write_fillers()
    write_classifiers()
    write_choosers()


if __name__ == "__main__":
    main()
