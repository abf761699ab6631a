"""Numbers and comments as tidy tables, for spreadsheets and BI tools: CSV and Parquet, by command and over HTTP."""
