"""Listenwell in Spark: a CSV with the columns id and text to Parquet of analyses, each as the contract's JSON.

    spark-submit examples/spark.py feedback.csv analyses.parquet

Listenwell and pandas must be installed on every worker. A task loads the model once and tags its partition with one
thread. No personal data is masked. To store the result, back-fill the same file: this is for tables that stay in Spark.
"""

import json
import sys
from collections.abc import Iterator

import pandas as pd
from pyspark.sql import SparkSession

import models


def analyse(frames: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """Frames of id and text to frames of id and analysis."""
    pipeline = models.load()
    for frame in frames:
        comments = [models.Comment(row.text, id=row.id) for row in frame.itertuples()]
        analyses = [json.dumps(one.to_dict()) for one in pipeline.pipe(comments, batch_size=64)]
        yield pd.DataFrame({"id": frame["id"], "analysis": analyses})


if __name__ == "__main__":
    spark = SparkSession.builder.getOrCreate()
    comments = (
        spark.read.csv(sys.argv[1], header=True, multiLine=True, escape='"').select("id", "text").dropna()
    )
    parted = comments.repartition(spark.sparkContext.defaultParallelism)
    parted.mapInPandas(analyse, "id string, analysis string").write.parquet(sys.argv[2])
