#!/usr/bin/env python3
"""Fetches the native runtimes, libtorch and libtensorflow, into backends/runtimes.

The libraries come out of Python wheels that `runtimes.txt` pins by version and hash; pip downloads them. Every
runtime is unpacked under a temporary name and renamed when it is whole, and `runtimes/installed.json` is written
after that, so a run that is killed at any moment is repaired by the next one. When all is there, nothing is
downloaded and nothing is written.
"""

import argparse
import contextlib
import fcntl
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

# Goes up when the layout below changes, so that folders of an older layout are made anew.
LAYOUT = 1

# The wheels are made for one CPython, but only their libraries are used, so any tag serves.
WHEEL_TAGS = [
    "--implementation=cp",
    "--python-version=3.11",
    "--abi=cp311",
    *(f"--platform=manylinux_2_{glibc}_x86_64" for glibc in (28, 27, 25, 17)),
    "--platform=manylinux2014_x86_64",
    "--platform=any",
]

# For each runtime: the wheels it needs and, for each of them, which members go where.
# A pattern that ends in "/" takes the whole folder.
RUNTIMES = {
    "libtorch": {
        "torch": {
            "torch/include/": "include/",
            "torch/lib/libtorch_cpu.so": "lib/",
            "torch/lib/libc10.so": "lib/",
            "torch/lib/libgomp.so.1": "lib/",
        },
        "nvidia-cuda-runtime": {"nvidia/cu13/lib/libcudart.so.13": "lib/"},
        "nvidia-cuda-cupti": {"nvidia/cu13/lib/libcupti.so.13": "lib/"},
    },
    "tensorflow": {
        "tensorflow-cpu": {
            "tensorflow/libtensorflow_cc.so.2": "lib/",
            "tensorflow/libtensorflow_framework.so.2": "lib/",
        },
    },
}
