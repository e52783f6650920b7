"""What is planted is found, and on real data the table says what a comparison of everything with everything says."""

import re
from difflib import SequenceMatcher

import pandas as pd
import pytest

from ibft.config.sections import Contamination
from ibft.contamination.measure import Problems, measure
from ibft.contamination.tokens import Vocabulary, pieces
from tests.contamination.conftest import examples
from tests.contamination.test_documents import cover_by_trying, is_run_of

SETTINGS = Contamination()
HARMLESS = ("Sum a list of prices.", "def total(prices):\n    return sum(price.amount for price in prices)\n")


def row(table: pd.DataFrame, part: str, against: str, example_id: str = "e0") -> pd.Series:
    found = table[(table["example_id"] == example_id) & (table["part"] == part) & (table["against"] == against)]
    assert len(found) == 1
    return found.iloc[0]


def problem(humaneval: pd.DataFrame, number: int) -> pd.Series:
    return humaneval.set_index("task_id").loc[f"HumanEval/{number}"]


def one_problem(**changes: str | None) -> pd.DataFrame:
    fields = {"task_id": "p", "description": None, "prompt": "module top_module;", "reference_solution": "endmodule"}
    return pd.DataFrame([fields | changes])


def lowercase_tokens(text: str) -> list[str]:
    return [token.lower() for token in re.findall(r"\w+|[^\w\s]", text)]


@pytest.mark.parametrize("benchmark", ["humaneval", "verilogeval"])
def test_real_examples_get_the_numbers_of_an_exhaustive_comparison(
    benchmark: str, code_alpaca: pd.DataFrame, request: pytest.FixtureRequest
) -> None:
    problems = request.getfixturevalue(benchmark)
    table = measure(code_alpaca, Problems(problems, SETTINGS))
    most_overlapping = table.sort_values("ngram_overlap", ascending=False)["example_id"].unique()[:6]
    some = code_alpaca[code_alpaca["example_id"].isin(most_overlapping) | (code_alpaca.index % 400 == 0)]
    texts = {
        "text": [f"{d}\n{p}" if isinstance(d, str) else p for d, p in problems[["description", "prompt"]].to_numpy()],
        "solution": list(problems["reference_solution"]),
    }
    for against, documents in texts.items():
        tokenized = [lowercase_tokens(document) for document in documents]
        for _, example in some.iterrows():
            for part in ("instruction", "response"):
                found = row(table, part, against, example["example_id"])
                compare_exhaustively(found, example[part], tokenized, list(problems["task_id"]))


def compare_exhaustively(found: pd.Series, text: str, documents: list[list[str]], task_ids: list[str]) -> None:
    tokens = lowercase_tokens(text)
    cover = cover_by_trying(tokens, documents, SETTINGS.ngram, SETTINGS.covered)
    assert (found["ngram_overlap"], found["covered_tokens"]) == (cover.share, cover.tokens)
    if cover.document is None:
        assert pd.isna(found["ngram_task_id"])
    else:
        assert found["ngram_task_id"] == task_ids[cover.document]

    matcher = SequenceMatcher(None, "", tokens, autojunk=False)
    longest = []
    for document in documents:
        matcher.set_seq1(document)
        longest.append(matcher.find_longest_match().size)
    assert found["substring_tokens"] == max(longest)
    if max(longest):
        assert found["substring"] in text
        shared = lowercase_tokens(found["substring"])
        holders = [
            task_id for task_id, document in zip(task_ids, documents, strict=True) if is_run_of(shared, document)
        ]
        assert found["substring_task_id"] == holders[0]


def test_a_solution_copied_word_for_word_is_found_whole(humaneval: pd.DataFrame) -> None:
    solution = problem(humaneval, 10)["reference_solution"]
    leak = ("Write it.", f"Of course:\n```python\ndef f(string):\n{solution}```\nThat was it.")
    table = measure(examples(HARMLESS, leak), Problems(humaneval, SETTINGS))
    found = row(table, "response", "solution", "e1")
    assert found["ngram_overlap"] == 1
    assert found["ngram_task_id"] == found["substring_task_id"] == "HumanEval/10"
    assert solution.strip() in found["substring"]
    assert found["substring_characters"] == len(found["substring"])
    assert set(table.loc[table["contaminated"], "example_id"]) == {"e1"}


def test_a_docstring_in_an_instruction_is_found_without_its_indentation(humaneval: pd.DataFrame) -> None:
    docstring = problem(humaneval, 0)["prompt"].split('"""')[1]
    rewrapped = " ".join(docstring.upper().split())
    found = row(measure(examples((rewrapped, "pass")), Problems(humaneval, SETTINGS)), "instruction", "text")
    assert found["ngram_task_id"] == "HumanEval/0"
    assert found["ngram_overlap"] > 0.5
    assert found["substring"] == rewrapped
    assert found["contaminated"]


def test_renamed_variables_leave_the_runs_between_them(humaneval: pd.DataFrame) -> None:
    solution = problem(humaneval, 129)["reference_solution"]
    renamed = re.sub(r"\bval\b", "least", solution)
    table = measure(examples(("", solution), ("", renamed)), Problems(humaneval, SETTINGS))
    whole, rest = row(table, "response", "solution"), row(table, "response", "solution", "e1")
    assert (whole["ngram_overlap"], whole["ngram_task_id"]) == (1, "HumanEval/129")
    assert rest["ngram_task_id"] == "HumanEval/129"
    assert 0.3 < rest["ngram_overlap"] < 1
    assert rest["substring_tokens"] < whole["substring_tokens"]


def test_a_long_quotation_counts_though_it_is_a_small_share_of_the_problem() -> None:
    words = [f"word{number}" for number in range(200)]
    problems = Problems(one_problem(description=" ".join(words)), SETTINGS)
    quoted = row(measure(examples((" ".join(words[60:110]), "")), problems), "instruction", "text")
    assert quoted["substring_tokens"] == 50
    assert quoted["ngram_overlap"] < 0.3
    assert quoted["contaminated"]
    assert not measure(examples((" ".join(words[60:109]), "")), problems)["contaminated"].any()


def test_an_idiom_that_is_half_of_a_short_solution_is_shown_but_not_flagged() -> None:
    flip_flop = one_problem(reference_solution="always @(posedge clk)\n\tif (en)\n\t\tq <= d;\nendmodule")
    example = examples(("", "always @(posedge clk) if (reset) state <= 2; else state <= next;"))
    found = row(measure(example, Problems(flip_flop, SETTINGS)), "response", "solution")
    assert (found["ngram_overlap"], found["covered_tokens"]) == (0.5, 8)
    assert not found["contaminated"]
    without = Contamination(covered=1)
    assert row(measure(example, Problems(flip_flop, without)), "response", "solution")["contaminated"]


def test_description_and_prompt_are_one_text() -> None:
    problem_with_text = one_problem(description="Build a gate that is on.", prompt="module top_module (output one);")
    quoted = examples(("that is on. module top_module", ""))
    found = row(measure(quoted, Problems(problem_with_text, SETTINGS)), "instruction", "text")
    assert found["substring"] == "that is on. module top_module"
    assert found["ngram_task_id"] is None or pd.isna(found["ngram_task_id"])


def test_the_shared_text_is_quoted_as_the_example_writes_it() -> None:
    found = row(
        measure(
            examples(("", "x = 1 # İstanbul\u2028\tGROẞ  und\n\n\tKLEIN , 漢字😀 y")),
            Problems(one_problem(reference_solution="groß und klein, 漢字😀"), SETTINGS),
        ),
        "response",
        "solution",
    )
    assert found["substring"] == "GROẞ  und\n\n\tKLEIN , 漢字😀"
    assert found["substring_tokens"] == 6
    assert found["substring_characters"] == len(found["substring"])


def test_an_empty_response_shares_nothing(humaneval: pd.DataFrame) -> None:
    found = row(measure(examples(("", "")), Problems(humaneval, SETTINGS)), "response", "solution")
    assert (found["ngram_overlap"], found["substring_tokens"], found["substring"]) == (0, 0, "")
    assert pd.isna(found["ngram_task_id"])
    assert pd.isna(found["substring_task_id"])
    assert not found["contaminated"]


def test_solutions_too_short_to_judge_are_counted(humaneval: pd.DataFrame) -> None:
    lengths = [len(lowercase_tokens(solution)) for solution in humaneval["reference_solution"]]
    facts = Problems(humaneval, SETTINGS).facts()
    assert facts == {
        "problems": 164,
        "too_short_texts": 0,
        "too_short_solutions": sum(length < SETTINGS.covered for length in lengths),
    }
    assert Problems(humaneval, Contamination(covered=1)).facts()["too_short_solutions"] == sum(n < 8 for n in lengths)


def test_windows_of_any_size_give_the_same_rows(humaneval: pd.DataFrame, code_alpaca: pd.DataFrame) -> None:
    problems = Problems(humaneval, SETTINGS)
    some = code_alpaca.head(100)
    whole = measure(some, problems)
    windows = [measure(some.iloc[start : start + 7], problems) for start in range(0, len(some), 7)]
    pd.testing.assert_frame_equal(whole, pd.concat(windows, ignore_index=True).astype(whole.dtypes))
    assert len(whole) == 4 * len(some)


def test_pieces_are_the_text_and_vocabularies_ignore_case_and_blanks() -> None:
    text = " \tif (a_1>=B)\n  return 'é' ;  \n"
    assert "".join(pieces(text)) == text.rstrip()
    vocabulary = Vocabulary(["IF (A_1 >= b)"])
    assert vocabulary.encode(pieces(text)) == [0, 1, 2, 3, 4, 5, 6, -1, -1, -1, -1, -1]
