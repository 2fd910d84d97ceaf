"""Why: one class per kind of source system, Arrow record batches out. Only `libraries`, `dags` and `hutong` open connectors; nothing here knows
departments, rules or Airflow, and no vendor exception leaves this storey.
"""
