"""``python -m matchengine`` is the command ``matchengine``."""

import sys

from matchengine.cli import main

sys.exit(main())
