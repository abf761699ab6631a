"""The front of the house: doors (HTTP, files, commands, page), memory (SQL) and numbers (metrics).

Imports the language room and no other. A comment comes in by any door, goes through `analyse.Desk`, is kept by
`repository` in one transaction, and shows at once in the `metrics` of its touchpoints.
"""
