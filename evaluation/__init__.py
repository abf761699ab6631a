"""The exam room: how good a model is, for whom, and against what. Imports the language room only.

listenwell evaluate --model DIR --data dev.jsonl --output report/ --train train.jsonl
"""
