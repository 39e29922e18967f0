"""Small facts: the same ones in training and in the held-out tasks, asked there in phrasings that training never uses."""

CAPITALS = dict(pair.split("=") for pair in """
Australia=Canberra;Austria=Vienna;Belgium=Brussels;Bolivia=Sucre;Brazil=Brasilia;Bulgaria=Sofia;Canada=Ottawa;Chile=Santiago;
China=Beijing;Colombia=Bogota;Croatia=Zagreb;Cuba=Havana;Denmark=Copenhagen;Egypt=Cairo;Estonia=Tallinn;Ethiopia=Addis Ababa;
Finland=Helsinki;France=Paris;Germany=Berlin;Ghana=Accra;Greece=Athens;Hungary=Budapest;Iceland=Reykjavik;India=New Delhi;
Indonesia=Jakarta;Iran=Tehran;Iraq=Baghdad;Ireland=Dublin;Italy=Rome;Jamaica=Kingston;Japan=Tokyo;Kenya=Nairobi;Latvia=Riga;
Lebanon=Beirut;Lithuania=Vilnius;Malta=Valletta;Mexico=Mexico City;Mongolia=Ulaanbaatar;Morocco=Rabat;Nepal=Kathmandu;
Nigeria=Abuja;Norway=Oslo;Peru=Lima;Poland=Warsaw;Portugal=Lisbon;Romania=Bucharest;Russia=Moscow;Senegal=Dakar;Serbia=Belgrade;
Slovakia=Bratislava;South Korea=Seoul;Spain=Madrid;Sudan=Khartoum;Sweden=Stockholm;Switzerland=Bern;Syria=Damascus;
Thailand=Bangkok;Tunisia=Tunis;Turkey=Ankara;Ukraine=Kyiv;Uruguay=Montevideo;Vietnam=Hanoi;Zambia=Lusaka
""".replace("\n", "").split(";"))

OPPOSITES = [pair.split("-") for pair in """
hot-cold big-small fast-slow high-low light-dark open-closed early-late rich-poor young-old happy-sad wet-dry full-empty hard-soft
loud-quiet strong-weak thick-thin wide-narrow deep-shallow clean-dirty sharp-blunt near-far up-down left-right first-last
true-false day-night inside-outside friend-enemy win-lose push-pull begin-end buy-sell rough-smooth sweet-sour brave-cowardly
""".split()]

TRANSLATIONS = {language: dict(pair.split("=") for pair in text.split()) for language, text in {
    "German": """house=Haus tree=Baum water=Wasser fire=Feuer bread=Brot book=Buch dog=Hund cat=Katze sun=Sonne moon=Mond car=Auto
        road=Weg hand=Hand eye=Auge day=Tag night=Nacht milk=Milch apple=Apfel school=Schule friend=Freund city=Stadt river=Fluss
        window=Fenster door=Tür table=Tisch chair=Stuhl bird=Vogel fish=Fisch year=Jahr world=Welt flower=Blume mountain=Berg
        egg=Ei snow=Schnee horse=Pferd heart=Herz star=Stern stone=Stein letter=Brief cheese=Käse""",
    "French": """house=maison tree=arbre water=eau fire=feu bread=pain book=livre dog=chien cat=chat sun=soleil moon=lune
        car=voiture road=route hand=main eye=œil day=jour night=nuit milk=lait apple=pomme school=école friend=ami city=ville
        river=rivière window=fenêtre door=porte table=table chair=chaise bird=oiseau fish=poisson year=an world=monde flower=fleur
        mountain=montagne egg=œuf snow=neige horse=cheval heart=cœur star=étoile stone=pierre letter=lettre cheese=fromage""",
}.items()}

SOUNDS = dict(pair.split("=") for pair in """dog=barks cat=meows cow=moos sheep=bleats horse=neighs lion=roars duck=quacks
    owl=hoots wolf=howls snake=hisses bee=buzzes frog=croaks pig=oinks crow=caws mouse=squeaks""".split())

YOUNG = dict(pair.split("=") for pair in """dog=puppy cat=kitten cow=calf sheep=lamb horse=foal lion=cub duck=duckling bear=cub
    frog=tadpole pig=piglet goat=kid hen=chick deer=fawn goose=gosling kangaroo=joey swan=cygnet""".split())

COLORS = dict(pair.split("=") for pair in """banana=yellow cherry=red grass=green snow=white coal=black sky=blue carrot=orange
    plum=purple milk=white blood=red lemon=yellow chocolate=brown flamingo=pink emerald=green ruby=red sapphire=blue""".split())

SYMBOLS = dict(pair.split("=") for pair in """hydrogen=H helium=He lithium=Li carbon=C nitrogen=N oxygen=O neon=Ne sodium=Na
    magnesium=Mg aluminium=Al silicon=Si sulfur=S chlorine=Cl argon=Ar potassium=K calcium=Ca iron=Fe nickel=Ni copper=Cu zinc=Zn
    silver=Ag tin=Sn iodine=I gold=Au mercury=Hg lead=Pb uranium=U""".split())

DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
MONTHS = "January February March April May June July August September October November December".split()

TERMS = {
    "a token": "A token is a piece of text that the model reads or writes in one step.",
    "an expert": "An expert is a small feed-forward network. The router sends each token to a few experts.",
    "a router": "A router scores the experts of a layer for each token and picks the best ones.",
    "a mixture of experts": "A mixture of experts is a layer with many experts of which only a few work on each token.",
    "a pre-gate": "A pre-gate picks the experts of a later layer early, so that they can be fetched before they are needed.",
    "prefill": "Prefill is the phase in which the model reads the whole prompt and fills its key-value cache.",
    "decode": "Decode is the phase in which the model writes one new token per sequence and step.",
    "a batch": "A batch is a set of sequences that the engine runs through the model in one step.",
    "a key-value cache": "A key-value cache keeps the keys and values of past tokens so that they are not computed again.",
    "an expert cache": "An expert cache keeps the experts that are used often in fast memory.",
    "a placement plan": "A placement plan says on which device each expert and each of its copies lives.",
    "streaming": "Streaming sends each token to the client as soon as the model has written it.",
    "prefetching": "Prefetching reads data before it is needed, so that nobody waits for it.",
    "quantization": "Quantization stores numbers with fewer bits, so that a model takes less memory.",
}


def _capital(draw):
    country = draw.rng.choice(list(CAPITALS))
    return draw.phrase(
        ["What is the capital of {}?", "Capital of {}?", "Name the capital of {}.", "Which city is the capital of {}?",
         "The capital of {} is which city?", "Tell me the capital of {}.", "What's the capital city of {}?", "{}: capital?",
         "I need the capital of {}.", "Which is the capital of {}?", "What city is the capital of {}?", "The capital city of {}?",
         "{} has which capital?", "Where is the government of {}?", "Capital city of {}?"],
        ["Which city serves as the capital of {}?", "Please name the capital city of {}.", "Do you know the capital of {}?"],
    ).format(country), CAPITALS[country]


def _country(draw):
    country = draw.rng.choice(list(CAPITALS))
    return draw.phrase(
        ["Which country has the capital {}?", "{} is the capital of which country?", "Name the country whose capital is {}.",
         "Of which country is {} the capital?", "What country has {} as its capital?", "{} is the capital of what country?",
         "{} is which country's capital?", "{} is the capital of?", "In which country is {} the capital?",
         "What is the country with the capital {}?", "Which country belongs to the capital {}?"],
        ["Tell me which country has {} as its capital.", "{} is the capital city of which country?"],
    ).format(CAPITALS[country]), country


def _opposite(draw):
    pair = list(draw.rng.choice(OPPOSITES))
    draw.rng.shuffle(pair)
    return draw.phrase(
        ["What is the opposite of {}?", "Opposite of {}?", "Name the opposite of {}.", "Give me the opposite of {}.",
         "Which word is the opposite of {}?", "What's the opposite of the word {}?", "{}: opposite?", "What is the contrary of {}?",
         "Not {} but what?", "The opposite of {} is?", "Which word means the opposite of {}?", "What is not {}?"],
        ["Tell me the opposite of {}.", "What word is the opposite of {}?"],
    ).format(pair[0]), pair[1]


def _translation(draw):
    language = draw.rng.choice(list(TRANSLATIONS))
    word = draw.rng.choice(list(TRANSLATIONS[language]))
    return draw.phrase(
        ["Translate {0} into {1}.", "What is {0} in {1}?", "How do you say {0} in {1}?", "{0} in {1}?", "Give me the {1} word for {0}.",
         "Translate the word {0} to {1}.", "What is the {1} for {0}?", "Say {0} in {1}.", "What does {0} mean in {1}?",
         "The {1} for {0}?", "{1}: {0}?", "How is {0} called in {1}?", "{0}: what is it in {1}?", "Which {1} word means {0}?",
         "In {1}, what is {0}?"],
        ["What is the {1} word for {0}?", "Please translate {0} into {1}.", "How would you say {0} in {1}?"],
    ).format(word, language), TRANSLATIONS[language][word]


def _animal(draw):
    if draw.rng.random() < 0.5:
        animal = draw.rng.choice(list(SOUNDS))
        return draw.phrase(
            ["What sound does the {} make?", "What does the {} do to be heard?", "Which sound does the {} make?", "Sound of the {}?",
             "How does the {} sound?", "What noise does the {} make?", "What does the {} do?", "The sound of the {}?",
             "How do you hear the {}?", "What is heard from the {}?", "Which noise does the {} make?", "What does a {} do to be heard?",
             "What sound comes from the {}?"],
            ["Tell me what sound the {} makes.", "What is the sound of the {}?"],
        ).format(animal), f"The {animal} {SOUNDS[animal]}."
    animal = draw.rng.choice(list(YOUNG))
    return draw.phrase(
        ["What is a young {} called?", "What do you call a baby {}?", "Name of a young {}?", "A young {} is called what?",
         "What is the name of a baby {}?", "What is a baby {} called?", "A baby {} is called what?",
         "Which word is there for a young {}?", "What is the word for a young {}?", "What is the name of a young {}?", "Young {}?",
         "How is a young {} called?", "The child of a {} is called what?"],
        ["What do we call a young {}?", "Tell me what a young {} is called."],
    ).format(animal), YOUNG[animal]


def _color(draw):
    thing = draw.rng.choice(list(COLORS))
    return draw.phrase(
        ["What color is {}?", "Color of {}?", "Which color does {} have?", "What is the color of {}?", "Name the color of {}.",
         "{} is what color?", "What color has {}?", "The color of {}?", "{}: what color?", "Which color has {}?",
         "In which color do you see {}?"],
        ["Tell me the color of {}.", "Which color is {}?"],
    ).format(thing), COLORS[thing]


def _symbol(draw):
    element = draw.rng.choice(list(SYMBOLS))
    if draw.rng.random() < 0.6:
        return draw.phrase(
            ["What is the chemical symbol of {}?", "Symbol of {}?", "Which symbol does {} have?", "Chemical symbol for {}?",
             "Give me the symbol of the element {}.", "What is the chemical symbol for {}?", "The symbol of {}?",
             "Chemical symbol of {}?", "How is {} written in chemistry?", "{}: which symbol?", "What is the symbol of {}?",
             "What letters stand for {}?", "Which symbol stands for {}?", "What is the short form of the element {}?"],
            ["What is the symbol for {}?", "Tell me the chemical symbol of {}."],
        ).format(element), SYMBOLS[element]
    return draw.phrase(
        ["Which element has the symbol {}?", "{} is the symbol of which element?", "What element is {}?",
         "Name the element with the symbol {}.", "What element has the symbol {}?", "Element {}?", "Which element is {}?",
         "What is the element with the symbol {}?", "Of which element is {} the symbol?", "{}: which element?",
         "Which element is written as {}?", "{} stands for what element?"],
        ["Tell me which element has the symbol {}.", "The symbol {} stands for which element?"],
    ).format(SYMBOLS[element]), element


def _calendar(draw):
    series, unit = draw.rng.choice(((DAYS, "day"), (MONTHS, "month")))
    at = draw.rng.randrange(len(series))
    step, side = draw.rng.choice(((1, "after"), (-1, "before")))
    return draw.phrase(
        ["Which {0} comes {1} {2}?", "What {0} is {1} {2}?", "Name the {0} {1} {2}.", "The {0} {1} {2}?", "{2}: which {0} is {1} it?",
         "Which {0} is {1} {2}?", "What {0} comes {1} {2}?", "{1} {2}, which {0} is it?", "{2}: what is the {0} {1} it?",
         "What comes {1} {2}?", "The {0} that comes {1} {2}?"],
        ["Tell me which {0} comes {1} {2}.", "What is the {0} {1} {2}?"],
    ).format(unit, side, series[at]), series[(at + step) % len(series)]


def _term(draw):
    term = draw.rng.choice(list(TERMS))
    return draw.phrase(
        ["What is {}?", "Explain {}.", "Define {}.", "Please explain {}.", "What does {} mean?", "Tell me what {} is.",
         "What do you mean by {}?", "What do people call {}?", "Say what {} is.", "I do not know {}. Explain.", "In short: {}?",
         "What is meant by {}?"],
        ["Can you explain {}?", "Give me a definition of {}."],
    ).format(term), TERMS[term]


FAMILIES = {"capital": _capital, "country": _country, "opposite": _opposite, "translation": _translation, "animal": _animal,
            "color": _color, "symbol": _symbol, "calendar": _calendar, "term": _term}
