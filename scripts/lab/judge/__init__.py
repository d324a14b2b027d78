"""From a history to a verdict: checkers, findings, counts. It knows neither probe nor stacks."""
