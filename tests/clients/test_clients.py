"""Clients that generators make of the API's document compile, and take a clip from a local stack."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from contract.run import DOCUMENT
from demo.demo import DURATION_MS, START, demo_recording
from e2e.stack import ROOT, Stack, started

HERE = Path(__file__).parent
CALLERS = HERE / "callers"
PROGRAMS = ROOT / ".venv-clients" / "bin"
NODE_MODULES = HERE / "node_modules"
# Checks of the TypeScript compiler, as strict as it knows; `--skipLibCheck` leaves out what comes with packages.
TSC = [
    str(NODE_MODULES / ".bin" / "tsc"), "--strict", "--skipLibCheck", "--esModuleInterop", "--target", "es2022",
    "--module", "node16", "--moduleResolution", "node16", "--lib", "es2022,dom",
]  # fmt: skip


def run(*command: str | Path, folder: Path, **environment: str) -> str:
    """What a program prints; a test fails with all that it said."""
    env = {**os.environ, **environment}
    ran = subprocess.run([*map(str, command)], cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, f"{command[0]}: {ran.stdout}{ran.stderr}"
    return ran.stdout


def generate(folder: Path, generator: str, *options: str) -> None:
    program = PROGRAMS / "openapi-generator-cli"
    run(program, "generate", "-i", DOCUMENT, "-g", generator, "-o", folder, *options, folder=folder.parent)


@pytest.fixture(scope="session")
def asked() -> Iterator[tuple[str, dict]]:
    """The URL of a stack with a recording, and the body of a request for a clip of it."""
    with started(f"clients-{os.getpid()}") as path:
        stack = Stack(path)
        recording = stack.upload(demo_recording())
        yield stack.env["API_URL"], stack.request(recording, START, DURATION_MS, "client")


@pytest.fixture
def arguments(asked, request) -> list[str]:
    """What every caller is started with; each asks for a clip of its own."""
    url, body = asked
    return [url, json.dumps({**body, "FileName": request.node.name})]


def took_a_clip(printed: str) -> bool:
    reply = json.loads(printed.splitlines()[-1])
    return (reply["ErrorCode"], reply["LackLength"]) == (5, 0) and reply["VideoPath"].endswith(".ts")


def test_openapi_python_client_takes_a_clip(tmp_path, arguments):
    generator = PROGRAMS / "openapi-python-client"
    run(generator, "generate", "--path", DOCUMENT, "--output-path", tmp_path / "media_export", "--meta", "none",
        "--config", HERE / "openapi_python_client.yaml", "--fail-on-warning", folder=tmp_path, PATH=f"{PROGRAMS}:{os.environ['PATH']}")  # fmt: skip
    caller = CALLERS / "openapi_python_client.py"
    assert took_a_clip(run(PROGRAMS / "python", caller, *arguments, folder=tmp_path, PYTHONPATH=str(tmp_path)))


def test_openapi_generators_python_client_takes_a_clip(tmp_path, arguments):
    generate(tmp_path / "client", "python")
    path = str(tmp_path / "client")
    caller = CALLERS / "openapi_generator_python.py"
    assert took_a_clip(run(PROGRAMS / "python", caller, *arguments, folder=tmp_path, PYTHONPATH=path))


def test_openapi_generators_fetch_client_compiles_and_takes_a_clip(tmp_path, arguments):
    generate(tmp_path / "generated", "typescript-fetch")
    assert took_a_clip(compiled_and_run(tmp_path, "typescript_fetch.ts", arguments))


def test_openapi_typescripts_types_refuse_what_is_missing_and_take_a_clip(tmp_path, arguments):
    (tmp_path / "generated").mkdir()
    generator = NODE_MODULES / ".bin" / "openapi-typescript"
    run(generator, DOCUMENT, "-o", tmp_path / "generated" / "api.ts", folder=HERE)
    assert took_a_clip(compiled_and_run(tmp_path, "openapi_typescript.ts", arguments))


def compiled_and_run(folder: Path, caller: str, arguments: list[str]) -> str:
    """Compile a caller beside the folder `generated`, and run it."""
    (folder / "node_modules").symlink_to(NODE_MODULES)
    shutil.copy(CALLERS / caller, folder)
    run(*TSC, "--outDir", "out", caller, folder=folder)
    return run("node", folder / "out" / Path(caller).with_suffix(".js"), *arguments, folder=folder)


def test_openapi_generators_rust_client_compiles_and_takes_a_clip(tmp_path, arguments):
    generate(tmp_path / "openapi", "rust", "--additional-properties", "packageName=openapi")
    (tmp_path / "src").mkdir()
    shutil.copy(CALLERS / "rust.rs", tmp_path / "src" / "main.rs")
    (tmp_path / "Cargo.toml").write_text(
        '[package]\nname = "caller"\nversion = "0.0.0"\nedition = "2024"\n[workspace]\n[dependencies]\n'
        'openapi = { path = "openapi", default-features = false }\nserde_json = "1"\n'
        'tokio = { version = "1", features = ["rt", "time", "macros"] }\n'
    )
    shutil.copy(HERE / "Cargo.lock", tmp_path)
    target = str(ROOT / "target" / "clients")
    printed = run("cargo", "run", "--quiet", "--", *arguments, folder=tmp_path, CARGO_TARGET_DIR=target)
    assert took_a_clip(printed)
