"""`python -m musika_daw`: the command line where no script is at hand, as the plugin starts it."""

from musika_daw.commands.cli import main

if __name__ == "__main__":
    main()
