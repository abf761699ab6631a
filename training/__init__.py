"""The workshop: labelled comments in, artifact out. Imports `models` and `evaluation`; needs the training extra.

listenwell train --data labelled.jsonl --output runs/mine
"""
