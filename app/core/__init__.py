"""What every room stands on: clock, errors, settings, database, geodesy, HTTP parameters, metrics."""
