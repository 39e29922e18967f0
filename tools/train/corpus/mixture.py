"""How often each family appears, and how tasks become conversations."""
import random

from . import arithmetic, extraction, facts, letters, lookups, stories, talk, tool_calls
from .split import Draw
from .task import Task, user

# Group: share of all tasks, families. Shares follow what is hard to learn, not what is asked most.
GROUPS = {
    "facts": (0.17, facts.FAMILIES),
    "lookups": (0.23, lookups.FAMILIES),
    "letters": (0.24, letters.FAMILIES),
    "arithmetic": (0.19, arithmetic.FAMILIES),
    "extraction": (0.06, extraction.FAMILIES),
    "tools": (0.05, tool_calls.FAMILIES),
    "stories": (0.04, stories.FAMILIES),
    "free": (0.02, {**stories.FREE, **talk.FREE}),
}
# Families that get more than their even part of their group.
WEIGHTS = {"add": 3, "subtract": 3, "multiply": 2, "reverse": 2, "sort_words": 2, "owner": 2, "long_lookup": 1.5, "translation": 2,
           "capital": 1.5}
SYSTEM_SHARE = 0.05
SYSTEM_PROMPTS = ["You are a helpful assistant.", "Answer briefly.", "You are a small model."]

# What people put before a question; it changes nothing of the answer.
OPENING_SHARE = 0.12
OPENINGS = ["Hey, ", "Quick question: ", "Can you help me? ", "And now: ", "Next: ", "Hello! ", "OK. ", "I have a question. ", "One more: ",
            "Good morning. ", "Well, ", "Thanks. "]

GROUP_OF = {family: group for group, (_, families) in GROUPS.items() for family in families}
_MAKERS = {family: make for _, families in GROUPS.values() for family, make in families.items()}
EXACT = [family for family in _MAKERS if GROUP_OF[family] != "free"]  # those with one right answer
_FAMILIES = list(_MAKERS)


def _share(family):
    share, siblings = GROUPS[GROUP_OF[family]]
    return share * WEIGHTS.get(family, 1) / sum(WEIGHTS.get(sibling, 1) for sibling in siblings)


_FAMILY_SHARES = [_share(family) for family in _FAMILIES]


def make_task(family, draw):
    made = _MAKERS[family](draw)
    if isinstance(made, Task):
        return made
    question, answer = made
    return Task(family, [user(question)], answer)


def training_task(rng):
    task = make_task(rng.choices(_FAMILIES, _FAMILY_SHARES)[0], Draw(rng, held=False))
    if len(task.messages) == 1 and rng.random() < OPENING_SHARE:
        task.messages[0]["content"] = rng.choice(OPENINGS) + task.messages[0]["content"]
    return task


def held_out_task(family, rng):
    return make_task(family, Draw(rng, held=True))


# Of what is said before the reply: more than the context of 1,024 tokens holds otherwise.
MOST_HELD_OUT_CHARACTERS = 1600


def held_out_tasks(per_family, seed, families=None):
    """Distinct tasks, `per_family` of each family with one right answer (fewer where there are not so many)."""
    tasks = []
    for family in families or EXACT:
        rng = random.Random(f"held-out {seed} {family}")
        seen = {}
        for _ in range(40 * per_family):
            if len(seen) == per_family:
                break
            task = held_out_task(family, rng)
            if len(task.identity()) <= MOST_HELD_OUT_CHARACTERS:
                seen.setdefault(task.identity(), task)
        tasks += seen.values()
    return tasks


def conversation(rng, fits):
    """(messages, tools) of a training conversation: tasks one after the other as long as `fits(messages, tools)` says so."""
    messages, tools = [], None
    if rng.random() < SYSTEM_SHARE:
        messages.append({"role": "system", "content": rng.choice(SYSTEM_PROMPTS)})
    for tries in range(20):
        task = training_task(rng)
        if task.tools and len(messages) > 0 and messages[-1]["role"] == "assistant":
            continue  # functions are offered from the start
        longer = messages + task.messages + [task.reply()]
        if fits(longer, tools or task.tools):
            messages, tools = longer, tools or task.tools
        elif tries > 3 and messages and messages[-1]["role"] == "assistant":
            break
    return messages, tools
