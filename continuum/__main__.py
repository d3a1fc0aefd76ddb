"""`python -m continuum` is the command `continuum`."""

from continuum.cli import main

if __name__ == "__main__":
    main()
