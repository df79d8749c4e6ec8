#!/usr/bin/env python3
"""Writes further searches with the models of tests/goldens/models/: results of transformers' generate() for unusual combinations of its rules.

tests/goldens/decode/MODEL.json has the form of expected.json there (tools/golden/models.py explains the keys), without targets.
As there, the script fails if the float32 and float64 runs of a search find different ids.
"""

import json
import pathlib
import sys

import torch
import transformers

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import models

OUTPUT = models.ROOT.parent / "decode"


def searches(pad, eos):
    base = dict(num_beams=4, num_return_sequences=4, length_penalty=1.0, early_stopping=False, max_length=16, min_length=0, suppressed=[pad],
                forced_eos_token_id=None)
    return {
        "never": base | dict(early_stopping="never"),
        "never_long": base | dict(early_stopping="never", length_penalty=2.0),
        "never_no_penalty": base | dict(early_stopping="never", length_penalty=0.0),
        "never_negative_penalty": base | dict(early_stopping="never", length_penalty=-0.5),
        "early_stopping_long": base | dict(early_stopping=True, length_penalty=2.0),
        "early_stopping_min_length": base | dict(early_stopping=True, min_length=7),
        "early_stopping_forced_eos": base | dict(early_stopping=True, forced_eos_token_id=eos, max_length=9),
        "beam8_n_best_8": base | dict(num_beams=8, num_return_sequences=8),
        "beam8_n_best_3_early_stopping": base | dict(num_beams=8, num_return_sequences=3, early_stopping=True),
        "beam3_suppressed": base | dict(num_beams=3, num_return_sequences=2, suppressed=[pad, 5, 17, eos]),
        "nothing_suppressed": base | dict(suppressed=[]),
        "three_tokens": base | dict(max_length=4),
        "min_length_is_max_length": base | dict(min_length=8, max_length=8),
        "min_length_is_max_length_forced_eos": base | dict(min_length=8, max_length=8, forced_eos_token_id=eos),
    }


def main():
    print("made with " + ", ".join(f"{name} {version}" for name, version in models.VERSIONS.items()))
    torch.set_num_threads(1)
    OUTPUT.mkdir(parents=True, exist_ok=True)
    for name, kind in (("marian_post_norm", transformers.MarianMTModel), ("pegasus_pre_norm", transformers.PegasusForConditionalGeneration)):
        model = kind.from_pretrained(models.ROOT / name).eval()
        model.generation_config.bad_words_ids = None  # given by each search
        config = model.config
        sources = [ids + [config.eos_token_id] for ids in models.make_ids(config, 8, 12, 23)]
        record = {"versions": models.VERSIONS, "sources": sources, "searches": []}
        for title, options in searches(config.pad_token_id, config.eos_token_id).items():
            results = models.generate(model.double(), sources, options)
            again = models.generate(model.float(), sources, options)
            same = all([h["ids"] for h in a] == [h["ids"] for h in b] for a, b in zip(results, again))
            assert same, f"{name}: {title} differs between float32 and float64; take other sources"
            print(f"  {title}: lengths {[[len(h['ids']) for h in r] for r in results]}")
            for result in results:
                for hypothesis in result:
                    del hypothesis["log_probs"]
            record["searches"].append({"name": title, "options": options, "results": models.rounded(results)})
        lines = json.dumps(record)
        for mark in ('"versions"', '"sources"', '"searches"', '{"name"', '{"ids"'):
            lines = lines.replace(mark, "\n" + mark)
        (OUTPUT / f"{name}.json").write_text(lines + "\n")


if __name__ == "__main__":
    main()
