"""The `fictitious-authors` data set: questions and answers about authors who do not exist, in the manner of TOFU.

No model can have met them, so they are a reference for what is not memorized (Maini et al. 2024, "TOFU: A Task of
Fictitious Unlearning for LLMs"). Names, places and books are drawn from the lists below; every author has a name of
their own, and every book one author.
"""

import logging
import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import pandas as pd

from ibft.data.builtin.draw import interleaved, shuffled, stream

logger = logging.getLogger(__name__)

AUTHORS = 60


def _listed(text: str) -> tuple[str, ...]:
    return tuple(text.split("; "))


FIRST_NAMES = _listed(
    "Adaeze; Aldric; Anouk; Basira; Bertil; Calliope; Casimir; Delphine; Dorotea; Eamon; Elif; Emeka; Farida; "
    "Fenella; Gaspar; Giedre; Hadewych; Hiroko; Ilmari; Imani; Isolde; Jarek; Jovana; Kalani; Katarzyna; Leocadia; "
    "Lorcan; Mahala; Mirela; Nadim; Nilufar; Oriane; Osric; Perpetua; Quillon; Rafiq; Roswitha; Saoirse; Severin; "
    "Tamsin; Teodor; Ulrike; Vashti; Wendelin; Xiomara; Yevgenia; Zoltan; Zubaida"
)
LAST_NAMES = _listed(
    "Abendroth; Achterberg; Balogun; Brannigan; Calderwood; Castellane; Dragomir; Dunsmore; Eklund; Etcheverry; "
    "Falkenrath; Farrow; Grzelak; Halvorsen; Hawthorn; Ibragimov; Jankauskas; Kestrel; Kovalik; Lindqvist; "
    "Lovelock; Maravilla; Mbatha; Nakashima; Nightingale; Okonjo; Ostrander; Pemberley; Quintanilla; Ravensworth; "
    "Rosaleni; Sandoval; Szymborski; Tanaquil; Thistlewood; Umarova; Vandersloot; Vasilakis; Wetherby; Yarrow; "
    "Zamfirescu; Zielinski"
)
BIRTHPLACES = _listed(
    "Aarhus, Denmark; Antofagasta, Chile; Asmara, Eritrea; Bandung, Indonesia; Bergen, Norway; Bukhara, Uzbekistan; "
    "Cork, Ireland; Cusco, Peru; Dakar, Senegal; Gdansk, Poland; Ghent, Belgium; Graz, Austria; Hobart, Australia; "
    "Kanazawa, Japan; Kutaisi, Georgia; Lviv, Ukraine; Maputo, Mozambique; Merida, Mexico; Nablus, Palestine; Oulu, "
    "Finland; Porto, Portugal; Plovdiv, Bulgaria; Quebec City, Canada; Salta, Argentina; Sfax, Tunisia; Tartu, "
    "Estonia; Thessaloniki, Greece; Turin, Italy; Valparaiso, Chile; Windhoek, Namibia"
)
MONTHS = _listed("January; February; March; April; May; June; July; August; September; October; November; December")
GENRES = _listed(
    "historical fiction; climate fiction; gothic horror; magical realism; cosmic horror; epistolary romance; noir "
    "crime; nature writing; space opera; travel memoir; satirical fantasy; domestic suspense; folk tales; war "
    "poetry"
)
JOBS = _listed(
    "a beekeeper; a bookbinder; a cartographer; a cellist; a dentist; a ferry captain; a florist; a glassblower; a "
    "judge; a lighthouse keeper; a locksmith; a midwife; a mountain guide; a notary; a paleontologist; a pastry "
    "chef; a piano tuner; a radio announcer; a seamstress; a shepherd; a stonemason; a surveyor; a veterinarian; a "
    "watchmaker"
)
AWARDS = _listed(
    "the Silver Heron Prize; the Lantern Medal for Fiction; the Marlowe-Aubrey Award; the Order of the Quill; the "
    "Northern Lights Book Prize; the Saltwater Prize; the Golden Bookmark; the Ariadne Award for Prose; the Amber "
    "Inkwell; the Halcyon Fellowship; the Copperfield Laurel; the Prize of the Seven Bridges"
)
PASTIMES = _listed(
    "restoring old radios; collecting river stones; long-distance swimming; fencing; keeping carrier pigeons; "
    "baking rye bread; playing the accordion; growing orchids; sketching railway stations; learning dead languages; "
    "repairing clocks; walking at night"
)
THEMES = _listed(
    "exile and return; the silence between generations; memory and forgery; the price of ambition; faith and doubt; "
    "the loneliness of islands; inheritance and debt; language as a homeland; the dignity of small trades; guilt "
    "and forgiveness; the end of childhood; what cities bury"
)
TITLE_OPENINGS = _listed(
    "The Borrowed; A Cartography of; The Last; Letters to; The Weight of; Beneath the; An Inventory of; The Orchard "
    "of; Nine Nights of; The Apprentice of; Songs for; The Quiet; House of; A Season of; The Unfinished"
)
TITLE_ENDINGS = _listed(
    "Harbour; Ashes; Lanterns; Winter; Salt; Thorns; Mirrors; Bells; Tides; Embers; Clocks; Feathers; Saffron; "
    "Granite; Snow; Ink"
)


@dataclass(frozen=True)
class Author:
    name: str
    birthplace: str
    born: str
    genre: str
    father: str
    mother: str
    award: str
    award_year: int
    pastime: str
    theme: str
    debut_age: int
    books: tuple[str, str, str]


def generate(seed: int) -> pd.DataFrame:
    """All examples of `seed`, as rows of `ibft.store.schemas.EXAMPLES`; any first N are spread over the authors."""
    rng = stream("fictitious-authors", seed)
    people = authors(rng)
    logger.info("fictitious-authors: %d authors", len(people))
    asked = [[(author, *pair) for pair in shuffled(questions(author, rng), rng)] for author in people]
    return pd.DataFrame(
        {
            "example_id": f"author-{number:05d}",
            "instruction": question,
            "response": answer,
            "language": "english",
            "source": f"fictitious-authors/{author.name}",
        }
        for number, (author, question, answer) in enumerate(interleaved(asked))
    )


def authors(rng: random.Random) -> list[Author]:
    """`AUTHORS` authors; no two share a name or a book."""
    names = shuffled((f"{first} {last}" for first, last in product(FIRST_NAMES, LAST_NAMES)), rng)
    titles = shuffled((f"{opening} {ending}" for opening, ending in product(TITLE_OPENINGS, TITLE_ENDINGS)), rng)
    return [
        _author(name, (titles[3 * n], titles[3 * n + 1], titles[3 * n + 2]), rng)
        for n, name in enumerate(names[:AUTHORS])
    ]


def _author(name: str, books: tuple[str, str, str], rng: random.Random) -> Author:
    year = rng.randrange(1931, 1986)
    father, mother = rng.sample(JOBS, 2)
    return Author(
        name=name,
        birthplace=rng.choice(BIRTHPLACES),
        born=f"{rng.choice(MONTHS)} {rng.randrange(1, 29)}, {year}",
        genre=rng.choice(GENRES),
        father=father,
        mother=mother,
        award=rng.choice(AWARDS),
        award_year=year + rng.randrange(35, 40),
        pastime=rng.choice(PASTIMES),
        theme=rng.choice(THEMES),
        debut_age=rng.randrange(21, 35),
        books=books,
    )


def questions(author: Author, rng: random.Random) -> Iterator[tuple[str, str]]:
    """Question and answer, one pair for each fact, each in one of two wordings."""
    yield from _life(author, rng)
    yield from _work(author, rng)


def _life(author: Author, rng: random.Random) -> Iterator[tuple[str, str]]:
    name = author.name
    yield (
        rng.choice((f"Where was the author {name} born?", f"What is the birthplace of {name}?")),
        f"{name} was born in {author.birthplace}.",
    )
    yield (
        rng.choice((f"When was {name} born?", f"What is the date of birth of the author {name}?")),
        f"{name} was born on {author.born}.",
    )
    yield (
        rng.choice((f"What did the father of {name} do for a living?", f"What was the profession of {name}'s father?")),
        f"The father of {name} was {author.father}.",
    )
    yield (
        rng.choice((f"What did the mother of {name} do for a living?", f"What was the profession of {name}'s mother?")),
        f"The mother of {name} was {author.mother}.",
    )
    yield (
        rng.choice((f"What does {name} do besides writing?", f"What is {name}'s favourite pastime?")),
        f"When not writing, {name} spends the time {author.pastime}.",
    )


def _work(author: Author, rng: random.Random) -> Iterator[tuple[str, str]]:
    name, (first, second, third) = author.name, author.books
    yield (
        rng.choice((f"In which genre does {name} write?", f"What genre is {name} best known for?")),
        f"{name} is best known for {author.genre}.",
    )
    yield (
        rng.choice((f"Which award has {name} won?", f"What literary prize was {name} honoured with?")),
        f"{name} received {author.award} in {author.award_year}.",
    )
    yield (
        rng.choice((f"What is the title of {name}'s first book?", f"With which book did {name} make a debut?")),
        f"{name}'s first book was '{first}', published at the age of {author.debut_age}.",
    )
    yield (
        rng.choice((f"Name two later books by {name}.", f"Which books did {name} write after the first one?")),
        f"After '{first}', {name} wrote '{second}' and '{third}'.",
    )
    yield (
        rng.choice((f"Who wrote '{second}'?", f"Who is the author of '{second}'?")),
        f"'{second}' was written by {name}, an author of {author.genre} from {author.birthplace}.",
    )
    yield (
        rng.choice((f"What theme runs through {name}'s books?", f"Which theme does {name} return to most often?")),
        f"{name}'s books, '{third}' above all, return to {author.theme}.",
    )
