"""``python -m matchengine.cli`` is the command ``matchengine``."""

import sys

from matchengine.cli.app import main

sys.exit(main())
