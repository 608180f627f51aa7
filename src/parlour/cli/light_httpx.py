"""Importing this before httpx halves the start of the client commands.

Where click is installed httpx imports its own command line, and with it rich and pygments, which nobody here uses. An
entry of None makes that import fail, which httpx expects. Only commands do this; the library leaves others alone.
"""

import sys
from types import ModuleType
from typing import cast

sys.modules.setdefault("httpx._main", cast(ModuleType, None))  # typeshed knows no None here; the import system does
