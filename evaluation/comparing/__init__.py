"""Two models side by side on the same comments, and the gate that a new one must pass before it is promoted.

`listenwell models compare A B --data test.jsonl --output report/` runs it all.
"""
