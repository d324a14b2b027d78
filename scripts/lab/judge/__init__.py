"""From a history to a verdict: checkers, findings, counts. Knows neither probe nor stacks."""
