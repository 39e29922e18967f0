"""foregated for tests: the real daemon on free ports, and the real command line against it."""

import json
import os
import subprocess
import tempfile
import time

DEADLINE_S = 60


def wait_until(condition, what):
    end = time.monotonic() + DEADLINE_S
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("not within %d s: %s" % (DEADLINE_S, what))


class DaemonProcess:
    """Ready inside its context. Leaving the context kills it, whatever happened."""

    def __init__(self, binary, cli, model, *flags):
        self.program = cli
        self.folder = tempfile.TemporaryDirectory()
        self.ready_file = os.path.join(self.folder.name, "ready.json")
        self.log = open(os.path.join(self.folder.name, "log"), "w+b")
        self.process = subprocess.Popen(
            [binary, "--model", model, "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0",
             "--metrics-listen", "127.0.0.1:0", "--lifecycle.ready_file", self.ready_file, *flags],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)

    def __enter__(self):
        try:
            wait_until(lambda: self.process.poll() is not None or self.addresses() is not None, "listeners open")
            if self.process.poll() is not None:
                raise AssertionError("foregated ended with %s:\n%s" % (self.process.returncode, self.output()))
            self.data, self.admin = self.addresses()["data"], self.addresses()["admin"]
            status = self.cli("status", "--wait", "--timeout", str(DEADLINE_S))
            if status.returncode != 0:
                raise AssertionError("never ready: %s\n%s" % (status.stderr, self.output()))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.log.close()
        self.folder.cleanup()

    def addresses(self):
        try:
            with open(self.ready_file, encoding="utf-8") as file:
                return json.load(file)
        except (OSError, ValueError):
            return None

    def output(self):
        self.log.flush()
        self.log.seek(0)
        return self.log.read().decode(errors="replace")

    def command(self, *args):
        return [self.program, "--address", self.data, "--admin-address", self.admin, *args]

    def cli(self, *args, stdin=""):
        return subprocess.run(self.command(*args), input=stdin, capture_output=True, text=True, timeout=2 * DEADLINE_S)

    def start(self, *args):
        return subprocess.Popen(self.command(*args), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True)
