"""The training text of the embedded model and its held-out tasks: families of tasks, mixed into conversations.

Everything is generated here from a seed, so its licence is ours. `mixture.conversation` draws training text,
`mixture.held_out_task` what to measure with; `split` says why the two never meet.
"""
