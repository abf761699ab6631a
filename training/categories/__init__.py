"""A model of a person's own categories, made from as much as there is.

described   from names and descriptions alone
examples    a few comments a category: directions on the frozen encoder, drawn towards the descriptions
tuned       hundreds of comments: the encoder is fine-tuned from there

listenwell train --taxonomy my-categories.toml [--data labelled.jsonl] --output runs/mine
"""
