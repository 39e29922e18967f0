"""Words, names and places. Real ones are written here; most are made of syllables, so that there are always new ones."""
from .split import held_out

WORDS = """
anchor angle apple arrow autumn bakery ballad bamboo banner barley barrel basket beacon beaver bench berry blanket blossom
bottle branch brick bridge broom bucket butter button cabin cable camel candle canvas carbon carpet castle cedar cellar
chalk cherry chimney circle clay cloud clover coat cobalt coffee comet copper coral cotton cradle crane cricket crown crystal
curtain dagger daisy desert diamond dolphin donkey dragon drawer drum eagle echo elbow ember engine falcon feather fence ferry
fiddle finger flame flute forest fossil fountain fox garden garlic ginger glacier glove granite grape gravel guitar hammer
harbor hazel helmet heron hill honey horizon hunter insect island ivory jacket jasmine jewel jungle kernel kettle kitchen
kite ladder lagoon lamp lantern laurel leaf lemon letter lever lily linen lion lizard locket lumber magnet mango mantle
maple marble market meadow melon mirror monkey mortar mountain museum mushroom mustard needle nickel north oak oasis ocean
olive onion orange orchard otter oven owl oyster paddle palace panther paper parrot pasture pearl pebble pencil pepper piano
pigeon pillow pine pirate planet plaster plum pocket pond poplar potato powder prairie pumpkin puppet quarry quartz quill
rabbit radish raven reef ribbon river robin rocket roof rope rose ruby saddle salmon sand sapphire scarf school sculptor
seal shadow shell shield ship silk silver sketch sleeve smoke snail soldier spade sparrow spice spider spoon spring squirrel
stable star station statue steel stone stork storm stove straw stream sugar summer sunset swan table tailor temple thistle
thread thunder ticket tiger timber tomato torch tower train trumpet tulip tunnel turkey turtle valley velvet vessel village
vine violet violin wagon walnut water weasel whale wheat wheel whistle willow window winter wizard wolf wool yarn zebra
""".split()

NAMES = """
Ada Aldo Alma Amir Anna Arno Ava Bela Ben Berta Bruno Carl Cleo Clara Dan Dora Edda Eli Emil Emma Eva Felix Finn Flora Frida
Gina Greta Hana Hugo Ida Igor Ines Iris Ivan Jana Jon Jonas Julia Karl Kim Klara Lara Lena Leo Lina Luca Luis Maja Mara Marco
Max Mia Mila Mona Nico Nina Nora Olga Omar Otto Paul Pia Quinn Rita Rosa Ruben Rudi Sam Sara Simon Sofia Stella Tara Tina Tom
Uma Urs Vera Viktor Walter Wanda Will Xenia Yara Yusuf Zita Zoe
""".split()

_ONSETS = "b c d f g h j k l m n p r s t v w z br cl dr fl gr pl st tr sh".split()
_VOWELS = "a e i o u a e i o ai ou".split()
_CODAS = ["", "", "", "n", "r", "l", "s", "m", "t"]


def made_word(rng, syllables=None):
    count = syllables or rng.choice((2, 2, 3))
    return "".join(rng.choice(_ONSETS) + rng.choice(_VOWELS) + rng.choice(_CODAS) for _ in range(count))


def word(draw):
    """A word of the draw's side: its letters are spelled nowhere on the other."""
    rng = draw.rng
    return draw.operand("word", lambda: rng.choice(WORDS) if rng.random() < 0.4 else made_word(rng))


def words(draw, count):
    """Distinct words of any side: for tasks whose operand is the whole list."""
    rng = draw.rng
    found = []
    while len(found) < count:
        one = rng.choice(WORDS) if rng.random() < 0.7 else made_word(rng)
        if one not in found and (draw.held or not held_out("word", one)):
            found.append(one)
    return found


def name(draw):
    rng = draw.rng
    return draw.operand("name", lambda: rng.choice(NAMES) if rng.random() < 0.5 else made_word(rng, 2).capitalize())


def names(draw, count):
    """Distinct names of the draw's side."""
    found = []
    while len(found) < count:
        one = name(draw)
        if one not in found:
            found.append(one)
    return found


def place(draw):
    rng = draw.rng
    return draw.operand("place", lambda: (made_word(rng, 2) + rng.choice(("ville", "ton", "burg", "dale"))).capitalize())
