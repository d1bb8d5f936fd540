# SPDX-License-Identifier: MIT
"""python3 -m locust"""

from .main import main

main()
