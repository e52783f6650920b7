"""Models behind an API: what is asked, what is made of answers, and that no fault or kill loses or repeats a draw."""

import email.utils
import json
import logging
import os
import runpy
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ibft.config.sections import Server
from ibft.runtime.errors import UserError
from ibft.sampling.api.client import read_key, seconds_of
from ibft.sampling.api.draws import store_path
from ibft.sampling.api.pace import Pace
from ibft.store import parquet
from ibft.store.manifests import read_manifest
from ibft.store.schemas import SAMPLES
from tests.api.conftest import TASKS
from tests.api.server import KEY, ApiServer, Body, api_server, complete
from tests.conftest import REPOSITORY

SCRIPT = REPOSITORY / "workflow" / "scripts" / "sample_api.py"
JOB = {
    "variant": "served/rtl/base/seed0",
    "temperature": 0.8,
    "model": "big-model",
    "profile": "ibft",
    "api": {"protocol": "completions"},
    "sampling": {"n": 3, "max_new_tokens": 12},
}
DRAWS = 3 * len(TASKS)
FAULTS = {
    "busy": "it said 429 Too Many Requests (slow down)",
    "broken": "it said 500 Internal Server Error (<html>Internal error</html>)",
    "cut": "of RemoteProtocolError",
    "no_choice": "the answer has 0 choices, and one was asked for",
    "two_choices": "the answer has 2 choices, and one was asked for",
    "not_json": "the answer is no completion: Invalid JSON",
    "endless": "the answer is no completion: choices.0.finish_reason",
    "slow_headers": "no whole answer came within 1.5 s",
}


def command(
    server: ApiServer, problems: Path, *outputs: Path, reached: dict[str, Any] | None = None, **changed: object
) -> list[str]:
    how = {"base_url": server.address, "backoff_s": 0.02, "timeout_s": 20, "concurrency": 4} | (reached or {})
    words = ["--job", json.dumps(JOB | changed), "--server", json.dumps(how), "--benchmarks", "bench"]
    return [*words, "--problems", str(problems), "--outputs", *map(str, outputs)]


def sample(*arguments: str) -> None:
    script = runpy.run_path(str(SCRIPT))
    script["main"](script["parser"]().parse_args(arguments))


@pytest.fixture(scope="module")
def undisturbed(problems: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("undisturbed") / "trial0.parquet"
    with api_server() as server:
        sample(*command(server, problems, output))
        assert sorted(server.asked.values()) == [1] * (DRAWS - 1) + [2]  # one twice, to see whether it is repeated
    return output


def test_rows_say_what_was_asked_and_what_came(undisturbed: Path):
    rows = parquet.read_table(undisturbed, SAMPLES)
    assert list(zip(rows["task_id"], rows["sample"], strict=True)) == [(task, s) for task in TASKS for s in range(3)]
    assert rows["seed"].is_unique
    assert rows["seed"].between(0, 2**31 - 1).all()
    assert set(rows["engine"]) == {"openai"}
    assert set(rows["engine_version"]) == {"big-model fp_1"}
    assert set(rows["finish_reason"]) == {"stop"}
    assert set(rows["prompt_tokens"]) == {7}
    assert rows["log_likelihood"].isna().all()
    assert (rows["completion"].str.find("endmodule") < 0).all()  # the profile's stop, where the server has sent it
    assert all(row.code.startswith(f"module top_module (\n\tinput {row.task_id},") for row in rows.itertuples())
    facts = read_manifest(undisturbed)
    assert facts["served_models"] == ["big-model"]
    assert facts["system_fingerprints"] == ["fp_1"]
    assert facts["repeats"] is True


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_loses_no_draw_repeats_none_and_is_told(fault, server, problems, undisturbed, tmp_path, caplog):
    is_slow = fault == "slow_headers"
    times = 2 if is_slow else 5
    server.faults = [fault] * times
    output = tmp_path / "trial0.parquet"
    with caplog.at_level(logging.INFO):
        sample(*command(server, problems, output, reached={"timeout_s": 1.5 if is_slow else 20}))
    assert FAULTS[fault] in caplog.text
    assert output.read_bytes() == undisturbed.read_bytes()
    assert sum(server.asked.values()) == DRAWS + 1 + times


def test_a_server_that_stays_broken_is_given_up_and_what_came_before_is_kept(server, problems, undisturbed, tmp_path):
    output = tmp_path / "trial0.parquet"
    answer, left = server.answer, iter(range(6))

    def answer_some(body):
        if next(left, None) is None:
            server.faults += ["broken"] * 4
        return answer(body)

    server.answer = answer_some
    with pytest.raises(
        UserError, match=r"gave no draw of \w+ in 2 attempts, .*500.*missing draws came before and are kept: run"
    ):
        sample(*command(server, problems, output, reached={"attempts": 2, "concurrency": 1}))
    assert not output.exists()
    kept = store_path(output).read_bytes()
    server.answer, server.faults = answer, []
    server.asked.clear()
    sample(*command(server, problems, output))
    assert store_path(output).read_bytes().startswith(kept)
    assert sum(server.asked.values()) == DRAWS + 1 - (kept.count(b"\n") - 1)
    assert output.read_bytes() == undisturbed.read_bytes()


@pytest.mark.parametrize(
    ("fault", "told"), [("unauthorized", "refuses the request: it said 401"), ("for_an_hour", "left alone for 7200 s")]
)
def test_a_refusal_is_told_once_and_not_tried_again(fault, told, server, problems, tmp_path, monkeypatch):
    monkeypatch.setenv("STUB_KEY", KEY)
    server.faults = [fault] * 20
    reached = {"key_variable": "STUB_KEY", "concurrency": 1}
    with pytest.raises(UserError, match=told) as raised:
        sample(*command(server, problems, tmp_path / "trial0.parquet", reached=reached))
    assert server.keys == {f"Bearer {KEY}"}
    assert sum(server.asked.values()) == 1
    assert KEY not in str(raised.value)


def test_a_killed_run_goes_on_without_a_lost_or_a_repeated_draw(server, problems, undisturbed, tmp_path):
    output = tmp_path / "trial0.parquet"
    words = [sys.executable, str(SCRIPT), *command(server, problems, output, reached={"concurrency": 2})]
    for before, answers in ((0, 4), (4, 5)):
        server.answer = answering(answers)
        run = subprocess.Popen(words, env={**os.environ, "PYTHONPATH": str(REPOSITORY / "src")})
        while kept_draws(output) < before + answers:
            assert run.poll() is None
            time.sleep(0.01)
        run.send_signal(signal.SIGKILL)
        assert run.wait() == -signal.SIGKILL
    kept, asked = store_path(output).read_bytes(), sum(server.asked.values())
    assert asked <= 9 + 2 * 2  # of the last requests of each run, nobody has read the answers
    server.answer = complete
    sample(*command(server, problems, output))
    assert store_path(output).read_bytes().startswith(kept)
    assert sum(server.asked.values()) - asked == DRAWS + 1 - 9
    assert output.read_bytes() == undisturbed.read_bytes()


def answering(times: int) -> Callable[[Body], Body]:
    """Answer so many requests, and let the others wait."""
    answers = threading.Semaphore(times)

    def answer(body: Body) -> Body:
        answers.acquire(timeout=60)
        return complete(body)

    return answer


def kept_draws(output: Path) -> int:
    store = store_path(output)
    return max(store.read_bytes().count(b"\n") - 1, 0) if store.exists() else 0


def test_only_what_is_new_is_asked_for(server, problems, tmp_path, caplog):
    outputs = [tmp_path / f"trial{trial}.parquet" for trial in range(2)]
    sample(*command(server, problems, outputs[0]))
    before = outputs[0].read_bytes()
    server.asked.clear()
    with caplog.at_level(logging.INFO):
        sample(*command(server, problems, outputs[0], reached={"concurrency": 1}))
    assert "all 16 draws are there already" in caplog.text
    assert outputs[0].read_bytes() == before
    sample(*command(server, problems, *outputs))  # one more trial
    assert outputs[0].read_bytes() == before
    assert sum(server.asked.values()) == DRAWS
    sample(*command(server, problems, *outputs, sampling={**JOB["sampling"], "n": 4}))  # one more sample of each
    assert sum(server.asked.values()) == DRAWS + 2 * len(TASKS)
    sample(*command(server, problems, *outputs, model="other-model"))
    assert sum(server.asked.values()) == DRAWS + 2 * len(TASKS) + 2 * DRAWS + 1


def test_a_server_that_does_not_repeat_a_draw_is_found_out(server, problems, tmp_path):
    answer, count = server.answer, iter(range(1000))
    server.answer = lambda body: answer({**body, "nonce": next(count)})
    output = tmp_path / "trial0.parquet"
    sample(*command(server, problems, output))
    assert read_manifest(output)["repeats"] is False


def test_a_seed_is_not_sent_where_the_server_takes_none(server, problems, tmp_path):
    output = tmp_path / "trial0.parquet"
    api = {"protocol": "completions", "seeds": False, "request": {"min_p": 0.1}}
    sample(*command(server, problems, output, api=api))
    bodies = [json.loads(body) for body in server.asked]
    assert all("seed" not in body and body["min_p"] == 0.1 for body in bodies)
    assert sum(server.asked.values()) == DRAWS
    assert parquet.read_table(output, SAMPLES)["seed"].isna().all()
    assert read_manifest(output)["repeats"] is None


def test_a_chat_is_asked_by_messages_and_its_thoughts_are_kept_apart_from_the_code(server, problems, tmp_path):
    output = tmp_path / "trial0.parquet"
    sampling = {
        "n": 1,
        "few_shot": [{"instruction": "Invert a.", "response": "assign y = ~a;"}],
        "system_prompt": "Be brief.",
    }
    sample(
        *command(
            server,
            problems,
            output,
            profile="reasoning",
            api={"length_key": "max_completion_tokens"},
            sampling=sampling,
        )
    )
    body = json.loads(next(iter(server.asked)))
    assert [message["role"] for message in body["messages"]] == ["system", "user", "assistant", "user"]
    assert body["messages"][2]["content"] == "```verilog\nassign y = ~a;\n```"
    assert body["max_completion_tokens"] == 1024
    assert "max_tokens" not in body
    rows = parquet.read_table(output, SAMPLES)
    assert rows["completion"].str.startswith("<think>\nWire it.\n</think>\n\n```verilog\n").all()
    assert (
        rows["code"]
        .str.fullmatch(r"module top_module\(input a, output out\);\n// \w+\nassign out = a;\nendmodule\n")
        .all()
    )
    assert rows["profile"].str.fullmatch(r"reasoning v1\+[0-9a-f]{8}").all()


def test_an_answer_that_ends_in_thought_has_no_code_of_it(server, problems, tmp_path):
    thought = {"role": "assistant", "content": None, "reasoning": "I write assign out = a; then"}
    server.answer = lambda body: {"message": thought, "finish_reason": "length"}
    output = tmp_path / "trial0.parquet"
    sample(*command(server, problems, output, profile="reasoning", api={}))
    rows = parquet.read_table(output, SAMPLES)
    assert set(rows["finish_reason"]) == {"length"}
    assert not rows["code"].str.contains("assign").any()


def test_the_command_imports_neither_torch_nor_transformers():
    heavy = {"torch", "transformers", "vllm"}
    code = f"import runpy, sys; runpy.run_path({str(SCRIPT)!r}); print({heavy} & set(sys.modules))"
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "src")}
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert run.stdout == "set()\n"


def test_a_key_that_is_missing_or_broken_is_told_without_showing_it(monkeypatch):
    server = Server(base_url="http://127.0.0.1:1/v1/", key_variable="STUB_KEY")
    assert server.base_url == "http://127.0.0.1:1/v1"
    monkeypatch.delenv("STUB_KEY", raising=False)
    with pytest.raises(UserError, match="the environment has no STUB_KEY"):
        read_key(server)
    monkeypatch.setenv("STUB_KEY", f"{KEY}\nX-Other: header")
    with pytest.raises(UserError, match="STUB_KEY holds characters that no key has") as raised:
        read_key(server)
    assert KEY not in str(raised.value)
    monkeypatch.setenv("STUB_KEY", f" {KEY}\n")
    assert read_key(server) == KEY


def test_requests_are_spread_by_number_by_tokens_and_by_what_the_server_asks_for():
    assert starts(Pace, requests=120, tokens=None, sizes=[10] * 4) == [0, 0.5, 1, 1.5]
    assert starts(Pace, requests=120, tokens=600, sizes=[10, 20, 1, 1]) == [0, 1, 3, 3.5]
    assert starts(Pace, requests=None, tokens=None, sizes=[10] * 3) == [0, 0, 0]
    assert starts(Pace, requests=120, tokens=None, sizes=[10] * 3, held_s=7) == [7, 7.5, 8]


def starts(
    pace: type[Pace], *, requests: int | None, tokens: int | None, sizes: list[int], held_s: float = 0
) -> list[float]:
    """Return when requests of these sizes start that come at once."""
    waits = [0.0]
    own = pace(requests, tokens, clock=lambda: 0.0, sleep=lambda seconds: waited(waits, seconds))
    own.hold(held_s)
    found = []
    for size in sizes:
        waits[-1] = 0.0
        with pytest.raises(StopIteration):
            own.wait(size).send(None)
        found.append(waits[-1])
    return found


async def waited(waits: list[float], seconds: float) -> None:
    waits[-1] = seconds


def test_retry_after_is_read_as_seconds_and_as_a_date():
    now = 1_800_000_000.0
    date = email.utils.formatdate(now + 30, usegmt=True)
    assert [seconds_of(text, lambda: now) for text in (None, "2.5", "-1", date, "soon")] == [0, 2.5, 0, 30, 0]
