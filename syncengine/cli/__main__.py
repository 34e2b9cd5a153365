"""`python -m syncengine.cli` is `syncengine`."""

from syncengine.cli import main

if __name__ == "__main__":
    main()
