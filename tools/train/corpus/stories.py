"""Short stories: told freely, and read for an answer."""
from .lexicon import names, words

PLACES = "garden forest harbor market castle valley station library museum bakery".split()
MOODS = "happy sad quiet proud tired curious".split()
WEATHER = "rain snow wind sun fog".split()
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()


class Story:
    def __init__(self, draw):
        rng = draw.rng
        self.hero, self.friend = names(draw, 2)
        self.found, self.kept = words(draw, 2)
        self.place, self.mood, self.weather, self.day = (rng.choice(some) for some in (PLACES, MOODS, WEATHER, DAYS))
        self.text = " ".join((
            rng.choice((f"One {self.day} {self.hero} went to the {self.place} with {self.friend}.",
                        f"On {self.day} {self.hero} and {self.friend} met at the {self.place}.")),
            rng.choice((f"There was {self.weather} all day.", f"All day there was {self.weather}.")),
            rng.choice((f"They found a {self.found} and a {self.kept}.", f"There they saw a {self.found} and a {self.kept}.")),
            f"{self.hero} gave the {self.found} to {self.friend} and kept the {self.kept}.",
            rng.choice((f"In the evening {self.friend} was {self.mood}, and they walked home together.",
                        f"{self.friend} was {self.mood} on the way home.")),
        ))


def _tell(draw):
    story = Story(draw)
    return draw.phrase(["Tell a short story about {} and {}.", "Write a story with {} and {}.", "A story about {} and {}, please."],
                       ["Please tell a story about {} and {}."]).format(story.hero, story.friend), story.text


def _read(draw):
    story = Story(draw)
    hero, friend = story.hero, story.friend
    question, answer = draw.rng.choice((
        (draw.phrase(["Where did they go?", "At which place were they?"], ["To which place did they go?"]),
         f"They went to the {story.place}."),
        (draw.phrase(["What did {} keep?", "Which thing did {} keep?"], ["Tell me what {} kept."]).format(hero),
         f"{hero} kept the {story.kept}."),
        (draw.phrase(["What did {} get?", "What was given to {}?"], ["Which thing did {} get?"]).format(friend),
         f"{friend} got the {story.found}."),
        (draw.phrase(["On which day was it?", "Which day was it?"], ["On what day did it happen?"]), f"It was on {story.day}."),
        (draw.phrase(["How was {}?", "In which mood was {}?"], ["How did {} feel?"]).format(friend), f"{friend} was {story.mood}."),
        (draw.phrase(["How was the weather?", "What was the weather like?"], ["Which weather was it?"]), f"There was {story.weather}."),
    ))
    return f"{story.text} {question}", answer


FREE = {"story": _tell}  # no one right answer
FAMILIES = {"read_story": _read}
