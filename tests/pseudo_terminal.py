"""Runs of the program on a pseudo-terminal, shared by the tests."""
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
import unicodedata

import command_line_test

WIDTHS = (40, 80, 200)
ERASE = b'\r\x1b[J'


def display_width(line):
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in 'WF' else 1 for c in line)


class OnTerminal:
    """A run of the program on a pseudo-terminal, but for the streams that are given."""

    def __init__(self, *arguments, columns=80, stdin=subprocess.DEVNULL, stdout=None, stderr=None):
        self.master, slave = pty.openpty()
        self.resize(columns)
        self.start = time.monotonic()
        self.process = subprocess.Popen([command_line_test.PROGRAM, *map(str, arguments)], stdin=stdin, stdout=slave if stdout is None else stdout,
                                        stderr=slave if stderr is None else stderr, start_new_session=True)
        os.close(slave)
        self.written = b''

    def resize(self, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack('HHHH', 24, columns, 0, 0))

    def read(self, seconds, until=None):
        """What comes within the time, at most until a pattern is there or the program ends."""
        end, begin = time.monotonic() + seconds, len(self.written)
        while time.monotonic() < end:
            if until and re.search(until, self.written[begin:]):
                break
            if not select.select([self.master], [], [], 0.05)[0]:
                continue
            try:
                self.written += os.read(self.master, 65536)
            except OSError:  # the program has ended
                break
        return self.written[begin:]

    def end(self):
        self.read(120)
        code = self.process.wait(timeout=60)
        os.close(self.master)
        return code

    def stop(self):
        """Ends what a failed test left running."""
        self.process.kill()
        self.process.wait()
        if self.process.stdin:
            self.process.stdin.close()

    def moving_lines(self):
        """What was drawn over itself, messages left out."""
        drawn = self.written.split(ERASE)[1:-1]
        return [line.decode() for line in drawn if b'\n' not in line]


def on_terminal(width, *arguments):
    """What the program writes as its results to a terminal of so many columns until it ends."""
    run = OnTerminal(*arguments, columns=width, stderr=subprocess.DEVNULL)
    run.end()
    return run.written.decode().replace('\r\n', '\n')
