#!/usr/bin/env python3
"""Writes tests/goldens/scores/scores.json: texts with the BLEU, chrF2, chrF2++, TER and 13a tokenization that sacreBLEU gives them.

Needs: pip install sacrebleu
"""
import json
import pathlib
import random

import sacrebleu
from sacrebleu.metrics import BLEU, CHRF, TER
from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a

NASTY = [
    ("", ""),
    ("", "An empty hypothesis."),
    ("An empty reference.", ""),
    ("   ", "\t"),
    ("The cat sat on the mat.", "The cat sat on the mat."),
    ("the the the the the the the", "The cat is on the mat."),
    ("It costs 1,234.56 dollars, or 3.5-4.5 percent.", "It costs 1,234.56 dollars , or 3.5 - 4.5 percent ."),
    ("In 1984,it was 3-fold; A.B.C. and e.g. so on...", "In 1984, it was 3 -fold; A. B. C. and e.g. so on ..."),
    (",,, .. .5 5. ,5 5, 5.5, a.b,c", ", , , . . .5 5 . ,5 5 , 5.5 , a . b , c"),
    ("&quot;Fish &amp; chips&quot; &lt;now&gt; &amp;lt; &apos; &nbsp; &", "\"Fish & chips\" <now> < ' & &amp;amp;"),
    ("a<skipped>b <skipped> c", "ab c"),
    ("don't won\u2019t \u201cquoted\u201d \u00abzitiert\u00bb \u2014 dash \u2013 en\u2026",
     "don't won't \"quoted\" \"zitiert\" - dash - en..."),
    ("Stra\u00dfe, \u00dcbung. \u00e9l\u00e8ve\u2019s na\u00efve fa\u00e7ade.",
     "Strasse, \u00dcbung. \u00e9l\u00e8ve's naive fa\u00e7ade."),
    ("e\u0301le\u0300ve", "\u00e9l\u00e8ve"),
    ("non\u00a0breaking\u2003em\u3000wide\u2028line\u0085next\x1cfile", "non breaking em wide line next file"),
    ("zero\u200bwidth \ufeffbom", "zero width bom"),
    ("\u732b\u304c\u5ea7\u3063\u3066\u3044\u308b\u3002", "\u732b\u304c\u5ea7\u3063\u3066\u3044\u307e\u3057\u305f\u3002"),
    ("\u4eca\u5929\u5929\u6c14\u5f88\u597d\uff0c\u6211\u4eec\u53bb3.5\u516c\u91cc\u3002",
     "\u4eca\u5929\u5929\u6c14\u4e0d\u9519\uff0c\u6211\u4eec\u8d703.5\u516c\u91cc\u3002"),
    ("\u0645\u0631\u062d\u0628\u0627\u060c \u0643\u064a\u0641 \u0627\u0644\u062d\u0627\u0644\u061f \u0661\u066b\u0662",
     "\u0645\u0631\u062d\u0628\u0627 \u060c \u0643\u064a\u0641 \u062d\u0627\u0644\u0643\u061f \u0661.\u0662"),
    ("\U0001f600 smile \U0001f468\u200d\U0001f469\u200d\U0001f467!", "\U0001f600 smile \U0001f468\u200d\U0001f469!"),
    ("~!@#$%^&*()_+`-={}|[]\\:\";'<>?,./", "~ ! @ # $ % ^ & * ( ) _ + ` - = { } | [ ] \\ : \" ; ' < > ? , . /"),
    ("well-known 20-year-old -5 5- -", "well - known 20 - year-old -5 5 - -"),
    ("a line that ends with spaces   \u00a0", "a line that ends with spaces"),
    ("a single newline-\nin\nside", "a single newline inside"),
    ("x", "xyz"),
    ("xyz", "x"),
    ("word " * 300, "word " * 299 + "other"),
]

WORDS = "the a man woman dog in on with and red blue shirt street is are playing two people 3 10,000 2.5 U.S. it's old-time".split()


def corpora():
    rng = random.Random(7)

    def sentence():
        return " ".join(rng.choice(WORDS) for _ in range(rng.randint(1, 25))).capitalize() + rng.choice([".", "!", "?", "", " ."])

    def damage(text):
        words = [w for w in text.split(" ") if rng.random() > 0.1]
        words = [rng.choice(WORDS) if rng.random() < 0.2 else w for w in words]
        if len(words) > 3 and rng.random() < 0.5:
            i = rng.randrange(len(words) - 1)
            words[i], words[i + 1] = words[i + 1], words[i]
        return " ".join(words)

    references = [sentence() for _ in range(200)]
    alphabet = "ab1 2.,-&;'\"<>/~_\u00a0\u2019\u732b\u00e9\U0001f600"

    def noise():
        return "".join(rng.choice(alphabet) for _ in range(rng.randint(0, 40)))

    yield "nasty lines", [h for h, _ in NASTY], [r for _, r in NASTY]
    for i, (h, r) in enumerate(NASTY):
        yield f"nasty line {i}", [h], [r]
    yield "all hypotheses empty", [""] * 3, ["one", "two words", "three words here"]
    yield "everything empty", [""] * 3, [""] * 3
    yield "no fourgrams in common", ["a b c x d e f", "u v w"], ["a b c y d e f", "u v w"]
    yield "short sentences", ["two words", "one"], ["two words", "one"]
    yield "damaged translations", [damage(r) for r in references], references
    yield "much too short", [" ".join(r.split(" ")[:3]) for r in references], references
    yield "much too long", [r + " " + damage(r) for r in references], references
    yield "noise", [noise() for _ in range(150)], [noise() for _ in range(150)]


def main():
    tokenizer = Tokenizer13a()
    cases, tokenized = [], {}
    for name, hypotheses, references in corpora():
        bleu, chrf = BLEU(), CHRF()
        case = dict(name=name, hypotheses=hypotheses, references=references)
        case["bleu"] = bleu.corpus_score(hypotheses, [references]).score
        case["chrf"] = chrf.corpus_score(hypotheses, [references]).score
        case["signature"] = str(bleu.get_signature())
        case["chrf_plus_plus"] = CHRF(word_order=2).corpus_score(hypotheses, [references]).score
        case["ter"] = TER().corpus_score(hypotheses, [references]).score
        cases.append(case)
        if name in ("nasty lines", "noise"):
            tokenized.update({line: tokenizer(line.rstrip()) for line in hypotheses + references})
    folder = pathlib.Path(__file__).resolve().parents[2] / "tests" / "goldens" / "scores"
    folder.mkdir(parents=True, exist_ok=True)
    content = dict(made_with=f"sacrebleu {sacrebleu.__version__}", cases=cases, tokenized=tokenized)
    (folder / "scores.json").write_text(json.dumps(content, indent=0) + "\n")
    print(f"{folder / 'scores.json'}: {len(cases)} cases, {len(tokenized)} tokenized lines, sacrebleu {sacrebleu.__version__}")


if __name__ == "__main__":
    main()
