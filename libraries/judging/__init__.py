"""Why: rules asked of every row, the verdict, and what quality says over time. Great Expectations itself stays behind `libraries.checking`."""
