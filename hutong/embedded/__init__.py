"""PostgreSQL from its wheel, Airflow and the exchange API as watched child processes of one supervisor; everything they write lies below var/."""
