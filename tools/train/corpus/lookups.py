"""Answers that stand in the conversation: the model must find them, near or hundreds of tokens back.

Replies are sentences that name what was asked for first, as people answer: "Ada has the lemon.", not "lemon".
"""
from .lexicon import name, names, place, words
from .task import Task, assistant, user


def _ask_in_turns(draw, family, text, questions):
    """A text and a question; often others came before it about the same text. `questions`: makes (question, answer)."""
    turns = [questions() for _ in range(draw.rng.choice((1, 1, 1, 2, 3, 4)))]
    messages = []
    for at, (question, answer) in enumerate(turns):
        messages.append(user(text + question if at == 0 else question))
        if at + 1 < len(turns):
            messages.append(assistant(answer))
    return Task(family, messages, turns[-1][1])


def _pairs(draw, count):
    return list(zip(names(draw, count), words(draw, count)))


def _about_owner(draw, who, what):
    return draw.phrase(
        ["What does {} have?", "What has {}?", "What is it that {} has?", "And what does {} have?", "What does {} own?",
         "Which thing has {}?", "{} has what?", "What belongs to {}?", "Which thing belongs to {}?", "And {}?", "{}?",
         "Look for {}: what is there?", "Say what {} has.", "What did I say that {} has?", "What thing is with {}?",
         "Which is the thing of {}?", "What is in the hands of {}?"],
        ["Tell me what {} has.", "Which thing does {} have?"],
    ).format(who), f"{who} has the {what}."


def _about_thing(draw, who, what):
    return draw.phrase(
        ["To whom does the {} belong?", "Whose is the {}?", "And to whom does the {} belong?", "Who owns the {}?", "Who has the {}?",
         "Who has got the {}?", "Whose {} is it?", "The {} belongs to whom?", "The {}?", "Who is the owner of the {}?",
         "Where is the {}, who has it?", "Who keeps the {}?", "Say who has the {}.", "Whose thing is the {}?", "With whom is the {}?"],
        ["Tell me to whom the {} belongs.", "Whom does the {} belong to?"],
    ).format(what), f"The {what} belongs to {who}."


# How a pair is said, and what is asked about it then.
_STYLES = [("{who} has the {what}", _about_owner), ("the {what} belongs to {who}", _about_thing),
           ("{who}: {what}", _about_owner), ("{who} keeps the {what}", _about_owner)]


def _owner(draw):
    some = _pairs(draw, draw.rng.randrange(2, 7))
    said, ask = draw.rng.choice(_STYLES)
    text = "; ".join(said.format(who=who, what=what) for who, what in some)
    return _ask_in_turns(draw, "owner", f"{text[0].upper() + text[1:]}. ", lambda: ask(draw, *draw.rng.choice(some)))


def _filler(draw):
    return draw.rng.choice((
        "The {} stands beside the {}.", "A {} and a {} lie on the table.", "Nobody saw the {} near the {}.",
        "In the {} there was no {}.", "The {} is older than the {}.", "Some like the {}, others the {}.",
        "It rained on the {} and on the {}.",
    )).format(*words(draw, 2))


def _page(draw, sentences, told):
    """Sentences that say nothing of interest, with those of `told` among them."""
    lines = [_filler(draw) for _ in range(max(0, sentences - len(told)))]
    for sentence in told:
        lines.insert(draw.rng.randrange(len(lines) + 1), sentence)
    return " ".join(lines) + " "


def _long(draw):
    some = _pairs(draw, draw.rng.randrange(2, 9))
    page = _page(draw, draw.rng.randrange(8, 48), [f"{who} has the {what}." for who, what in some])
    return _ask_in_turns(draw, "long_lookup", page, lambda: _about_owner(draw, *draw.rng.choice(some)))


def _code(draw):
    rng = draw.rng
    codes = [(what, "".join(str(rng.randrange(10)) for _ in range(rng.randrange(3, 6)))) for what in words(draw, rng.randrange(2, 5))]
    page = _page(draw, rng.randrange(2, 40), [f"The code of the {what} is {code}." for what, code in codes])

    def ask():
        what, code = rng.choice(codes)
        return draw.phrase(
            ["What is the code of the {}?", "Which code has the {}?", "Code of the {}?", "Give me the code of the {}.",
             "What code has the {}?", "The code of the {}?", "The {} has which code?", "Find the code of the {}.",
             "What was the code of the {}?", "What is the code for the {}?", "Which code belongs to the {}?", "And the code of the {}?",
             "What numbers open the {}?", "Which is the code of the {}?", "Look up the code of the {}.", "Say the code of the {}."],
            ["Tell me the code of the {}.", "Which code does the {} have?"],
        ).format(what), f"The code of the {what} is {code}."
    return _ask_in_turns(draw, "code", page, ask)


def _table(draw):
    rng = draw.rng
    rows = [(who, str(rng.randrange(5, 90)), place(draw)) for who in names(draw, rng.randrange(2, 6))]

    def ask():
        who, age, city = rng.choice(rows)
        if rng.random() < 0.5:
            return draw.phrase(["How old is {}?", "What is the age of {}?", "Age of {}?", "{} is how old?",
                                "What is the age of {} in the table?", "And how old is {}?", "How many years old is {}?",
                                "How many years has {}?", "Say how old {} is.", "Look up the age of {}.", "The age of {}?",
                                "Which age does {} have?", "I want to know how old {} is."],
                               ["Tell me the age of {}.", "What age is {}?"]).format(who), f"{who} is {age}."
        return draw.phrase(["Where does {} live?", "In which city does {} live?", "City of {}?", "Where is the home of {}?",
                            "{} lives where?", "{} lives in which city?", "In what city does {} live?", "What is the city of {}?",
                            "And where does {} live?", "Where lives {}?", "Say where {} lives.", "Look up the city of {}.",
                            "The city of {}?", "What city is {} from?", "I want to know where {} lives."],
                           ["Tell me where {} lives.", "Which city does {} live in?"]).format(who), f"{who} lives in {city}."
    return _ask_in_turns(draw, "table", "name,age,city\n" + "\n".join(map(",".join, rows)) + "\n", ask)


def _memory(draw):
    """Something said turns ago."""
    rng = draw.rng
    who, city, (pet, thing) = name(draw), place(draw), words(draw, 2)
    said = [
        (draw.phrase(["My name is {}.", "I am {}.", "Call me {}.", "I'm {}.", "You can call me {}.", "People call me {}.",
                      "Hello, I am {}.", "The name is {}.", "By the way, I am called {}."],
                     ["Hi, my name is {}."]).format(who), f"Nice to meet you, {who}!",
         draw.phrase(["What is my name?", "Who am I?", "Do you remember my name?", "What's my name?", "What am I called?",
                      "Say my name.", "Which name do I have?", "My name?", "How do people call me?", "Please tell me who I am.",
                      "What did I say my name was?"], ["Tell me my name.", "What is my name again?"]),
         f"Your name is {who}."),
        (draw.phrase(["I live in {}.", "My home is {}.", "I am from {}.", "My city is {}.", "My house is in {}.", "{} is my home.",
                      "I have moved to {}.", "You find me in {}."], ["I come from {}."]).format(city), f"I hope you like it in {city}.",
         draw.phrase(["Where do I live?", "Which city do I live in?", "What is my city?", "Where is my home?", "In what city do I live?",
                      "My city?", "What city am I in?", "Where am I from?", "Say where I live.", "Do you remember where I live?",
                      "Which city is my home?"], ["Tell me where I live.", "In which city do I live?"]),
         f"You live in {city}."),
        (draw.phrase(["My favorite word is {}.", "I like the word {}.", "My word is {}.", "{} is my favorite word.",
                      "I love the word {}.", "The best word is {}.", "There is no better word than {}.", "I like the word {} best."],
                     ["The word that I like best is {}."]).format(pet),
         "I will remember that.",
         draw.phrase(["What is my favorite word?", "Which word do I like?", "What word do I like?", "Which word do I like best?",
                      "My favorite word?", "Which is my favorite word?", "Do you remember my favorite word?", "Say my favorite word.",
                      "What word do I love?", "Which word did I call my favorite?"],
                     ["Tell me my favorite word.", "Which word is my favorite?"]),
         f"Your favorite word is {pet}."),
        (draw.phrase(["I have put the key under the {}.", "The key lies under the {}.", "The key is under the {}.",
                      "I left the key under the {}.", "Look for the key under the {}.", "I hid the key under the {}.",
                      "Under the {} there is a key."], ["My key is under the {}."]).format(thing),
         "I will remember that.",
         draw.phrase(["Where is the key?", "Under what is the key?", "Where's the key?", "Where is my key?", "Where did I put the key?",
                      "Under which thing is the key?", "Where do I find the key?", "Say where the key is.",
                      "Do you remember where the key is?", "The key is under what?"],
                     ["Tell me where the key is.", "Where did the key go?"]),
         f"The key is under the {thing}."),
    ]
    told = rng.sample(said, rng.randrange(1, 4))
    messages = []
    for statement, reply, _, _ in told:
        messages += [user(statement), assistant(reply)]
    _, _, question, answer = rng.choice(told)
    return Task("memory", messages + [user(question)], answer)


FAMILIES = {"owner": _owner, "long_lookup": _long, "code": _code, "table": _table, "memory": _memory}
