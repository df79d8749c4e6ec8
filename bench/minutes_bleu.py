#!/usr/bin/env python3
"""BLEU on Multi30k of `--preset small --max-minutes M` and nothing else, beside the tuned recipe of examples/multi30k.toml.

    bench/minutes_bleu.py build/qkv DATA [--minutes 3 10 30] [--seeds 1] [--output bench/results/minutes.jsonl]

DATA holds train, val and test_2016_flickr as .en and .de. For each M three trainings: the preset alone; the recipe's options with the
schedule over M minutes (its --max-steps left out); and, once, the recipe as it stands, however long it takes. A JSON line per training. Run
it on an idle machine: what is compared is what the minutes give.
"""
import argparse
import json
import pathlib
import re
import subprocess
import tempfile
import time
import tomllib

ROOT = pathlib.Path(__file__).resolve().parent.parent
TEST = 'test_2016_flickr'


def recipe_options(without=()):
    recipe = tomllib.loads((ROOT / 'examples/multi30k.toml').read_text())
    return [word for name, value in recipe.items() if name not in without for word in (f'--{name}', str(value))]


def measure(program, data, name, options, seed, beams):
    with tempfile.TemporaryDirectory() as folder:
        model = pathlib.Path(folder) / 'model'
        files = [word for option, file in (('source', 'train.en'), ('target', 'train.de'), ('valid-source', 'val.en'),
                                           ('valid-target', 'val.de')) for word in (f'--{option}', str(data / file))]
        start = time.monotonic()
        done = subprocess.run([program, 'train', *files, *options, '--seed', str(seed), '--output', str(model)], check=True,
                              stderr=subprocess.PIPE, text=True)
        seconds = time.monotonic() - start
        scores = {}
        for beam in beams:
            out = subprocess.run([program, 'eval', '--model', str(model), '--source', str(data / f'{TEST}.en'), '--reference',
                                  str(data / f'{TEST}.de'), '--beam-size', str(beam), '--json'], check=True, stdout=subprocess.PIPE,
                                 stderr=subprocess.DEVNULL, text=True).stdout
            scores[f'bleu_beam_{beam}'] = round(json.loads(out)['bleu'], 2)
    planned = re.search(r'the same weights without measuring: (.*)', done.stderr)
    steps = re.search(r'finished at step (\d+)', done.stderr)
    return {'bench': 'minutes', 'training': name, 'seed': seed, 'minutes': round(seconds / 60, 2), 'steps': int(steps[1]) if steps else None,
            'planned': planned[1] if planned else None, **scores}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('program')
    parser.add_argument('data', type=pathlib.Path)
    parser.add_argument('--minutes', nargs='+', default=['3', '10', '30'])
    parser.add_argument('--seeds', nargs='+', type=int, default=[1])
    parser.add_argument('--beams', nargs='+', type=int, default=[1, 5])
    parser.add_argument('--without-recipe', action='store_true', help='the preset alone')
    parser.add_argument('--output', type=pathlib.Path, help='append the lines to this file, too')
    options = parser.parse_args()

    trainings = [(f'small, {minutes} minutes', ['--preset', 'small', '--max-minutes', minutes]) for minutes in options.minutes]
    if not options.without_recipe:
        trainings += [(f'recipe, {minutes} minutes', [*recipe_options(('max-steps', 'validate-every')), '--max-minutes', minutes])
                      for minutes in options.minutes]
        trainings.append(('recipe', recipe_options()))
    for seed in options.seeds:
        for name, arguments in trainings:
            line = json.dumps(measure(options.program, options.data, name, arguments, seed, options.beams))
            print(line, flush=True)
            if options.output:
                with options.output.open('a') as file:
                    file.write(line + '\n')


if __name__ == '__main__':
    main()
