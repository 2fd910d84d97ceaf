"""When: order, schedule, retry; no logic."""
