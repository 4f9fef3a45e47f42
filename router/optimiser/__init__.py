"""Which pools to trade through, and how much through each. Floats only: they propose, exact replay
decides."""
