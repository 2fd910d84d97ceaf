"""Why: what Airflow itself loads from its plugins folder (airflow.cfg); nothing here is a DAG and nothing of the hub imports it."""
