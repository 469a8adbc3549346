"""Builds a component: `python -m stockade_sdk.build MODULE:CLASS -o NAME.wasm --wit FOLDER`.

Needs `componentize-py` beside the Python that runs it. The component imports nothing but the
contract: no clock, no files, no network, no randomness but the seed.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

_ENTRY = """\
from stockade_sdk import component
from {module} import {name}

globals().update(component.export({name}))
"""


def build(bot, output, wit, path):
    """Builds the class `bot`, given as `module:Class`, of the folder `path`."""
    module, _, name = bot.partition(":")
    if not module or not name.isidentifier():
        raise SystemExit(f'"{bot}" is no bot: give MODULE:CLASS')
    sdk = Path(__file__).resolve().parent.parent
    output = Path(output).resolve()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "stockade_component.py").write_text(
            _ENTRY.format(module=module, name=name), encoding="utf-8"
        )
        partial = Path(folder, "component.wasm")
        command = [_componentizer(), "-q", "-d", str(Path(wit).resolve()), "-w", "bot"]
        command += ["componentize", "stockade_component", "--stub-wasi", "-o", str(partial)]
        for place in (folder, Path(path).resolve(), sdk):
            command += ["-p", str(place)]
        # The search path of this environment would be part of the component.
        environment = {k: v for k, v in os.environ.items() if k not in ("VIRTUAL_ENV", "PYTHONPATH")}
        environment["PYTHONDONTWRITEBYTECODE"] = "1"
        ended = subprocess.run(command, env=environment, check=False, cwd=folder)
        if ended.returncode != 0:
            raise SystemExit(f"{bot} was not built: componentize-py ended with {ended.returncode}")
        output.parent.mkdir(parents=True, exist_ok=True)
        beside = output.with_name(output.name + ".partial")
        beside.write_bytes(partial.read_bytes())
        beside.replace(output)


def _componentizer():
    folder = Path(sys.executable).parent
    for name in ("componentize-py", "componentize-py.exe"):
        if (folder / name).exists():
            return str(folder / name)
    raise SystemExit(
        f"componentize-py is not in {folder}: install the project's requirements.txt there"
    )


def main():
    parser = argparse.ArgumentParser(prog="stockade_sdk.build", description=__doc__)
    parser.add_argument("bot", help="MODULE:CLASS of the strategy")
    parser.add_argument("-o", "--output", required=True, help="the component's file")
    parser.add_argument("--wit", required=True, help="folder of the contract")
    parser.add_argument("--path", default=".", help="folder of the module")
    given = parser.parse_args()
    build(given.bot, given.output, given.wit, given.path)


if __name__ == "__main__":
    main()
