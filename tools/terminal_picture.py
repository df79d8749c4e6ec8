#!/usr/bin/env python3
"""Runs commands and draws what a terminal shows as an SVG picture.

    tools/terminal_picture.py docs/terminal.svg 'COMMAND' 'COMMAND' ...

Each command runs in a pseudo-terminal and is shown after a prompt, then what stays of its output; of a line that overwrites itself the
last state.
"""
import fcntl
import html
import os
import pty
import re
import struct
import subprocess
import sys
import termios

COLUMNS, ROW, ADVANCE, MARGIN = 96, 19, 8.4, 16


def terminal_output(command):
    """What the command writes to a terminal."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack('HHHH', 40, COLUMNS, 0, 0))
    process = subprocess.Popen(['bash', '-c', command], stdin=subprocess.DEVNULL, stdout=its, stderr=its)
    os.close(its)
    written = b''
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # the last writer is gone
            break
        if not part:
            break
        written += part
    if process.wait() != 0:
        sys.exit(f'{command}: exit code {process.returncode}\n{written.decode()}')
    return written.decode().replace('\r\n', '\n')


def lines_of(command):
    for begin in range(0, len(command), COLUMNS - 2):
        yield 'prompt', ('  ' if begin else '$ ') + command[begin:begin + COLUMNS - 2]
    for line in terminal_output(command).rstrip('\n').split('\n'):
        line = re.sub(r'\x1b\[[0-9;?]*[A-Za-z]', '', line.split('\x1b[J')[-1].rsplit('\r', 1)[-1])
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
