"""A back-fill whose comments are tagged by the workers of a Ray cluster: `listenwell backfill FILE --engine ray`.

It is the job that the local engine works on (`service.jobs`), with one step put before it: the rows are judged
here and cut into parts (`cutting`), workers turn parts of comments into parts of analyses (`analyst`, `scoring`),
and then the job runs as ever, but takes the analyses from the parts (`analysed`). `work` has all of it in order.
"""
