"""Plain text to JSON and back."""
import json

from .lexicon import name, place, words


def _person(draw):
    return name(draw), draw.rng.randrange(5, 90), place(draw)


def _to_json(draw):
    who, age, city = _person(draw)
    sentence = draw.rng.choice(("{0} is {1} years old and lives in {2}.", "{0}, {1}, lives in {2}.", "In {2} lives {0}, who is {1}.",
                                "{0} from {2} is {1} years old.")).format(who, age, city)
    ask = draw.phrase(["Write this as JSON: {}", "{} Write this as JSON.", "Extract JSON: {}", "{} As JSON, please.",
                       "Convert to JSON: {}", "JSON: {}", "Make JSON of this: {}", "Put this into JSON: {}", "As JSON: {}",
                       "{} Turn it into JSON.", "{} Make that JSON.", "Write JSON for: {}", "Give me JSON for this: {}",
                       "{} What is that as JSON?", "Read this and write JSON: {}", "{} Extract it as JSON.", "Show this as JSON: {}"],
                      ["Turn this into JSON: {}", "Please extract JSON: {}"])
    return ask.format(sentence), json.dumps({"name": who, "age": age, "city": city})


def _order(draw):
    count, (what,), who = draw.rng.randrange(2, 100), words(draw, 1), name(draw)
    sentence = draw.rng.choice(("{0} orders {1} of item {2}.", "Order: {1} of item {2} for {0}.", "{0} wants to buy {1} of item {2}.")
                               ).format(who, count, what)
    ask = draw.phrase(["Extract the order as JSON: {}", "{} Write the order as JSON.", "The order as JSON: {}",
                       "Write the order as JSON: {}", "Order to JSON: {}", "Convert the order to JSON: {}",
                       "Put the order into JSON: {}", "{} What is the order as JSON?", "{} Give me the order as JSON.",
                       "{} Make the order JSON.", "Show the order as JSON: {}", "Read the order and write JSON: {}"],
                      ["Please give me the order as JSON: {}", "Turn the order into JSON: {}"])
    return ask.format(sentence), json.dumps({"customer": who, "item": what, "count": count})


def _from_json(draw):
    who, age, city = _person(draw)
    key, value = draw.rng.choice((("name", who), ("age", str(age)), ("city", city)))
    ask = draw.phrase(["{0} What is the {1}?", "Value of {1} in {0}", "Read the {1} from {0}", "{0} Which {1} is it?",
                       "{0} Give me the {1}.", "{0} The {1}?", "What {1} stands in {0}", "Find the {1} in {0}", "Look up the {1} in {0}",
                       "{0} Read the {1}.", "Give me the {1} of {0}", "{0} And the {1}?", "The {1} in {0}"],
                      ["{0} Tell me the {1}.", "What is the {1} in {0}"])
    return ask.format(json.dumps({"name": who, "age": age, "city": city}), key), value


FAMILIES = {"to_json": _to_json, "order_json": _order, "from_json": _from_json}
