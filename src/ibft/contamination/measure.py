"""Does a benchmark stand in the fine-tuning data? Each part of each example against problem texts and solutions.

Three measures of what an instruction or a response shares with the problems, all over tokens:

    n-gram overlap    the share of one problem's tokens that lie in n-grams which the example has, too; the highest over
                      the problems. Tulu 3 decontaminates so, with 8-grams and more than one half (Lambert et al. 2024,
                      arXiv 2411.15124, section 3.2), comparing prompts with prompts.
    longest common    the longest run of tokens that also stands in any problem: a long quotation counts, even where it
    substring         is a small share of a long problem.
    similarity        the Jaccard index of the sets of 3-token shingles of the part and of the most similar problem: a
                      copy counts whose edits are spread so evenly that few n-grams are left.

All compare surfaces. So does the first measure of Riddell et al. 2024 (arXiv 2403.04811), who find that models solve
those problems better whose solutions resemble something in the training data. Their second compares syntax trees, and
would also see a copy whose names were changed: here such a copy keeps only the runs between the names.

Some solutions are so short that whoever solves a similar task writes half of them: `always @(posedge clk) if (` covers
8 of the 16 tokens of a flip-flop with enable. An overlap therefore counts only from a number of covered tokens on.
"""

from typing import Any

import pandas as pd

from ibft.config.sections import Contamination
from ibft.contamination.documents import Cover, Documents, Run
from ibft.contamination.near_duplicates import NearDuplicates, Similar, shingles, signature
from ibft.contamination.tokens import Vocabulary, pieces, token
from ibft.data.conversations import questions
from ibft.store.schemas import CONTAMINATION

PARTS = ("instruction", "response")


class Problems:
    """A benchmark's problems, ready to be compared with any number of examples.

    Args:
        problems: PROBLEMS.
        settings: the n of the n-grams, and the thresholds.
    """

    def __init__(self, problems: pd.DataFrame, settings: Contamination) -> None:
        texts = {
            "text": (problems["description"] + "\n").fillna("") + problems["prompt"],
            "solution": problems["reference_solution"],
        }
        self._settings = settings
        self._task_ids: list[str] = problems["task_id"].tolist()
        self._vocabulary = Vocabulary(text for column in texts.values() for text in column)
        self._documents = {
            kind: Documents(
                [self._vocabulary.encode(pieces(text)) for text in column], settings.ngram, settings.covered
            )
            for kind, column in texts.items()
        }
        self._near = {
            kind: NearDuplicates([[token(piece) for piece in pieces(text)] for text in column], settings.similarity)
            for kind, column in texts.items()
        }

    def compare(self, text: str) -> list[dict[str, Any]]:
        """Return a row of CONTAMINATION for each kind of document, without the columns example_id and part."""
        cut = pieces(text)
        tokens = self._vocabulary.encode(cut)
        own = shingles([token(piece) for piece in cut])
        signed = signature(own)
        return [
            {"against": kind, **self._row(cut, *documents.compare(tokens), self._near[kind].closest(own, signed))}
            for kind, documents in self._documents.items()
        ]

    def facts(self) -> dict[str, int]:
        """Count the problems, and the documents of each kind that are too short for an overlap to count."""
        least = max(self._settings.ngram, self._settings.covered)
        short = {f"too_short_{kind}s": documents.shorter_than(least) for kind, documents in self._documents.items()}
        return {"problems": len(self._task_ids), **short}

    def _row(self, cut: list[str], cover: Cover, run: Run, near: Similar) -> dict[str, Any]:
        substring = "".join(cut[run.start : run.end]).lstrip()
        tokens = run.end - run.start
        copied = cover.share >= self._settings.overlap and cover.tokens >= self._settings.covered
        edited = near.similarity >= self._settings.similarity and len(cut) >= self._settings.covered
        return {
            "ngram_overlap": cover.share,
            "covered_tokens": cover.tokens,
            "ngram_task_id": self._task_id(cover.document),
            "substring_tokens": tokens,
            "substring_characters": len(substring),
            "substring_task_id": self._task_id(run.document),
            "substring": substring,
            "similarity": near.similarity,
            "similar_task_id": self._task_id(near.document),
            "contaminated": copied or edited or tokens >= self._settings.substring,
        }

    def _task_id(self, document: int | None) -> str | None:
        return None if document is None else self._task_ids[document]


def measure(examples: pd.DataFrame, problems: Problems) -> pd.DataFrame:
    """CONTAMINATION of `examples`, which has the columns of EXAMPLES: four rows for each, in their order.

    The rows of an example depend on it alone, so that a dataset can be measured window by window. Of problems with the
    same overlap, and of those that hold the longest substring, the first of the benchmark is named; of several longest
    substrings, the first of the example.
    """
    columns = zip(examples["example_id"], questions(examples), examples["response"], strict=True)
    rows = [
        {"example_id": example_id, "part": part, **row}
        for example_id, *texts in columns
        for part, text in zip(PARTS, texts, strict=True)
        for row in problems.compare(text)
    ]
    return pd.DataFrame(rows, columns=CONTAMINATION.schema.names)
