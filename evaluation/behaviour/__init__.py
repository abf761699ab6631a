"""Behaviour tests in the manner of CheckList (Ribeiro et al. 2020): what a system must be able to do.

    suite = shipped(taxonomy.load())
    section(suite, {"model": from_pipeline(pipeline, comments_of(suite))}, taxonomy.load())

`suite/*.toml` holds the cases, one file a capability; `suite.py` reads them, `expectations.py` judges an answer,
`results.py` counts. `listenwell evaluate` runs them all.
"""
