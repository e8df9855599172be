"""`python -m mamex_bench.cli`."""

import sys

from mamex_bench.cli import main

sys.exit(main())
