#!/usr/bin/env python3
"""Phoneme error rate of a network that spells out how words are pronounced, after minutes of `--preset tiny` and nothing else.

    bench/phonemes.py build/qkv [--minutes 10] [--seeds 1 2 3] [--test-words 2000] [--valid-words 500] [--output FILE]

The words are those of Debian's festlex-cmu (CMUdict 0.4 in Festival's form), letters and sounds as tokens, without stress. Words are split,
so that all pronunciations of a word are on one side. A JSON line per seed: the error rate where each pronunciation of a test word is a line of
its own, and where the nearest pronunciation of its word counts, which is how papers on pronunciation count. Run it on an idle machine.
"""
import argparse
import json
import pathlib
import random
import re
import subprocess
import sys
import tempfile

DICTIONARY = pathlib.Path('/usr/share/festival/dicts/cmu/cmudict-0.4.out')


def pronunciations(path):
    """{word: [sounds, ...]}, as text with a space between tokens; words of letters and apostrophes alone."""
    words = {}
    for line in path.read_text(encoding='latin-1').splitlines():
        entry = re.fullmatch(r'\("([a-z\']+)" \S+ (\(.*\))\)', line)
        if not entry:
            continue
        sounds = ' '.join(re.findall(r'[a-z]+', entry[2]))
        variants = words.setdefault(' '.join(entry[1]), [])
        if sounds and sounds not in variants:
            variants.append(sounds)
    return {word: variants for word, variants in words.items() if variants}


def write(folder, name, words, dictionary):
    pairs = [(word, sounds) for word in words for sounds in dictionary[word]]
    for side, column in (('letters', 0), ('sounds', 1)):
        (folder / f'{name}.{side}').write_text(''.join(f'{pair[column]}\n' for pair in pairs))


def error_rate(program, folder, hypotheses, references):
    out = subprocess.run([program, 'eval', '--hypothesis', str(hypotheses), *[word for file in references for word in ('--reference', str(file))],
                          '--token-error-rate', '--json'], check=True, stdout=subprocess.PIPE, text=True).stdout
    return json.loads(out)['token_error_rate']


def measure(options, folder, dictionary, seed):
    model = folder / f'model{seed}'
    files = [word for option, file in (('source', 'train.letters'), ('target', 'train.sounds'), ('valid-source', 'valid.letters'),
                                       ('valid-target', 'valid.sounds')) for word in (f'--{option}', str(folder / file))]
    done = subprocess.run([options.program, 'train', *files, '--preset', options.preset, '--max-minutes', options.minutes, '--seed', str(seed),
                           '--output', str(model)], check=True, stderr=subprocess.PIPE, text=True)
    planned = re.search(r'the same weights without measuring: (.*)', done.stderr)
    words = list(dict.fromkeys((folder / 'test.letters').read_text().splitlines()))
    found = subprocess.run([options.program, 'translate', '--model', str(model)], input=''.join(f'{word}\n' for word in words), check=True,
                           stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout.splitlines()
    answers = dict(zip(words, found, strict=True))
    (folder / 'each').write_text(''.join(f'{answers[word]}\n' for word in (folder / 'test.letters').read_text().splitlines()))
    (folder / 'once').write_text(''.join(f'{answer}\n' for answer in found))
    most = max(len(dictionary[word]) for word in words)
    for number in range(most):
        (folder / f'variant{number}').write_text(
            ''.join(f'{dictionary[word][min(number, len(dictionary[word]) - 1)]}\n' for word in words))
    return {'bench': 'phonemes', 'preset': options.preset, 'minutes': options.minutes, 'seed': seed, 'planned': planned[1] if planned else None,
            'each_pronunciation': error_rate(options.program, folder, folder / 'each', [folder / 'test.sounds']),
            'nearest_pronunciation': error_rate(options.program, folder, folder / 'once', [folder / f'variant{n}' for n in range(most)])}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('program')
    parser.add_argument('--minutes', default='10')
    parser.add_argument('--preset', default='tiny')
    parser.add_argument('--seeds', nargs='+', type=int, default=[1, 2, 3])
    parser.add_argument('--test-words', type=int, default=2000)
    parser.add_argument('--valid-words', type=int, default=500)
    parser.add_argument('--output', type=pathlib.Path, help='append the lines to this file, too')
    options = parser.parse_args()
    if not DICTIONARY.exists():
        sys.exit(f'{DICTIONARY} is not there; it is in Debian\'s package festlex-cmu')
    dictionary = pronunciations(DICTIONARY)
    words = sorted(dictionary)
    random.Random(1).shuffle(words)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        test, valid = options.test_words, options.test_words + options.valid_words
        for part, chosen in (('test', words[:test]), ('valid', words[test:valid]), ('train', words[valid:])):
            write(folder, part, chosen, dictionary)
        for seed in options.seeds:
            line = json.dumps(measure(options, folder, dictionary, seed))
            print(line, flush=True)
            if options.output:
                with options.output.open('a') as file:
                    file.write(line + '\n')


if __name__ == '__main__':
    main()
