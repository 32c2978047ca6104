"""python3 build.py OUT.wasm: puts app.py, the packages that it needs and their interpreter into one component."""

import subprocess
import sys
from os import environ
from pathlib import Path
from shutil import copy, rmtree


def install(wanted: Path, folder: Path) -> Path:
    """The list is copied last, so a half-finished or outdated install is done again."""
    installed = folder / wanted.name
    if not installed.exists() or installed.read_bytes() != wanted.read_bytes():
        rmtree(folder, ignore_errors=True)
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--root-user-action=ignore"]
        subprocess.run([*pip, "--target", folder, "--requirement", wanted], check=True)
        copy(wanted, installed)
    return folder


out = Path(sys.argv[1])
tools = install(Path("build-requirements.txt"), Path("build/python"))
packages = install(Path("requirements.txt"), Path("build/packages"))
componentize = [tools / "bin" / "componentize-py", "--quiet", "--wit-path", "wit", "--world", "app", "componentize"]
path = {"PYTHONPATH": str(tools), "PYTHONDONTWRITEBYTECODE": "1"}
arguments = ["--python-path", ".", "--python-path", packages, "app", "--output", out]
sys.exit(subprocess.run([*componentize, *arguments], env=environ | path).returncode)
