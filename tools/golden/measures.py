#!/usr/bin/env python3
"""Writes tests/goldens/scores/measures.json: sacreBLEU's scores with several references and with its options, its paired bootstrap test
with the lines that it drew, token errors and scores of labels, the latter two computed here from their definitions.

Needs: pip install sacrebleu regex
"""
import itertools
import json
import math
import pathlib
import random

import numpy
import sacrebleu
from sacrebleu.metrics import BLEU, CHRF, TER
from sacrebleu.metrics.bleu import _get_tokenizer
from sacrebleu.significance import PairedTest
from sacrebleu.tokenizers.tokenizer_ter import TercomTokenizer

from scores import NASTY, WORDS

MORE_LINES = [
    "The DOG'S tail, isn't it? 'S a (red) \"Street\"... Dogs's",
    "ΟΔΥΣΣΕΥΣ ΣΑΣ Σ ΑΣ. ΑΣΒ Σ\u00adΣ İstanbul ǅ ẞ",
    "「猫」が、座って・いる。３．５ｋｍ（約）！ﾊﾟﾝ｡ ㍿ 豈 ㈱ ⼀ 々〜ー",
    "我们“去”3.5公里——好吗？ ‘是’…￥100，￥2,000.50",
    "1,5-fold -5 a-b 3.-4 €5 $5.00 +1=2 <b>x</b> ¿Qué? ¡No! 50% 5° ½, x² – y",
    "a.b.c 1.2.3 ,, .. ;. 5, 5. .5",
    "-\n-joined\nlines-\n",
    "\u00a0.5 leading \u3000",
]


def damage(rng, text, much=1.0):
    words = [w for w in text.split(" ") if rng.random() > 0.1 * much]
    words = [rng.choice(WORDS) if rng.random() < 0.15 * much else w for w in words]
    if len(words) > 5 and rng.random() < 0.6:
        i, n = rng.randrange(len(words) - 2), rng.randint(1, 3)
        phrase, words = words[i:i + n], words[:i] + words[i + n:]
        j = rng.randrange(len(words) + 1)
        words = words[:j] + phrase + words[j:]
    return " ".join(words)


def sentences(rng, count, longest=25):
    for _ in range(count):
        yield " ".join(rng.choice(WORDS) for _ in range(rng.randint(1, longest))).capitalize() + rng.choice([".", "!", "?", "", " ."])


def all_scores(hypotheses, references, bleu=None, chrf=None, ter=None):
    result = {}
    for key, metric in (("bleu", BLEU(**(bleu or {}))), ("chrf", CHRF(**(chrf or {}))), ("chrf_plus_plus", CHRF(word_order=2, **(chrf or {}))),
                        ("ter", TER(**(ter or {})))):
        result[key] = metric.corpus_score(hypotheses, references).score
        result[key + "_signature"] = str(metric.get_signature())
    return result


def several_references(rng):
    base = list(sentences(rng, 60))
    lists = [base, [damage(rng, s, 2) for s in base], [damage(rng, s) for s in base]]
    hypotheses = [damage(rng, s) for s in base]
    nasty = [h for h, _ in NASTY], [[r for _, r in NASTY], [h.upper() for h, _ in NASTY], [r[::-1] for _, r in NASTY]]
    yield "two references", hypotheses, lists[:2]
    yield "three references", hypotheses, lists
    yield "nasty lines", *nasty
    yield "equal distance in length", ["a b c d"], [["a b c d e"], ["a b c"], ["a b c d e f"]]
    yield "empty references among others", ["a b c d", "", "x y"], [["a b c e", "", ""], ["", "words here", ""]]
    yield "n-grams of different references", ["the cat sat on the big mat today"], [["the cat sat down"], ["on the big mat today the"]]
    longer = [" ".join(rng.choice(WORDS[:8]) for _ in range(120)) for _ in range(4)]
    yield "long lines", [damage(rng, damage(rng, s)) for s in longer], [longer, [s[: len(s) // 4] for s in longer]]
    yield "much longer reference", ["a b", "the man"], [[" ".join(rng.choice(WORDS) for _ in range(200)) for _ in range(2)]]
    yield "much longer hypothesis", [" ".join(rng.choice(WORDS) for _ in range(200)) for _ in range(2)], [["a b", "the man"]]


def option_corpora():
    hypotheses = MORE_LINES + [h for h, _ in NASTY]
    references = [[l[1:].swapcase() for l in MORE_LINES] + [r.swapcase() for _, r in NASTY]]
    return {"many": (hypotheses, references), "sparse": (["a b c x d e f", "u v w"], [["a b c y d e f", "u v w"]])}


def with_options():
    corpora = option_corpora()
    cases = [dict(bleu=dict(lowercase=True), chrf=dict(lowercase=True), ours=dict(lowercase="true"))]
    for name in ("13a", "intl", "zh", "char", "none"):
        cases.append(dict(bleu=dict(tokenize=name), ours=dict(tokenize=name)))
    for method, value in (("exp", None), ("floor", None), ("floor", 0.25), ("add-k", None), ("add-k", 0.5), ("none", None)):
        ours = {"smooth-method": method}
        if value is not None:
            ours["smooth-value"] = str(value)
        cases.append(dict(bleu=dict(smooth_method=method, smooth_value=value), ours=ours, corpus="sparse"))
    for flags in itertools.product((False, True), repeat=4):
        options = dict(zip(("case_sensitive", "normalized", "no_punct", "asian_support"), flags))
        if options["asian_support"] and not (options["normalized"] or options["no_punct"]):
            continue
        cases.append(dict(ter=options, ours={"ter-" + k.replace("_", "-"): "true" for k, v in options.items() if v}))
    for case in cases:
        corpus = case.get("corpus", "many")
        lines, lists = corpora[corpus]
        yield dict(options=case["ours"], corpus=corpus,
                   scores=all_scores(lines, lists, case.get("bleu"), case.get("chrf"), case.get("ter")))


def tokenized():
    lines = MORE_LINES + [l for pair in NASTY for l in pair if len(l) < 500]
    result = []
    for name in ("13a", "intl", "zh", "char", "none"):
        tokenizer = _get_tokenizer(name)()
        result += [dict(tokenize=name, line=line, tokens=tokenizer(line.rstrip()).split()) for line in lines]
    for flags in itertools.product((False, True), repeat=4):
        options = dict(zip(("case_sensitive", "normalized", "no_punct", "asian_support"), flags))
        tokenizer = TercomTokenizer(**options)
        for line in MORE_LINES:
            result.append(dict(ter=[k for k, v in options.items() if v], line=line, tokens=tokenizer(line.rstrip()).split()))
    return result


def bootstrap(rng, lines, samples, with_draws):
    base = list(sentences(rng, lines, 12))
    references = [base, [damage(rng, s, 0.5) for s in base]]
    systems = [[damage(rng, s, much) for s in base] for much in (1.0, 0.7, 1.0)]
    metrics = {"BLEU": BLEU(), "chrF2": CHRF(), "chrF2++": CHRF(word_order=2), "TER": TER()}
    named = [(f"system {i}", system) for i, system in enumerate(systems)]
    signatures, results = PairedTest(named, metrics, references, test_type="bs", n_samples=samples)()
    result = dict(systems=systems, references=references, samples=samples, measures={})
    for name in metrics:
        result["measures"][name] = dict(signature=str(signatures[name]), systems=[
            dict(score=float(r.score), mean=float(r.mean), interval=float(r.ci), p_value=r.p_value) for r in results[name]])
    if with_draws:
        draws = numpy.random.default_rng(12345).choice(lines, size=(samples, lines), replace=True)
        result["draws"] = draws.tolist()
    return result


def alignment(hypothesis, reference):
    """(errors, substitutions, insertions, deletions) of the alignment with the fewest errors, then substitutions."""
    rows = [[(j, 0, 0, j) for j in range(len(reference) + 1)]]
    for i, word in enumerate(hypothesis, 1):
        row = [(i, 0, i, 0)]
        for j, right in enumerate(reference, 1):
            wrong = int(word != right)
            e, s, n, d = rows[-1][j - 1]
            choices = [(e + wrong, s + wrong, n, d)]
            e, s, n, d = rows[-1][j]
            choices.append((e + 1, s, n + 1, d))
            e, s, n, d = row[-1]
            choices.append((e + 1, s, n, d + 1))
            row.append(min(choices))
        rows.append(row)
    return rows[-1][-1]


def token_errors(rng):
    letters = "AA B CH D EH F".split()
    lines = [("", ""), ("", "a b"), ("a b", ""), ("a b c", "a b c"), ("a b c", "b c d"), ("a  b\tc ", "a b c"), ("x y", "a b c d")]
    for _ in range(60):
        lines.append(tuple(" ".join(rng.choice(letters) for _ in range(rng.randint(0, 12))) for _ in range(2)))
    for hypothesis, reference in lines:
        _, s, n, d = alignment(hypothesis.split(), reference.split())
        yield dict(hypothesis=hypothesis, reference=reference, substitutions=s, insertions=n, deletions=d, tokens=len(reference.split()))


def label_scores(name, right, predicted, labels):
    confusion = [[sum(r == a and p == b for r, p in zip(right, predicted)) for b in labels] for a in labels]
    f1, each = [], []
    for label in labels:
        true = sum(r == p == label for r, p in zip(right, predicted))
        given, there = predicted.count(label), right.count(label)
        precision, recall = (true / given if given else 0.0), (true / there if there else 0.0)
        score = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
        each.append(dict(name=label, precision=precision, recall=recall, f1=score))
        if given or there:
            f1.append(score)
    # Matthews' coefficient as the correlation of the indicator matrices (Gorodkin 2004, equation 8).
    def covariance(a, b):
        total = 0.0
        for label in labels:
            x, y = [float(v == label) for v in a], [float(v == label) for v in b]
            mx, my = sum(x) / len(x), sum(y) / len(y)
            total += sum((u - mx) * (v - my) for u, v in zip(x, y))
        return total
    spread = covariance(right, right) * covariance(predicted, predicted)
    return dict(name=name, right=right, predicted=predicted, labels=labels, confusion=confusion, each=each,
                macro_f1=sum(f1) / len(f1), micro_f1=sum(r == p for r, p in zip(right, predicted)) / len(right),
                matthews=covariance(right, predicted) / math.sqrt(spread) if spread > 1e-12 else 0.0)


def labels(rng):
    yield label_scores("all right", list("abcabc"), list("abcabc"), list("abc"))
    yield label_scores("two labels", list("aabbbbaab"), list("abbbabaaa"), list("ab"))
    yield label_scores("always the same", list("aab"), list("aaa"), list("ab"))
    yield label_scores("never right", list("aabb"), list("bbaa"), list("ab"))
    yield label_scores("a label that does not occur", list("aabbab"), list("abbbaa"), list("abz"))
    yield label_scores("a label that no text is given", list("aabbcc"), list("aabbab"), list("abc"))
    right = [rng.choice("abcde") for _ in range(300)]
    yield label_scores("five labels", right, [r if rng.random() < 0.6 else rng.choice("abcde") for r in right], list("abcde"))


def main():
    rng = random.Random(18)
    content = dict(made_with=f"sacrebleu {sacrebleu.__version__}")
    content["several_references"] = [dict(name=n, hypotheses=h, references=r, scores=all_scores(h, r)) for n, h, r in several_references(rng)]
    content["option_corpora"] = {n: dict(hypotheses=h, references=r) for n, (h, r) in option_corpora().items()}
    content["options"] = list(with_options())
    content["tokenized"] = tokenized()
    content["lower_case"] = [dict(line=line, lower=line.lower()) for line in MORE_LINES]
    content["bootstrap"] = bootstrap(rng, 30, 200, True)
    content["long_bootstrap"] = bootstrap(rng, 60, 1000, False)
    content["token_errors"] = list(token_errors(rng))
    content["labels"] = list(labels(rng))
    path = pathlib.Path(__file__).resolve().parents[2] / "tests" / "goldens" / "scores" / "measures.json"
    path.write_text(json.dumps(content, indent=None, separators=(",", ":")).replace("},{", "},\n{") + "\n")
    print(f"{path}: {len(content['several_references'])} corpora, {len(content['tokenized'])} tokenized lines")


main()
