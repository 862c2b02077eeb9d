"""The process that enqueues, kept open like a page: `producer.py MODULE`, one count per line.

For each line it answers with two times of the monotonic clock: before and after.
"""

import importlib
import sys
import time


def main() -> None:
    """Answer until the input ends."""
    side = importlib.import_module(sys.argv[1])
    if hasattr(side, "open_producer"):  # what enqueues is more than a function there
        side = side.open_producer()
    print("ready", flush=True)
    for line in sys.stdin:
        before = time.monotonic()
        side.enqueue(int(line))
        print(before, time.monotonic(), flush=True)


if __name__ == "__main__":
    main()
