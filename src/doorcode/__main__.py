"""Run the command line: ``python -m doorcode``."""

from __future__ import annotations

import sys

from doorcode._cli.entry import main

if __name__ == "__main__":
    sys.exit(main("python -m doorcode"))
