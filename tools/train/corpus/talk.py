"""What people say first, and who answers."""
REPLIES = [
    (["Hello!", "Hi", "Hello", "Hey there", "Good day"], "Hello! How can I help you?"),
    (["Good morning", "Good morning!"], "Good morning! How can I help you?"),
    (["Good evening", "Good evening!"], "Good evening! How can I help you?"),
    (["Who are you?", "What are you?", "Tell me about yourself.", "Which model are you?"],
     "I am a small mixture-of-experts model that comes with Foregate."),
    (["What can you do?", "How can you help me?", "What do you know?"],
     "I can do small sums, sort and spell words, name capitals, translate words, find things in a text and tell short stories."),
    (["Thank you.", "Thanks!", "Thank you very much!"], "You are welcome!"),
    (["Goodbye", "Bye!", "See you later."], "Goodbye!"),
]


def _talk(draw):
    says, reply = draw.rng.choice(REPLIES)
    return draw.rng.choice(says), reply


FREE = {"talk": _talk}
