"""`python -m sacv` is `sacv`."""

from sacv.cli import main

main()
