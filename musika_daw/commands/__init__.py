"""The command line of `musika-daw`."""

from musika_daw.system.threads import share_cores

share_cores()  # a program begins with this package, and commands load numpy
