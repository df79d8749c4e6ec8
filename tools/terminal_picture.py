#!/usr/bin/env python3
"""Runs commands and draws what a terminal shows as an SVG picture.

    tools/terminal_picture.py docs/terminal.svg 'COMMAND' 'COMMAND' ...

Each command is shown after a prompt, then its output (stdout and stderr as they come; of a line that overwrites itself the last state).
"""
import html
import re
import subprocess
import sys

COLUMNS, ROW, ADVANCE, MARGIN = 96, 19, 8.4, 16


def lines_of(command):
    yield 'prompt', f'$ {command}'
    done = subprocess.run(['bash', '-c', command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True)
    for line in done.stdout.splitlines():
        line = re.sub(r'\x1b\[[0-9;?]*[A-Za-z]', '', line.rsplit('\r', 1)[-1])
        for begin in range(0, max(len(line), 1), COLUMNS):
            yield 'output', line[begin:begin + COLUMNS]


def picture(commands):
    rows = [row for number, command in enumerate(commands) for row in ([('output', '')] if number else []) + list(lines_of(command))]
    width, height = int(COLUMNS * ADVANCE) + 2 * MARGIN, len(rows) * ROW + 2 * MARGIN
    yield (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" '
           'font-family="ui-monospace, Menlo, Consolas, monospace" font-size="14">')
    yield '<title>' + html.escape('; '.join(commands)) + '</title>'
    yield f'<rect width="{width}" height="{height}" rx="8" fill="#16181d"/>'
    for number, (kind, text) in enumerate(rows):
        color = '#8fd18f' if kind == 'prompt' else '#e4e4e4'
        yield f'<text x="{MARGIN}" y="{MARGIN + number * ROW + 14}" fill="{color}" xml:space="preserve">{html.escape(text)}</text>'
    yield '</svg>'


if __name__ == '__main__':
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    with open(sys.argv[1], 'w', encoding='utf-8') as file:
        file.write('\n'.join(picture(sys.argv[2:])) + '\n')
