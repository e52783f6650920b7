"""GitHub Actions and pre-commit do what `.ci/run` does, and the images are made by the set-up script."""

import re

import yaml

from tests.conftest import REPOSITORY


def steps_of_ci() -> list[str]:
    """The commands of .ci/run, without those of the shell itself."""
    lines = (REPOSITORY / ".ci" / "run").read_text().splitlines()
    return [line for line in lines if line and not line.startswith(("#", "set ", "cd "))]


def test_github_actions_run_the_steps_of_ci_in_their_order() -> None:
    workflow = yaml.safe_load((REPOSITORY / ".github" / "workflows" / "ci.yml").read_text())
    assert [step["run"] for step in workflow["jobs"]["ci"]["steps"] if "run" in step] == steps_of_ci()


def test_pre_commit_runs_what_ci_runs_before_tests() -> None:
    settings = yaml.safe_load((REPOSITORY / ".pre-commit-config.yaml").read_text())
    entries = [hook["entry"] for repository in settings["repos"] for hook in repository["hooks"]]
    assert entries == [step for step in steps_of_ci() if step == "make lint"] != []


def test_both_images_are_made_by_the_same_command_from_the_lock() -> None:
    made = []
    for name in ("Dockerfile", "envs/ibft.def"):
        text = (REPOSITORY / name).read_text()
        (command,) = re.findall(r"^\s*(?:RUN )?(UV_SYNC_OPTIONS=.*)$", text, re.MULTILINE)
        made.append(re.sub(r"\$\{(\w+)\}", r"{{ \1 }}", command))
    assert made[0] == made[1]
    assert "sync --frozen" in (REPOSITORY / "envs" / "setup.sh").read_text()


def test_an_image_gets_every_file_that_the_package_is_built_from() -> None:
    kept = set(re.findall(r"^!/(\S+)$", (REPOSITORY / ".dockerignore").read_text(), re.MULTILINE))
    assert kept <= {path.name for path in REPOSITORY.iterdir()}
    assert {"src", "rules", "workflow", "profiles", "config", "envs", "Snakefile", "uv.lock", "pyproject.toml"} <= kept
