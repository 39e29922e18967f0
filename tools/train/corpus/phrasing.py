"""What people make of a question without changing its answer: politeness, indirect questions, careless typing.

A phrasing is a template with {} where its operands go. `variants` are other phrasings of one; `same` says which two
differ in nothing but case and punctuation, so that a held-out phrasing is not trained by way of a careless one.
"""
import functools
import re

VARIED_SHARE = 0.55
CARELESS_SHARE = 0.08

_VERBS = frozenset("""add arrange book bring calculate call check choose compute continue convert count define describe explain
    extend extract find get give go list look make multiply name order phone pick play print put read repeat reserve reverse ring
    say search send set show sort spell start subtract take tell translate turn wake work write""".split())
_FOR_REQUESTS = ["Please {}.", "Can you {}?", "Could you {}?", "Would you {}?", "Could you please {}?", "I want you to {}.",
                 "I would like you to {}.", "Now {}.", "Next, {}.", "You should {}.", "Help me: {}.", "Kindly {}.", "Go ahead and {}."]

# "the capital of France", asked for.
_NOUN_PHRASE = re.compile(r"(?:What is|What's|Give me|Name|Tell me|I need) (the .*?)([.?]?)")
_FOR_NOUN_PHRASES = ["What is {}?", "What's {}?", "Give me {}.", "Name {}.", "Tell me {}.", "I need {}.", "I want to know {}.",
                     "Do you know {}?", "Can you tell me {}?", "Please tell me {}.", "Please give me {}.", "What would be {}?", "Find {}.",
                     "Say {}."]

_QUESTION = re.compile(r"((?:What|What's|Which|Who|Whose|Whom|How|Where|When|Is|To|On|In|At|Of|Under|Do|Does) .*?)([.?]?)")
_FOR_QUESTIONS = ["Tell me: {}?", "Please tell me: {}?", "Do you know: {}?", "Can you say: {}?", "I wonder: {}?", "So {}?", "Say, {}?",
                  "I ask you: {}?", "Now {}?", "Please, {}?"]

# Questions whose words keep their order in an indirect one.
_SUBJECT_QUESTION = re.compile(r"((?:Which \S+ (?:has|comes|is)|What \S+ has|Who owns|What has|How many letters are) .*?)([.?]?)")
_FOR_SUBJECT_QUESTIONS = ["Tell me {}.", "Do you know {}?", "Can you tell me {}?", "I want to know {}.", "Please tell me {}.", "Say {}.",
                          "I wonder {}."]


def same(template):
    """Equal for two phrasings that differ in nothing but case and punctuation."""
    return " ".join(re.sub(r"[^\w{}+*/=-]", " ", template.casefold()).split())


def _lower(text):
    return text[0].lower() + text[1:]


def _put(form, text, end):
    """`text` in a form; one that ended without a mark, as with a list, goes on doing so."""
    return form.format(text) if end else form.format(text).rstrip(".?")


def variants(template):
    """Other phrasings of a template; none where no rule knows it."""
    found = []
    if match := _NOUN_PHRASE.fullmatch(template):
        found += [_put(form, match[1], match[2]) for form in _FOR_NOUN_PHRASES]
    elif template.split(" ")[0].rstrip(":").lower() in _VERBS:
        text = template.rstrip(".?")
        found += [_put(form, _lower(text), template[len(text):]) for form in _FOR_REQUESTS]
        if text != template:
            found.append(text + ", please.")
    if match := _SUBJECT_QUESTION.fullmatch(template):
        found += [_put(form, _lower(match[1]), match[2]) for form in _FOR_SUBJECT_QUESTIONS]
    if match := _QUESTION.fullmatch(template):
        found += [_put(form, _lower(match[1]), match[2]) for form in _FOR_QUESTIONS]
    return [text for text in dict.fromkeys(found) if text != template]


def careless(template):
    """Typed in haste: no capital at the start, no mark at the end."""
    text = template if template.startswith("{") else _lower(template)
    return text.rstrip(".? ")


@functools.lru_cache(None)
def trainable(trained, unseen):
    """The phrasings of `trained`, each with those of its variants that are none of `unseen`."""
    taken = {same(template) for template in unseen}
    return [(template, tuple(text for text in variants(template) if same(text) not in taken)) for template in trained]


def choose(rng, trained, unseen):
    template, others = rng.choice(trainable(tuple(trained), tuple(unseen)))
    if others and rng.random() < VARIED_SHARE:
        template = rng.choice(others)
    if rng.random() < CARELESS_SHARE:
        template = careless(template)
    return template
