"""What `sacv` costs beside what it cannot do without, measured side by side: `make bench-speed`.

Everything that is compared runs in turn in one process, round after round. A figure is the median over the rounds, a
ratio the median of the rounds' own ratios, so that a machine that is slow for a while is slow for both sides.
"""
