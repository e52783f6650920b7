"""What a model is shown: the exact text of every profile, its tokens' borders, and where its answers end."""

import math

import pytest

from ibft.config.remote import MESSAGES, TEMPLATED
from ibft.prompts import PROFILES, get_profile
from ibft.runtime.errors import UserError
from tests.prompts.problems import MUX, TWICE, tokenizer_joining_line_breaks, tokenizer_with_bos
from tests.tiny_model import make_tiny_tokenizer

HEADER = MUX.prompt
STUB = TWICE.prompt.strip()
PREAMBLE = "Below is an instruction that describes a task. Write a response that appropriately completes the request."
PROBLEM_PROMPTS = {
    ("chat", MUX): "<|im_start|>user\nCreate a 2-1 multiplexer.<|im_end|>\n<|im_start|>assistant\n```verilog\n"
    + HEADER.rstrip(),
    ("chat", TWICE): "<|im_start|>user\nComplete the following Python function:\n```python\n"
    + STUB
    + "\n```<|im_end|>\n<|im_start|>assistant\n```python\n"
    + "from typing import List\n\n\ndef twice(xs: List[int]) -> List[int]:",
    ("reasoning", MUX): "<|im_start|>user\nCreate a 2-1 multiplexer.\n\nThe module begins with:\n```verilog\n"
    + HEADER.strip()
    + "\n```\n\nAnswer with one code block (```verilog) that holds the whole module.<|im_end|>\n"
    "<|im_start|>assistant\n",
    ("reasoning", TWICE): "<|im_start|>user\nComplete the following Python function:\n```python\n"
    + STUB
    + "\n```\n\nAnswer with one code block (```python) that holds the whole program.<|im_end|>\n"
    "<|im_start|>assistant\n",
    ("ibft", MUX): "Create a 2-1 multiplexer.\n" + HEADER.rstrip(),
    ("ibft", TWICE): STUB + "\nfrom typing import List\n\n\ndef twice(xs: List[int]) -> List[int]:",
    ("origen", MUX): "### Instruction: Please act as a professional Verilog designer and provide Verilog code based on "
    "the given description. Create a 2-1 multiplexer.\n### Response: " + HEADER + "\n",
    ("vericoder", MUX): "You are a Verilog expert. Be concise and focused on the key points and avoid repetitive "
    "thoughts. Provide the Verilog code design directly.\n\nCreate a 2-1 multiplexer.\nPlease complete the Verilog "
    "code below and return the complete module code. Your code should start with:\n```verilog\n" + HEADER + "```",
    ("rtlcoder", MUX): "Create a 2-1 multiplexer.\n" + HEADER + "\n",
    ("evalplus-base", TWICE): STUB + "\n",
    (
        "evalplus-chat",
        TWICE,
    ): "<|im_start|>user\nPlease provide a self-contained Python script that solves the following "
    "problem in a markdown code block:\n```\n" + STUB + "\n```\n<|im_end|>\n<|im_start|>assistant\nBelow is a Python "
    "script with a self-contained function that solves the problem and passes corresponding tests:\n```python\n",
    ("wizardcoder", TWICE): f"{PREAMBLE}\n\n### Instruction:\nCreate a Python script for this problem:\n{TWICE.prompt}"
    "\n\n### Response:",
}
EXAMPLE_TEXTS = {
    "chat": ("<|im_start|>user\nInvert a.<|im_end|>\n<|im_start|>assistant\n```verilog\n", "CODE\n```<|im_end|>"),
    "reasoning": ("<|im_start|>user\nInvert a.<|im_end|>\n<|im_start|>assistant\n", "```verilog\nCODE\n```<|im_end|>"),
    "ibft": ("Invert a.\n", "CODE"),
    "origen": ("### Instruction: Invert a.\n### Response: ", "CODE<|im_end|>"),
    "vericoder": (
        "You are a Verilog expert. Be concise and focused on the key points and avoid repetitive thoughts. Provide the "
        "Verilog code design directly.\n\nInvert a.\n",
        "```verilog\nCODE\n```<|im_end|>",
    ),
    "rtlcoder": ("Invert a.\n", "CODE<|im_end|>"),
    "evalplus-base": ("Invert a.\n", "CODE<|im_end|>"),
    "evalplus-chat": ("<|im_start|>user\nInvert a.<|im_end|>\n<|im_start|>assistant\n", "CODE<|im_end|>"),
    "wizardcoder": (f"{PREAMBLE}\n\n### Instruction:\nInvert a.\n\n### Response:", "CODE<|im_end|>"),
}


@pytest.mark.parametrize(("name", "problem"), PROBLEM_PROMPTS, ids=lambda value: getattr(value, "task_id", value))
def test_prompt_of_a_problem_to_the_letter(name, problem):
    tokenizer = make_tiny_tokenizer()
    assert tokenizer.decode(get_profile(name).encode_problem(tokenizer, problem)) == PROBLEM_PROMPTS[name, problem]


@pytest.mark.parametrize("name", EXAMPLE_TEXTS)
def test_text_of_an_example_to_the_letter(name):
    tokenizer = make_tiny_tokenizer()
    prompt, response = get_profile(name).encode_example(tokenizer, "Invert a.", "CODE", "verilog")
    assert tokenizer.decode(prompt + response) == "".join(EXAMPLE_TEXTS[name])
    assert tokenizer.decode(response).lstrip() == EXAMPLE_TEXTS[name][1]  # a token may hold the blank before it


def test_every_profile_has_golden_texts():
    assert {name for name, _ in PROBLEM_PROMPTS} == set(EXAMPLE_TEXTS) == set(PROFILES)


@pytest.mark.parametrize("problem", [MUX, TWICE])
def test_no_prompt_ends_in_whitespace_unless_its_profile_says_so(problem):
    tokenizer = make_tiny_tokenizer()
    for profile in PROFILES.values():
        if profile.language in (None, problem.language):
            text = tokenizer.decode(profile.encode_problem(tokenizer, problem))
            if profile.templated and not profile.problem_turn(problem).opening:
                continue  # the template's own end, after which the answer is the model's alone
            assert (text != text.rstrip()) == profile.keeps_trailing_whitespace, profile.name


@pytest.mark.parametrize("make_tokenizer", [make_tiny_tokenizer, tokenizer_joining_line_breaks, tokenizer_with_bos])
@pytest.mark.parametrize("name", ["chat", "ibft"])
def test_a_problem_is_asked_with_the_tokens_that_an_example_was_learned_with(make_tokenizer, name):
    tokenizer = make_tokenizer()
    profile = get_profile(name)
    body = "    assign out = sel ? b : a;\nendmodule\n"
    prompt, response = profile.encode_example(tokenizer, MUX.description, MUX.prompt + body, "verilog")
    asked = profile.encode_problem(tokenizer, MUX)
    assert (prompt + response)[: len(asked)] == asked
    stub = TWICE.prompt.strip()
    prompt, response = profile.encode_example(
        tokenizer, stub, "from typing import List\n\n\ndef twice(xs: List[int]) -> List[int]:\n    return xs", "python"
    )
    asked = profile.encode_problem(tokenizer, TWICE)
    assert (prompt + response)[: len(asked)] == asked


def test_a_prompt_ends_after_the_line_break_where_the_tokenizer_joins_it_to_the_header():
    ids = get_profile("ibft").encode_problem(tokenizer_joining_line_breaks(), MUX)
    assert tokenizer_joining_line_breaks().decode(ids).endswith("\n);\n")


@pytest.mark.parametrize("name", PROFILES)
def test_exactly_one_bos_where_the_tokenizer_adds_one(name):
    tokenizer = tokenizer_with_bos()
    profile = get_profile(name)
    problem = TWICE if profile.language == "python" else MUX
    prompt, _ = profile.encode_example(tokenizer, "Invert a.", "CODE", "verilog")
    for ids in (prompt, profile.encode_problem(tokenizer, problem)):
        assert ids.count(tokenizer.bos_token_id) == (0 if name == "ibft" else 1)
        assert name == "ibft" or ids[0] == tokenizer.bos_token_id


def test_a_template_that_writes_the_bos_gets_no_second_one():
    tokenizer = tokenizer_with_bos()
    tokenizer.chat_template = "{{ bos_token }}" + tokenizer.chat_template
    ids = get_profile("chat").encode_problem(tokenizer, MUX)
    assert ids.count(tokenizer.bos_token_id) == 1


def test_a_chat_ends_with_the_end_of_turn_where_it_is_not_the_end_of_sequence():
    tokenizer = make_tiny_tokenizer()
    tokenizer.eos_token = "<|endoftext|>"
    end_of_turn = tokenizer.convert_tokens_to_ids("<|im_end|>")
    _, response = get_profile("chat").encode_example(tokenizer, "Invert a.", "CODE", "verilog")
    assert response[-1] == end_of_turn
    assert set(get_profile("chat").stop_token_ids(tokenizer)) == {end_of_turn, tokenizer.eos_token_id}
    _, response = get_profile("origen").encode_example(tokenizer, "Invert a.", "CODE", "verilog")
    assert response[-1] == tokenizer.eos_token_id


SHOT = ("Invert a.", "assign y = ~a;")


def test_a_system_prompt_and_examples_stand_before_a_problem_in_the_profiles_own_form():
    tokenizer = make_tiny_tokenizer()
    for name, before in {
        "chat": "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nInvert a.<|im_end|>\n"
        "<|im_start|>assistant\n```verilog\nassign y = ~a;\n```<|im_end|>\n",
        "ibft": "Be brief.\n\nInvert a.\nassign y = ~a;\n",
    }.items():
        profile = get_profile(name).introduced("Be brief.", [SHOT])
        assert tokenizer.decode(profile.encode_problem(tokenizer, MUX)) == before + PROBLEM_PROMPTS[name, MUX]


@pytest.mark.parametrize(
    "written", ["    return a\n\nmodule top_module (\n", "    return a\n```\nmodule", "    return a\nassert f(1)\n"]
)
def test_python_ends_where_something_else_begins(written: str):
    ends = [at for stop in get_profile("ibft").stop_strings("python") if (at := written.find(stop)) >= 0]
    assert written[: min(ends)].strip() == "return a"


def test_a_profile_with_an_introduction_has_a_version_of_its_own():
    introductions = ((None, []), ("Be brief.", []), ("Be brief.", [SHOT]), (None, [SHOT]), (None, [SHOT, SHOT]))
    labels = [get_profile("ibft").introduced(system, shots).label for system, shots in introductions]
    assert labels[0] == "ibft v2"
    assert all(label.startswith("ibft v2+") for label in labels[1:])
    assert len(set(labels)) == len(labels)


def test_plain_text_is_what_tokens_say():
    tokenizer = make_tiny_tokenizer()
    for name, profile in PROFILES.items():
        for problem in (MUX, TWICE):
            if profile.language not in (None, problem.language):
                continue
            introduced = profile.introduced("Be brief.", [SHOT])
            if profile.templated:
                with pytest.raises(UserError, match="needs a chat template"):
                    introduced.plain_text(problem)
            else:
                tokens = introduced.encode_problem(tokenizer, problem)
                assert introduced.plain_text(problem) == tokenizer.decode(tokens), name


def test_messages_say_what_the_chat_template_is_given():
    tokenizer = make_tiny_tokenizer()
    profile = get_profile("reasoning").introduced("Be brief.", [SHOT])
    said = profile.messages(MUX)
    rendered = tokenizer.apply_chat_template(said, tokenize=False, add_generation_prompt=True)
    assert rendered == tokenizer.decode(profile.encode_problem(tokenizer, MUX))
    with pytest.raises(UserError, match="profile chat writes the beginning of the answer"):
        get_profile("chat").messages(MUX)


def test_the_configuration_knows_which_profiles_a_server_can_ask_by():
    assert set(TEMPLATED) == {name for name, profile in PROFILES.items() if profile.templated}
    opened = {name for name in TEMPLATED if get_profile(name).problem_turn(TWICE).opening}
    assert set(MESSAGES) == set(TEMPLATED) - opened


def test_prose_and_answers_with_code_blocks_are_not_fenced_again():
    tokenizer = make_tiny_tokenizer()
    for response, language in (("She was born in Oslo.", "english"), ("Here:\n```python\npass\n```", "python")):
        prompt, learned = get_profile("chat").encode_example(tokenizer, "Tell me.", response, language)
        assert tokenizer.decode(prompt).endswith("assistant\n")
        assert tokenizer.decode(learned) == response + "<|im_end|>"


@pytest.mark.parametrize("missing", [None, math.nan, " "])
def test_a_problem_without_description_is_still_asked_for(missing):
    tokenizer = make_tiny_tokenizer()
    text = tokenizer.decode(get_profile("chat").encode_problem(tokenizer, MUX._replace(description=missing)))
    assert "Complete the Verilog module top_module." in text


def test_a_profile_refuses_a_language_that_it_cannot_ask_for():
    with pytest.raises(UserError, match=r"profile origen asks for verilog, but problem Python/1 is python"):
        get_profile("origen").encode_problem(make_tiny_tokenizer(), TWICE)


def test_a_chat_profile_refuses_a_tokenizer_without_template():
    tokenizer = make_tiny_tokenizer()
    tokenizer.chat_template = None
    with pytest.raises(UserError, match="needs a chat template"):
        get_profile("chat").encode_problem(tokenizer, MUX)


def test_unknown_profiles_are_refused_with_the_valid_ones():
    with pytest.raises(UserError, match=r"unknown profile 'chta'; valid are chat, evalplus-base"):
        get_profile("chta")
