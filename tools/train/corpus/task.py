"""What a family makes: a conversation and the one right reply to it."""
import dataclasses


@dataclasses.dataclass
class Task:
    family: str
    messages: list  # of {"role", "content"}; an assistant's may have "tool_calls" instead
    answer: str = None
    tool_call: dict = None  # {"name", "arguments"} in place of an answer
    tools: list = None  # as OpenAI's API has them

    def identity(self):
        """The text that the split looks at: all that is said before the reply."""
        return "\n".join(message.get("content") or "" for message in self.messages)

    def reply(self):
        if self.tool_call is None:
            return {"role": "assistant", "content": self.answer}
        return {"role": "assistant", "content": "", "tool_calls": [{"type": "function", "function": self.tool_call}]}


def user(text):
    return {"role": "user", "content": text}


def assistant(text):
    return {"role": "assistant", "content": text}
