#!/usr/bin/env python3
"""The training text: what is held out stays out, text is that of the chat template, answers are right."""
import json
import pathlib
import random
import re
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).absolute().parent))
sys.path.append("/usr/lib/python3/dist-packages")  # Debian's jinja2

import jinja2  # noqa: E402

from corpus import arithmetic, lexicon, mixture, phrasing, rendering  # noqa: E402
from corpus.mixture import conversation, held_out_tasks, make_task, training_task  # noqa: E402
from corpus.split import Draw, held_out  # noqa: E402

TASKS = 60000  # of training, as many as 1 in 40 of a run: more takes longer and finds the same


def some_conversations(count, seed=3, characters=700):
    rng = random.Random(seed)
    return [conversation(rng, lambda messages, tools: sum(len(message["content"]) for message in messages) < characters)
            for _ in range(count)]


def last_question(task):
    return [message["content"] for message in task.messages if message["role"] == "user"][-1]


def words_of(text):
    return set(re.findall(r"[a-z]+", text.lower()))


def words_and_numbers(text):
    return set(re.findall(r"\w+", text))


class HeldOutTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        rng = random.Random(1)
        cls.trained = [training_task(rng) for _ in range(TASKS)]
        cls.prompts = {phrasing.same(message["content"]) for task in cls.trained for message in task.messages if message["role"] == "user"}
        cls.held = held_out_tasks(60, "test")

    def test_no_held_out_prompt_is_in_the_training_text(self):
        for task in self.held:
            self.assertNotIn(phrasing.same(last_question(task)), self.prompts, task.family)

    def test_phrasings_of_the_two_sides_differ(self):
        for family in mixture.EXACT:
            draw = _RecordedPhrasings(random.Random(f"phrasings {family}"), held=True)
            for _ in range(60):
                make_task(family, draw)
            self.assertTrue(draw.trained and draw.unseen, family)
            self.assertFalse(set(map(phrasing.same, draw.trained)) & set(map(phrasing.same, draw.unseen)), family)

    def test_no_question_is_on_both_sides(self):
        # Operands of both sides on both: whatever training can ask, no held-out prompt does.
        for family in mixture.EXACT:
            sides = []
            for held in (False, True):
                rng = random.Random(f"phrasing {family}")
                draws = [make_task(family, _EveryOperand(rng, held)) for _ in range(400)]
                sides.append({re.sub(r"\d+", "7", phrasing.same(last_question(task))) for task in draws})
            self.assertFalse(sides[0] & sides[1], family)

    def test_held_out_words_and_names_are_nowhere_in_the_training_text(self):
        words = {word for word in lexicon.WORDS if held_out("word", word)}
        names = {name.lower() for name in lexicon.NAMES if held_out("name", name)}
        self.assertGreater(len(words), 8)
        self.assertGreater(len(names), 3)
        for task in self.trained:
            said = set() if mixture.GROUP_OF[task.family] == "facts" else words_of(task.identity() + " " + (task.answer or ""))
            self.assertFalse(said & words, task)
            self.assertFalse(said & names, task)

    def test_sums_of_held_out_pairs_are_not_trained(self):
        for task in self.trained:
            if task.family == "add":
                a, b = map(int, re.findall(r"\d+", task.messages[0]["content"]))
                self.assertFalse(held_out("add", a, b))

    def test_held_out_tasks_are_distinct_and_seeded(self):
        identities = [(task.family, task.identity()) for task in self.held]
        self.assertEqual(len(set(identities)), len(identities))
        self.assertEqual(identities, [(task.family, task.identity()) for task in held_out_tasks(60, "test")])
        self.assertEqual({task.family for task in self.held}, set(mixture.EXACT))


class _EveryOperand(Draw):
    """Operands of both sides, so that only phrasings tell them apart."""

    def operand(self, kind, make):
        return make()


class _RecordedPhrasings(Draw):
    def __init__(self, rng, held):
        super().__init__(rng, held)
        self.bases, self.trained, self.unseen = set(), set(), set()

    def phrase(self, trained, unseen):
        for template, others in phrasing.trainable(tuple(trained), tuple(unseen)):
            self.bases.add(template)
            self.trained |= {template, *others}
        self.unseen |= set(unseen)
        return super().phrase(trained, unseen)


class PhrasingTest(unittest.TestCase):
    def test_a_noun_phrase_a_request_and_a_question_are_asked_in_other_ways(self):
        for template, variant in (("What is the capital of {}?", "Can you tell me the capital of {}?"),
                                  ("Spell {}.", "Could you spell {}?"), ("Sort these words: {}", "Please sort these words: {}"),
                                  ("Who owns the {}?", "I want to know who owns the {}."),
                                  ("How old is {}?", "Tell me: how old is {}?")):
            self.assertIn(variant, phrasing.variants(template))
        self.assertEqual(phrasing.variants("{} + {} = ?"), [])

    def test_a_variant_that_is_held_out_is_not_trained(self):
        (_, others), = phrasing.trainable(("Spell the word {}.",), ("please spell the word {}",))
        self.assertIn("Can you spell the word {}?", others)
        self.assertNotIn("Please spell the word {}.", others)

    def test_no_variant_loses_an_operand(self):
        draw = _RecordedPhrasings(random.Random(4), held=False)
        for family in mixture.EXACT:
            for _ in range(20):
                make_task(family, draw)
        for template in draw.bases:
            operands = sorted(re.findall(r"\{.*?\}", template))
            for text in [*phrasing.variants(template), phrasing.careless(template)]:
                self.assertEqual(sorted(re.findall(r"\{.*?\}", text)), operands, template)


class AnswersTest(unittest.TestCase):
    def test_arithmetic(self):
        rng = random.Random(5)
        for _ in range(500):
            for family, compute in (("add", lambda a, b: a + b), ("subtract", lambda a, b: max(a, b) - min(a, b)),
                                    ("multiply", lambda a, b: a * b)):
                task = make_task(family, Draw(rng, held=True))
                a, b = map(int, re.findall(r"\d+", task.messages[0]["content"]))
                self.assertEqual(int(task.answer), compute(a, b), task)

    def test_roman_numerals_and_words(self):
        self.assertEqual([arithmetic.roman(n) for n in (4, 9, 14, 40, 90, 99, 249)], ["IV", "IX", "XIV", "XL", "XC", "XCIX", "CCXLIX"])
        self.assertEqual([arithmetic.in_words(n) for n in (0, 13, 20, 21, 99)], ["zero", "thirteen", "twenty", "twenty-one", "ninety-nine"])

    def test_look_ups_answer_with_what_was_said(self):
        sentence = re.compile(r"(?:\w+ has the|The \w+ belongs to|The code of the \w+ is|\w+ is|\w+ lives in|Your name is|You live in|"
                              r"Your favorite word is|The key is under the) (\w+)\.")
        for task in held_out_tasks(40, "look-ups", ["owner", "long_lookup", "code", "table", "memory"]):
            self.assertIn(sentence.fullmatch(task.answer)[1], words_and_numbers(task.identity()), task)

    def test_json_answers_parse(self):
        for task in held_out_tasks(20, "json", ["to_json", "order_json"]):
            self.assertEqual(json.dumps(json.loads(task.answer)), task.answer)

    def test_calls_have_the_arguments_that_are_asked_for(self):
        for task in held_out_tasks(40, "tools", ["tool_call"]):
            offered = {tool["function"]["name"]: tool["function"]["parameters"] for tool in task.tools}
            self.assertEqual(list(task.tool_call["arguments"]), offered[task.tool_call["name"]]["required"])


class RenderingTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"])
        # As transformers has it: no escaping of what is not ASCII, no sorting.
        environment.filters["tojson"] = lambda value: json.dumps(value, ensure_ascii=False)
        cls.template = environment.from_string(rendering.CHAT_TEMPLATE)

    def test_training_text_is_the_templates(self):
        with_tools = 0
        for messages, tools in some_conversations(400):
            with_tools += tools is not None
            text = "".join(piece for piece, _ in rendering.render(messages, tools))
            self.assertEqual(self.template.render(messages=messages, tools=tools), text)
            self.assertEqual(self.template.render(messages=messages, tools=tools, add_generation_prompt=True),
                             rendering.prompt(messages, tools))
        self.assertGreater(with_tools, 5)

    def test_arguments_as_text_and_functions_without_description(self):
        call = {"type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
        text = self.template.render(messages=[{"role": "user", "content": "x"}, {"role": "assistant", "content": None, "tool_calls": [call]}],
                                    tools=[{"type": "function", "function": {"name": "f"}}])
        self.assertIn("Functions:\nf()<|im_end|>", text)
        self.assertIn('<tool_call>\n{"name": "f", "arguments": {"a": 1}}\n</tool_call><|im_end|>', text)

    def test_replies_are_marked(self):
        for messages, tools in some_conversations(50):
            replies = [piece for piece, said in rendering.render(messages, tools) if said]
            self.assertEqual(len(replies), sum(message["role"] == "assistant" for message in messages))
            self.assertTrue(all(reply.endswith(rendering.END) for reply in replies))


if __name__ == "__main__":
    unittest.main()
