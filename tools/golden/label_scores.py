#!/usr/bin/env python3
"""Writes scores of labels and numbers as scikit-learn, scipy and seqeval compute them.

tests/goldens/label_scores/expected.json ("versions"):
    sets      {"names", "predicted", "right": lists of labels, "scores"}: several labels for each text
    numbers   {"predicted", "right", "scores"}; null where scipy has no correlation
    entities  {"predicted", "right": labels of the words of each sentence, "scores"}
    models    {"model": a folder of tests/goldens/heads/, "file": what qkv eval reads, "scores", "left_out": words that have no token left}

A label has [name, texts, precision, recall, f1].
"""

import json
import pathlib
import platform
import random
import warnings

import scipy
import seqeval.metrics
import sklearn
import torch
import transformers
from sklearn import metrics

GOLDENS = pathlib.Path(__file__).resolve().parents[2] / "tests" / "goldens"
VERSIONS = {"python": platform.python_version(), "scikit-learn": sklearn.__version__, "scipy": scipy.__version__, "seqeval": "1.2.2",
            "transformers": transformers.__version__}
WORDS = "the a boat river is old new and very good john smith berlin paris went to in".split()


def set_scores(names, predicted, right):
    table = lambda lists: [[name in each for name in names] for each in lists]
    truth, guess = table(right), table(predicted)
    precision, recall, f1, support = metrics.precision_recall_fscore_support(truth, guess, average=None, zero_division=0)
    return {"macro_f1": metrics.f1_score(truth, guess, average="macro", zero_division=0), "micro_f1": metrics.f1_score(truth, guess, average="micro", zero_division=0),
            "exact_match": metrics.accuracy_score(truth, guess), "loss": None,
            "labels": [list(each) for each in zip(names, support.tolist(), precision.tolist(), recall.tolist(), f1.tolist())]}


def number_scores(predicted, right):
    finite = lambda x: float(x) if x == x else None
    return {"mean_squared_error": float(metrics.mean_squared_error(right, predicted)), "pearson": finite(scipy.stats.pearsonr(predicted, right).statistic),
            "spearman": finite(scipy.stats.spearmanr(predicted, right).statistic)}


def entity_scores(predicted, right):
    report = seqeval.metrics.classification_report(right, predicted, output_dict=True, zero_division=0)
    kinds = sorted(key for key in report if not key.endswith(" avg"))
    micro = report.get("micro avg", {"precision": 0, "recall": 0, "f1-score": 0})
    values = {"accuracy": seqeval.metrics.accuracy_score(right, predicted), "precision": micro["precision"], "recall": micro["recall"], "f1": micro["f1-score"],
              "macro_f1": report["macro avg"]["f1-score"],
              "labels": [[kind, int(report[kind]["support"]), report[kind]["precision"], report[kind]["recall"], report[kind]["f1-score"]] for kind in kinds]}
    return json.loads(json.dumps(values, default=float))


def changed(draw, labels, rate, right):
    return [draw.choice(labels) if draw.random() < rate else label for label in right]


def sets(draw):
    names = ["news", "sport", "art", "never"]
    right = [[name for name in names[:3] if draw.random() < 0.4] for _ in range(40)]
    predicted = [[name for name in names[:3] if (name in each) != (draw.random() < 0.2)] for each in right]
    return [{"names": names, "predicted": predicted, "right": right, "scores": set_scores(names, predicted, right)}]


def numbers(draw):
    right = [round(draw.uniform(0, 5), 1) for _ in range(60)]  # some are equal
    predicted = [round(x + draw.gauss(0, 1), 1) for x in right]
    cases = [(predicted, right), ([2.0] * 60, right), ([1e-3 * x + 1e6 for x in predicted], right), ([x + 1 for x in right], right)]
    return [{"predicted": a, "right": b, "scores": number_scores(a, b)} for a, b in cases]


def entities(draw):
    cases = []
    for prefixes in ("BI", "I", "BIES"):
        labels = ["O", "O"] + [f"{prefix}-{name}" for prefix in prefixes for name in ("PER", "LOC", "MISC")]
        right = [[draw.choice(labels) for _ in range(draw.randint(1, 12))] for _ in range(40)]
        predicted = [changed(draw, labels, 0.25, each) for each in right]
        cases.append({"predicted": predicted, "right": right, "scores": entity_scores(predicted, right)})
    return cases


def opened(name, kind):
    folder = GOLDENS / "heads" / name
    return getattr(transformers, kind).from_pretrained(folder).eval(), transformers.PreTrainedTokenizerFast.from_pretrained(folder)


def tagger(draw):
    model, tokenizer = opened("tag_word_pieces", "BertForTokenClassification")
    labels = list(model.config.id2label.values())
    file, right, predicted, losses, left_out = "", [], [], [], 0
    for length in (5, 1, 9, 40, 12, 17, 8):
        words = [draw.choice(WORDS) for _ in range(length)]
        inputs = tokenizer(words, is_split_into_words=True, truncation=True, max_length=tokenizer.model_max_length, return_tensors="pt")
        with torch.no_grad():
            logits = model(**inputs).logits[0].double()
        tokens = {word: token for token, word in reversed(list(enumerate(inputs.word_ids()))) if word is not None}
        guesses = {word: labels[logits[token].argmax()] for word, token in tokens.items()}
        answers = [draw.choice(labels) if draw.random() < 0.3 or word not in guesses else guesses[word] for word in range(length)]
        file += "".join(f"{word}\t{label}\n" for word, label in zip(words, answers)) + "\n"
        left_out += length - len(tokens)
        kept = sorted(tokens)
        right.append([answers[word] for word in kept])
        predicted.append([guesses[word] for word in kept])
        losses += [-torch.log_softmax(logits[tokens[word]], -1)[labels.index(answers[word])].item() for word in kept]
    return {"model": "tag_word_pieces", "file": file, "left_out": left_out, "scores": entity_scores(predicted, right) | {"loss": sum(losses) / len(losses)}}


def pair_logits(model, tokenizer, pairs):
    rows = []
    for first, second in pairs:
        with torch.no_grad():
            rows.append(model(**tokenizer(first, second, return_tensors="pt")).logits[0].double())
    return torch.stack(rows)


def classifiers(draw):
    text = lambda: " ".join(draw.choice(WORDS) for _ in range(draw.randint(1, 8)))
    pairs = [(text(), text()) for _ in range(30)]
    model, tokenizer = opened("classify_several_word_pieces", "BertForSequenceClassification")
    names = list(model.config.id2label.values())
    logits = pair_logits(model, tokenizer, pairs)
    predicted = [[name for name, logit in zip(names, row) if logit >= 0] for row in logits]
    right = [[name for name in names if (name in each) != (draw.random() < 0.3)] for each in predicted]
    targets = torch.tensor([[float(name in each) for name in names] for each in right], dtype=torch.float64)
    scores = set_scores(names, predicted, right) | {"loss": torch.nn.functional.binary_cross_entropy_with_logits(logits, targets).item()}
    lines = lambda labels: "".join(f"{first}\t{second}\t{label}\n" for (first, second), label in zip(pairs, labels))
    yield {"model": "classify_several_word_pieces", "file": lines(",".join(each) for each in right), "scores": scores}
    model, tokenizer = opened("classify_number_word_pieces", "BertForSequenceClassification")
    predicted = pair_logits(model, tokenizer, pairs)[:, 0].tolist()
    right = [round(x + draw.gauss(0, 0.5), 2) for x in predicted]
    yield {"model": "classify_number_word_pieces", "file": lines(right), "scores": number_scores(predicted, right)}


def main():
    warnings.simplefilter("ignore")
    draw = random.Random(20)
    folder = GOLDENS / "label_scores"
    folder.mkdir(exist_ok=True)
    expected = {"versions": VERSIONS, "sets": sets(draw), "numbers": numbers(draw), "entities": entities(draw), "models": [tagger(draw), *classifiers(draw)]}
    (folder / "expected.json").write_text(json.dumps(expected) + "\n")


if __name__ == "__main__":
    main()
