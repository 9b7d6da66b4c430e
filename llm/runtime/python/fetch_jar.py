"""Downloads one Maven artifact: one line of JSON on stdin (artifact, dir), progress and the path on stdout."""

import contextlib
import json
import sys
from pathlib import Path

from jgo.maven import MavenContext, PythonResolver


@contextlib.contextmanager
def progress(name, size):
    done = 0

    def update(count):
        nonlocal done
        before, done = done, done + count
        if done >> 20 != before >> 20 or done == size:
            print(f"Progress {done} of {size}", flush=True)

    yield update


def main():
    settings = json.loads(sys.stdin.readline())
    group, name, version = settings["artifact"].split(":")
    resolver = PythonResolver(progress_callback=progress)
    maven = MavenContext(repo_cache=Path(settings["dir"]), resolver=resolver, timeout=30)
    path = maven.project(group, name).at_version(version).artifact().resolve()
    print(f"Path {path}", flush=True)


main()
