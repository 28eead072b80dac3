"""`python -m service.cli`, the same as `rung`."""

from service.cli.app import main

main()
