"""python3 build.py OUT.wasm: builds a component from app.py, its packages and the Python interpreter."""

import subprocess
import sys
from os import environ
from pathlib import Path
from shutil import copy, rmtree


def install(wanted: Path, folder: Path) -> Path:
    """Copies the list last, so an incomplete or outdated installation is repeated."""
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
