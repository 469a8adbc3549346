"""Builds {{name}}.wasm; installs the pinned tools into .venv where they are not there yet."""

import os
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent


def tools():
    """The Python of the virtual environment with what `requirements.txt` pins."""
    folder = HERE / ".venv"
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    wanted = (HERE / "requirements.txt").read_text()
    stamp = folder / "installed.txt"
    if stamp.exists() and stamp.read_text() == wanted:
        return python
    venv.create(folder, with_pip=True)
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*install, "--require-hashes", "-r", HERE / "requirements.txt"], check=True)
    stamp.write_text(wanted)
    return python


build = [tools(), "-m", "stockade_sdk.build", "{{module}}:{{class}}", "-o", "{{name}}.wasm"]
sys.exit(subprocess.run([*build, "--wit", "wit"], check=False, cwd=HERE).returncode)
