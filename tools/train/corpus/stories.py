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
    return draw.phrase(["Tell a short story about {} and {}.", "Write a story with {} and {}.", "A story about {} and {}, please.",
                        "Tell me a story about {} and {}.", "Make up a story about {} and {}.",
                        "I want to hear a story about {} and {}.", "Can you write about {} and {}?"],
                       ["Please tell a story about {} and {}."]).format(story.hero, story.friend), story.text


def _read(draw):
    story = Story(draw)
    hero, friend = story.hero, story.friend
    question, answer = draw.rng.choice((
        (draw.phrase(["Where did they go?", "At which place were they?", "Where were they?", "What place did they go to?",
                      "Which place did they visit?", "Where did they meet?", "Where was it?", "In which place was it?",
                      "Where did it happen?", "What is the place of the story?", "Say where they went.", "They went where?",
                      "Where does the story happen?"], ["To which place did they go?"]),
         f"They went to the {story.place}."),
        (draw.phrase(["What did {} keep?", "Which thing did {} keep?", "What does {} keep?", "What thing did {} keep?", "{} kept what?",
                      "Which of the two things did {} keep?", "What remained with {}?", "Say what {} kept.",
                      "What did {} not give away?", "What was kept by {}?", "What has {} in the end?"],
                     ["Tell me what {} kept."]).format(hero),
         f"{hero} kept the {story.kept}."),
        (draw.phrase(["What did {} get?", "What was given to {}?", "What thing was given to {}?", "{} got what?", "What does {} get?",
                      "What was the gift for {}?", "What did {} receive?", "Which thing was given to {}?", "Say what {} got.",
                      "Which gift did {} get?"], ["Which thing did {} get?"]).format(friend),
         f"{friend} got the {story.found}."),
        (draw.phrase(["On which day was it?", "Which day was it?", "What day was it?", "When was it?", "When did it happen?",
                      "On what day was it?", "On which day did it happen?", "On which day did they meet?",
                      "Which day of the week was it?", "Say which day it was.", "It was on which day?"],
                     ["On what day did it happen?"]), f"It was on {story.day}."),
        (draw.phrase(["How was {}?", "In which mood was {}?", "What was the mood of {}?", "{} was in which mood?",
                      "How was {} in the evening?", "Say how {} was.", "What mood was {} in?", "How was the mood of {}?", "{} was how?"],
                     ["How did {} feel?"]).format(friend), f"{friend} was {story.mood}."),
        (draw.phrase(["How was the weather?", "What was the weather like?", "What was the weather?", "What weather was there?",
                      "How was the weather that day?", "Which weather did they have?", "What was the weather on that day?",
                      "Say how the weather was.", "And the weather?", "What weather did they have?"],
                     ["Which weather was it?"]), f"There was {story.weather}."),
    ))
    return f"{story.text} {question}", answer


FREE = {"story": _tell}  # no one right answer
FAMILIES = {"read_story": _read}
