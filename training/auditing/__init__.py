"""Labels that may be wrong: a list for people to settle. Nothing is changed by it.

listenwell labels audit --data labels.jsonl --output suspects.html
"""
