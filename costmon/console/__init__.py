"""A console for operators: list the children and restart one, by messages, never code.

`ConsoleServer` in `server` runs in the service, `ConsoleClient` in `client` asks it from another
process, and `repl` is the prompt of both. Nothing is imported here: commands that run without the
service's packages use `text`.
"""
