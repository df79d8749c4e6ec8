#!/usr/bin/env python3
"""Writes the matches of regular expressions in the `tokenizers` library, which uses Oniguruma.

tests/goldens/tokenizer/regex.json
    texts, replaced     [[pattern, [index of a text, result]…]]: normalizers.Replace(Regex(pattern), "-") on the text
    refused             [pattern]: patterns that it does not compile
    sequences           [[name, text, [begin, end, …]]]: several patterns applied in order, with the names of GGUF files
    split               [[pattern, behavior, invert, text, [begin, end, …]]]: pre_tokenizers.Split, in bytes
Texts contain nothing newer than Unicode 14, the version that Debian's Oniguruma 6.9.8 knows.
"""

import json
import pathlib
import platform

import tokenizers
from tokenizers import Regex, normalizers, pre_tokenizers

SOURCE = pathlib.Path(__file__).resolve().parents[2]
PATH = SOURCE / "tests" / "goldens" / "tokenizer" / "regex.json"

# Characters that implementations classify differently: spaces, joiners, marks, digits of other scripts, Han and similar characters, cases.
MIXED = (
    "a B_9 \t\r\n\v\f\x1c\x85\xa0\u1680\u180e\u2003\u2028\u2029\u200b\u200d\u3000\ufeff|é e\u0301 ß ẞ ſ K İ ı ŉ ﬁ ﬆ ǆ Ǆ ǅ Σσς"
    "|漢々〇㊮ー ひヒｶ 한 ก็ नमस्ते मु 12३٣²½Ⅷ①𝟗 ABCabc [x-y]^$.,;:!?'\"«»—_‿ +<=>~`€ ©®™ 🙂👨\u200d👩\u200d👧🇩🇪 \U000e0041 x\r\ny"
)

PATTERNS = [
    # scripts, blocks and categories by name
    r"\p{Han}", r"\p{Hiragana}", r"\p{Katakana}", r"\p{Hangul}", r"\p{Devanagari}+", r"\p{Thai}+", r"\p{Latin}+", r"\p{Greek}", r"\p{Common}",
    r"\p{Inherited}", r"\p{Letter}", r"\p{Lu}", r"\p{Ll}", r"\p{Lt}", r"\p{Lm}", r"\p{Lo}", r"\p{M}", r"\p{Mn}", r"\p{N}", r"\p{Nd}", r"\p{Nl}",
    r"\p{No}", r"\p{P}", r"\p{Pc}", r"\p{Pd}", r"\p{Ps}", r"\p{S}", r"\p{Sc}", r"\p{Sm}", r"\p{Z}", r"\p{Zs}", r"\p{Zl}", r"\p{C}", r"\p{Cc}",
    r"\p{Cf}", r"\p{Cn}", r"\P{L}", r"\p{^L}", r"\p{Any}", r"\p{ASCII}", r"\p{Assigned}", r"\p{Alphabetic}", r"\p{Uppercase}", r"\p{Lowercase}",
    r"\p{White_Space}", r"\p{Emoji}", r"\p{In_Basic_Latin}", r"\p{InHiragana}", r"\p{alnum}", r"\p{Word}", r"\p{XPosixPunct}", r"\p{Punct}",
    r"\p{Ideographic}", r"\p{ID_Start}", r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+", r"[\p{Han}]+",
    # shorthands, inside and outside of brackets
    r"\w", r"\W", r"\s", r"\S", r"\d", r"\D", r"\h", r"\H", r"\R", r"\X", r"\O", r"\N", r"\w+", r"\s+", r"[\w]", r"[\W]", r"[^\W]", r"[^\w]", r"[\s]",
    r"[\S]", r"[^\S]", r"[^\s]", r"[^\S\r\n]+", r"[\d]", r"[^\D]", r"[\h]", r"[\H]", r"[^\h]", r"[\w&&[^\d]]+", r"[\s\S]",
    # POSIX classes
    r"[[:alpha:]]", r"[[:digit:]]", r"[[:alnum:]]", r"[[:upper:]]", r"[[:lower:]]", r"[[:space:]]", r"[[:blank:]]", r"[[:cntrl:]]", r"[[:graph:]]",
    r"[[:print:]]", r"[[:punct:]]", r"[[:xdigit:]]", r"[[:word:]]", r"[[:ascii:]]", r"[[:^alpha:]]", r"[[:^punct:]]", r"[[:digit:]\s]+",
    r"[[:upper:][:lower:]]+", r"[^[:alpha:]]+",
    # nested sets
    r"[a-z&&[^aeiou]]", r"[a-c[x-z]]", r"[^a[bc]]", r"[[a-c]&&[b-d]]", r"[a&&b]", r"[]a]", r"[^]a]", r"[a\]]", r"[-a]", r"[a-]", r"[\-x]", r"[x\-y]",
    r"[\[\]]", r"[^(\s|[.,!?…。，、।۔،])]+", r" ?[^(\s|[.,!?…。，、।۔،])]+",
    # escapes
    r"\x41", r"\x{3042}", r"\u3042", r"\u0041", r"[\u3040-\u309f]", r"\101", r"\t", r"\n", r"\r", r"\v", r"\f", r"\a", r"\e", r"\cA", r"\C-a", r"\Q",
    r"\.", r"\-", r"\ ", r"\!", r"\_",
    # anchors and borders
    r"^", r"$", r"^\s", r"\s$", r"^.", r".$", r"\A.", r".\z", r".\Z", r"\n\Z", r"\b", r"\B", r"\b\w", r"\w\b", r"\bn", r"\G.", r"\y", r"\Y", r"\K", r"a\K.",
    # repeats
    r"a*", r"a+?", r"a{2}", r"a{1,2}", r"a{,2}", r"a{1,}", r"a{,}", r"a{}", r"a{x", r"\p{N}{1,3}", r"\p{N}{1,3}+", r"\p{L}++", r"\p{L}*+b", r"a?+", r"a{1,3}?",
    r"(?:ab){2}", r"(a|b)*+", r"x{0}", r"a**", r"a+*", r"(?:a?)*?b", r"\d{3}+", r"[0-9]{2,}+",
    # groups and options
    r"(?i)ss", r"(?i)ß", r"(?i)fi", r"(?i)ﬁ", r"(?i)st", r"(?i)k", r"(?i)s", r"(?i)ŉ", r"(?i)i", r"(?i)İ", r"(?i)σ", r"(?i)ǆ", r"(?i)[ß]", r"(?i)[a-c]+",
    r"(?i:A)b", r"(?i:'s|'t|'re|'ve|'m|'ll|'d)", r"(?-i)a", r"(?m)b.c", r"(?m:b.c)", r"(?s)b.c", r"(?x) a b # c", r"(?x: a )", r"(?im)B.", r"(?W)\w", r"(?D)\d",
    r"(?S)\s", r"(?P)[[:alpha:]]", r"(?:a|ab)c?", r"(?>a|ab)c", r"(?=a)", r"(?!a).", r"(?<=a).", r"(?<!a)b", r"(?<=ab|c)d", r"(?<n>a)\k<n>", r"(a)\1", r"(?<p>a|b\g<p>c)",
    r"(?#note)a", r"(?~ab)", r"(?|a|b)", r"(?(1)a|b)", r"(?:(a)|b)(?(1)c|d)", r"(a)|b\g<1>", r"()", r"(|a)", r"a|", r"|a", r"(?i)(?<=S)a",
    # patterns of tokenizers
    r" {2,}", r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", r"\s+(?!\S)", r"(?=(\d{3})+(?!\d))", r"\d{1,3}(?=(?:\d{3})*\b)", r"'(?i:[sdmt]|ll|ve|re)", r"\s++$", r"\s++\z",
    r"[^\r\n\p{L}\p{N}]?+\p{L}+", r"[一-龥぀-ゟ゠-ヿ]+", r"\p{N}", r"(?<![A-Za-z])\d+", r"(\p{L})(\p{M})*", r".+?(?=\s|$)", r"[^\s]+|\s+", r"<\|[a-z]+\|>",
]
TEXTS = [
    MIXED, "", "\n\n", "a1 2b\nab\ncd\n", "1234567", "Straße ss SS ẞ fi ﬁ st ﬆ ſt kK K iİı sS", "abaac aab abcabc aabb b.c b\nc a{2} a{ a{} a{x", "ひー漢ー々", "x\u180ey \u0301z",
    "don't I'LL we'Re 12345 a\r\n  b   <|end|>", "a\f",
]
# Neither Oniguruma nor qkv compiles these.
REFUSED = [
    r"(", r"a)", r"[a", r"[]", r"a{100001}", r"\p{Foo}", r"[[:foo:]]", r"\p{Script=Han}", r"\p{L", r"(?<n>a)\k<m>", r"(?<=a*)b|(?<=a+)c\p{", r"[z-a]", r"(?z)a", r"*a{", r"\g<9>",
    r"(?<=\p{Foo})", r"(?P<n>a)", r"+a", r"(?", r"\k<n", r"(?<1>a)", r"[[:alpha:]-z&&\p{",
]
# Pre-tokenizers of GGUF files (tokenizer.ggml.pre): patterns applied in order.
SEQUENCES = {
    "deepseek-coder": [r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", "[一-龥ࠀ-一가-\ud7ff]+", r"\p{N}"],
    "deepseek-v3": [r"\p{N}{1,3}", "[一-龥\u3040-ゟ゠-ヿ]+",
                    "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+"],
    "superbpe": [r"\p{N}+", r"(?=(\d{3})+(?!\d))"],
    "viking": [r" ?[^(\s|.,!?…。，、।۔،)]+", r"\p{N}"],
    "jais-2": [r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s{512}(?!\S)|\s{256}(?!\S)|\s{128}(?!\S)|\s{64}(?!\S)|\s{32}(?!\S)|\s{16}(?!\S)|\s{8}(?!\S)|\s{4}(?!\S)|\s{1,2}(?!\S)|\s{1}"],
}
SPLITS = [(r"x*", "axbcxxd"), ("", "aé b"), (r"(?=(\d{3})+(?!\d))", "a1234567 12"), (r"\p{Han}+", "ab漢字 々c"), (r"^", "a\nb\n"), (r" ?[^(\s|[.,!?…。，、।۔،])]+", "Hi, you!  So… a|b (c)"), (r"\s+", " a  b ")]


def bytes_of(text: str, begin: int, end: int) -> list[int]:
    return [len(text[:begin].encode()), len(text[:end].encode())]


def main() -> None:
    replaced, refused, split = [], [], []
    for pattern in PATTERNS:
        try:
            replace = normalizers.Replace(Regex(pattern), "-")
        except Exception:
            refused.append(pattern)
            continue
        results = [[i, replace.normalize_str(text)] for i, text in enumerate(TEXTS)]
        replaced.append([pattern] + [[i, result] for i, result in results if i == 0 or result != TEXTS[i]])
    for pattern in REFUSED:
        try:
            Regex(pattern)
            print("compiles:", pattern)
        except Exception:
            refused.append(pattern)
    for pattern, text in SPLITS:
        for behavior in ("removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous"):
            for invert in (False, True):
                pieces = pre_tokenizers.Split(Regex(pattern), behavior, invert).pre_tokenize_str(text)
                name = "".join(word.capitalize() for word in behavior.split("_"))
                split.append([pattern, name, invert, text, sum((bytes_of(text, *offsets) for _, offsets in pieces), [])])
    sequences = []
    for name, patterns in SEQUENCES.items():
        cut = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), "isolated") for pattern in patterns])
        for text in (MIXED, "a1234567 b\r\n\n  don't — 漢字かな한글 £5.00!", "x" + " " * 29 + "y"):
            sequences.append([name, text, sum((bytes_of(text, *offsets) for _, offsets in cut.pre_tokenize_str(text)), [])])
    value = {
        "versions": {"python": platform.python_version(), "tokenizers": tokenizers.__version__},
        "texts": TEXTS, "replaced": replaced, "refused": refused, "split": split, "sequences": sequences,
    }
    PATH.write_text(json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")
    print(f"{PATH.relative_to(SOURCE)}: {PATH.stat().st_size:,} bytes, {len(replaced)} replaced, {len(refused)} refused, {len(split)} split")
    print("refused of PATTERNS:", [p for p in refused if p not in REFUSED])


if __name__ == "__main__":
    main()
