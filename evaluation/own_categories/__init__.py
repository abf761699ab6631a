"""How well a person's own categories are found: two public data sets, from descriptions alone to all labels.

    python -m evaluation.own_categories prepare --dataset nhs_fft_v6 --source ../shared/data/public --output build/nhs
    listenwell train --taxonomy build/nhs/taxonomy.toml --data build/nhs/few-8-1.jsonl --output runs/nhs-8
    python -m evaluation.own_categories measure --data build/nhs/test.jsonl --model runs/nhs-8
    python -m evaluation.own_categories measure --data build/nhs/test.jsonl --train build/nhs/train.jsonl

`measure` reads `taxonomy.toml` and `measured.txt` (the categories that count) beside its data, and gives micro- and
macro-F1, or accuracy where categories exclude each other, with 95 % intervals.
"""
