"""python3 build.py OUT.wasm: builds a component from app.py and the Python interpreter."""

import subprocess
import sys
from os import environ
from pathlib import Path
from shutil import copy, rmtree

out, tools, wanted = Path(sys.argv[1]), Path("build/python"), Path("requirements.txt")

# Copied last, so an incomplete or outdated installation is repeated.
installed = tools / wanted
if not installed.exists() or installed.read_bytes() != wanted.read_bytes():
    rmtree(tools, ignore_errors=True)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--root-user-action=ignore"]
    subprocess.run([*pip, "--target", tools, "--requirement", wanted], check=True)
    copy(wanted, installed)

out.parent.mkdir(parents=True, exist_ok=True)
componentize = [tools / "bin" / "componentize-py", "--quiet", "--wit-path", "wit", "--world", "app", "componentize"]
path = {"PYTHONPATH": str(tools), "PYTHONDONTWRITEBYTECODE": "1"}
sys.exit(subprocess.run([*componentize, "app", "--output", out], env=environ | path).returncode)
