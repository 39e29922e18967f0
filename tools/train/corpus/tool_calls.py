"""Calls of functions that the conversation offers, and replies to their results. The format is that of Hermes and Qwen."""
import json

from .lexicon import name, place, words
from .task import Task, user

TIMES = ("morning", "noon", "evening")
# name, description, parameters with what fills them
FUNCTIONS = [
    ("get_weather", "Weather of a city", {"city": "place"}),
    ("get_forecast", "Weather of a city on a day", {"city": "place", "day": "day"}),
    ("find_train", "Trains between two cities", {"from": "place", "to": "place"}),
    ("book_table", "Books a table", {"name": "name", "guests": "count"}),
    ("send_message", "Sends a word to a person", {"to": "name", "text": "word"}),
    ("set_alarm", "Sets an alarm", {"hour": "hour"}),
    ("add_item", "Puts items on the shopping list", {"item": "word", "count": "count"}),
    ("call_person", "Calls a person", {"name": "name"}),
    ("find_item", "Finds where an item is", {"item": "word"}),
    ("play_song", "Plays a song", {"title": "word"}),
]
REQUESTS = {
    "get_weather": (["What is the weather in {city}?", "Weather in {city}?", "How is the weather in {city}?",
                     "What's the weather like in {city}?", "Is it raining in {city}?", "Look up the weather in {city}.",
                     "The weather in {city}, please.", "Do I need an umbrella in {city}?", "Check the weather in {city}."],
                    ["Tell me the weather in {city}."]),
    "get_forecast": (["What will the weather be in {city} on {day}?", "Weather in {city} on {day}?", "Forecast for {city} on {day}?",
                      "How will the weather be in {city} on {day}?", "What is the forecast for {city} on {day}?",
                      "Look up the weather in {city} on {day}.", "Will it rain in {city} on {day}?",
                      "On {day} I am in {city}. How is the weather?", "The forecast for {city} on {day}, please."],
                     ["Tell me the forecast for {city} on {day}."]),
    "find_train": (["Find a train from {from} to {to}.", "Is there a train from {from} to {to}?", "Train from {from} to {to}?",
                    "I want to go from {from} to {to} by train.", "Which trains go from {from} to {to}?",
                    "Look for trains from {from} to {to}.", "How do I get from {from} to {to} by train?",
                    "I have to go from {from} to {to}."],
                   ["I need a train from {from} to {to}."]),
    "book_table": (["Book a table for {guests} guests, name {name}.", "A table for {guests} in the name of {name}.",
                    "Reserve a table for {guests} guests, name {name}.", "I need a table for {guests}. My name is {name}.",
                    "We are {guests} guests. Book a table for {name}.", "Table for {guests}, name {name}.",
                    "{name} wants a table for {guests} guests."],
                   ["Please book a table for {guests}, name {name}."]),
    "send_message": (["Send {to} the message {text}.", "Write {text} to {to}.", "Message {text} to {to}.", "Send {text} to {to}.",
                      "Send the word {text} to {to}.", "Tell {to} this: {text}", "Let {to} know: {text}", "A message to {to}: {text}",
                      "Write {to} a message: {text}"],
                     ["Please send {text} to {to}."]),
    "set_alarm": (["Set an alarm for {hour}.", "Wake me at {hour}.", "Alarm at {hour}.", "Set the alarm for {hour}.",
                   "Set the alarm to {hour}.", "I have to get up at {hour}.", "I want to wake up at {hour}.",
                   "An alarm at {hour}, please.", "Make it ring at {hour}."], ["Please wake me at {hour}."]),
    "add_item": (["Put {count} of {item} on the list.", "Add {count} {item} to the list.", "I need {count} {item}.",
                  "Add {count} of {item} to my shopping list.", "Write {count} {item} on the list.", "We need {count} of {item}.",
                  "I have to buy {count} {item}.", "Put {item} on the list, {count} of it.", "{count} {item} for the list."],
                 ["Please add {count} of {item} to the list."]),
    "call_person": (["Call {name}.", "I want to talk to {name}.", "Ring {name}.", "Call {name} now.", "Phone {name}.", "Ring up {name}.",
                     "Get me {name} on the phone.", "I have to speak to {name}.", "Make a call to {name}."], ["Please call {name}."]),
    "find_item": (["Where is the {item}?", "Find the {item}.", "I lost the {item}.", "Where's the {item}?", "Look for the {item}.",
                   "Where did I leave the {item}?", "I cannot find the {item}.", "Have you seen the {item}?", "Search for the {item}."],
                 ["Please find the {item}."]),
    "play_song": (["Play {title}.", "I want to hear {title}.", "Play the song {title}.", "Play me {title}.", "Put on {title}.",
                   "Put on the song {title}.", "I want to listen to {title}.", "Start the song {title}.", "The song {title}, please."],
                 ["Please play {title}."]),
}
_DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
_WEATHER = "sunny rainy cloudy windy stormy foggy".split()


def _fill(draw, kind):
    rng = draw.rng
    return {"place": lambda: place(draw), "name": lambda: name(draw), "word": lambda: words(draw, 1)[0],
            "day": lambda: rng.choice(_DAYS), "count": lambda: rng.randrange(2, 30), "hour": lambda: rng.randrange(24)}[kind]()


def definition(function):
    title, description, parameters = function
    number = ("count", "hour")
    return {"type": "function", "function": {"name": title, "description": description, "parameters": {
        "type": "object", "properties": {key: {"type": "integer" if kind in number else "string"} for key, kind in parameters.items()},
        "required": list(parameters)}}}


def _request(draw):
    rng = draw.rng
    offered = rng.sample(FUNCTIONS, rng.randrange(1, 5))
    title, _, parameters = rng.choice(offered)
    arguments = {key: _fill(draw, kind) for key, kind in parameters.items()}
    messages = [user(draw.phrase(*REQUESTS[title]).format(**arguments))]
    return [definition(one) for one in offered], messages, {"name": title, "arguments": arguments}


def _call(draw):
    tools, messages, call = _request(draw)
    return Task("tool_call", messages, tool_call=call, tools=tools)


def _result(draw):
    """The reply to what a function returned."""
    rng = draw.rng
    city, weather, degrees = place(draw), rng.choice(_WEATHER), rng.randrange(-9, 36)
    call = {"name": "get_weather", "arguments": {"city": city}}
    offered = [definition(FUNCTIONS[0])] + [definition(one) for one in rng.sample(FUNCTIONS[1:], rng.randrange(0, 3))]
    messages = [user(draw.phrase(*REQUESTS["get_weather"]).format(city=city)),
                {"role": "assistant", "content": "", "tool_calls": [{"type": "function", "function": call}]},
                {"role": "tool", "content": json.dumps({"weather": weather, "degrees": degrees})}]
    return Task("tool_result", messages, f"It is {weather} in {city}, {degrees} degrees.", tools=offered)


FAMILIES = {"tool_call": _call, "tool_result": _result}
