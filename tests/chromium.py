"""Drives a headless Chromium through its DevTools protocol, over pipes: nothing but Python's library is needed."""
import base64
import json
import os
import pathlib
import select
import shutil
import subprocess
import tempfile
import time


def find_chromium():
    """The path of a Chromium, or None: `scripts/deps --browser` installs one."""
    return next((path for name in ('chromium', 'chromium-browser', 'google-chrome') if (path := shutil.which(name))), None)


class Page:
    """One page. Console errors, uncaught exceptions and requests for anything but `file:` and `data:` are kept in `faults`."""

    def __init__(self, program, width=1440, height=900, dark=False):
        self.profile = tempfile.mkdtemp(prefix='qkv-chromium-')
        to_child, self.write_end = os.pipe()
        self.read_end, from_child = os.pipe()

        def place_pipes():  # the protocol's pipes are 3 and 4
            first, second = os.dup(to_child), os.dup(from_child)
            os.dup2(first, 3)
            os.dup2(second, 4)

        arguments = [program, '--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run',
                     f'--user-data-dir={self.profile}', '--remote-debugging-pipe']
        self.process = subprocess.Popen(arguments, preexec_fn=place_pipes, close_fds=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(to_child)
        os.close(from_child)
        self.buffer, self.next_id, self.session, self.faults, self.events = b'', 0, None, [], []
        target = self.call('Target.createTarget', url='about:blank')['targetId']
        self.session = self.call('Target.attachToTarget', targetId=target, flatten=True)['sessionId']
        for domain in ('Page', 'Runtime', 'Log', 'Network'):
            self.call(f'{domain}.enable')
        self.resize(width, height)
        self.theme(dark)

    def close(self):
        try:
            self.session = None
            self.call('Browser.close', wait=10)
            self.process.wait(10)
        except (RuntimeError, OSError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
        os.close(self.write_end)
        os.close(self.read_end)
        shutil.rmtree(self.profile, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def message(self, deadline):
        while b'\0' not in self.buffer:
            ready, _, _ = select.select([self.read_end], [], [], max(0, deadline - time.monotonic()))
            part = os.read(self.read_end, 1 << 20) if ready else b''
            if not part:
                raise RuntimeError('Chromium does not answer')
            self.buffer += part
        text, self.buffer = self.buffer.split(b'\0', 1)
        return json.loads(text)

    def note(self, event):
        method, params = event.get('method'), event.get('params', {})
        self.events.append(method)
        if method == 'Runtime.exceptionThrown':
            details = params['exceptionDetails']
            self.faults.append(details.get('exception', {}).get('description', details['text']))
        elif method == 'Log.entryAdded' and params['entry']['level'] == 'error':
            self.faults.append(params['entry']['text'])
        elif method == 'Runtime.consoleAPICalled' and params['type'] in ('error', 'warning', 'assert'):
            self.faults.append(str(params['args']))
        elif method == 'Network.requestWillBeSent' and not params['request']['url'].startswith(('file:', 'data:', 'about:')):
            self.faults.append('fetches ' + params['request']['url'])

    def call(self, method, wait=60, **params):
        self.next_id += 1
        request = {'id': self.next_id, 'method': method, 'params': params}
        if self.session:
            request['sessionId'] = self.session
        os.write(self.write_end, json.dumps(request).encode() + b'\0')
        deadline = time.monotonic() + wait
        while True:
            message = self.message(deadline)
            if message.get('id') == self.next_id:
                if 'error' in message:
                    raise RuntimeError(f'{method}: {message["error"]}')
                return message['result']
            self.note(message)

    def open(self, path):
        self.events = []
        path = pathlib.Path(path)
        self.call('Page.navigate', url=path.as_uri() if path.is_absolute() else str(path))
        deadline = time.monotonic() + 60
        while 'Page.loadEventFired' not in self.events:
            self.note(self.message(deadline))

    def run(self, script):
        """The value of an expression; a promise is awaited."""
        answer = self.call('Runtime.evaluate', expression=script, returnByValue=True, awaitPromise=True)
        if 'exceptionDetails' in answer:
            raise RuntimeError(answer['exceptionDetails'].get('exception', {}).get('description', answer['exceptionDetails']['text']))
        return answer['result'].get('value')

    def key(self, key):
        for kind in ('keyDown', 'keyUp'):
            self.call('Input.dispatchKeyEvent', type=kind, key=key, code=key)

    def resize(self, width, height):
        self.call('Emulation.setDeviceMetricsOverride', width=width, height=height, deviceScaleFactor=1, mobile=width < 600)

    def theme(self, dark):
        self.call('Emulation.setEmulatedMedia', features=[{'name': 'prefers-color-scheme', 'value': 'dark' if dark else 'light'}])

    def screenshot(self, path, whole=False):
        clip = {}
        if whole:
            size = self.call('Page.getLayoutMetrics')['cssContentSize']
            clip = {'clip': {'x': 0, 'y': 0, 'width': size['width'], 'height': size['height'], 'scale': 1}, 'captureBeyondViewport': True}
        pathlib.Path(path).write_bytes(base64.b64decode(self.call('Page.captureScreenshot', **clip)['data']))
