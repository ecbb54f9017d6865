"""The command line, ``eas``; :mod:`~eas_core.cli.options` lists its commands, from ``eas init`` to ``eas release``.

In: words. Out: what was asked for on standard output, and one line on standard error for anything that is wrong.

- :func:`main` runs a command; :mod:`~eas_core.cli.options` what each command takes
- :mod:`~eas_core.cli.commands` what commands about a run do, :mod:`~eas_core.cli.networks` those about one network,
  :mod:`~eas_core.cli.evidence` those about several seeds and releases, :mod:`~eas_core.cli.own` ``eas init``;
  :mod:`~eas_core.cli.named` the runs, releases and files that options name

Modules that import PyTorch or pandas, which takes seconds, are imported once all that can be wrong with the options has
been looked at.
"""

from __future__ import annotations

import os
import signal
import sys

from eas_core.base.errors import EASError
from eas_core.cli.options import one_line, parser

OUT_OF_MEMORY = ("out of memory", "not enough memory", "allocate memory")  # what torch says of it


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit status: 0 done, 2 bad input or stopped early (one line on stderr says why)."""
    options = parser().parse_args(arguments)
    terminate = signal.getsignal(signal.SIGTERM)
    try:
        options.command(options)
    except EASError as error:
        rank = int(os.environ.get("RANK", 0))  # of several processes, started by torchrun or accelerate launch
        if rank == 0 or not error.alike:
            print(one_line(str(error), f"eas (process {rank})" if rank else "eas"), file=sys.stderr, flush=True)
        if error.alike:
            from eas_core.base.devices import leave

            leave()  # together: a launcher ends all processes as soon as one has failed
        return 2
    except BrokenPipeError:
        return 0
    except OSError as error:  # of a file that is not the kit's own, or may not be read
        print(one_line(str(error)), file=sys.stderr)
        return 2
    except (MemoryError, RuntimeError) as error:  # RuntimeError is what torch raises, on a GPU too
        if isinstance(error, RuntimeError) and not any(words in str(error) for words in OUT_OF_MEMORY):
            raise
        print(one_line(f"not enough memory ({str(error):.200})"), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("eas: interrupted; what was complete is kept, run again to continue", file=sys.stderr)
        return 130
    finally:
        if signal.getsignal(signal.SIGTERM) is not terminate:
            signal.signal(signal.SIGTERM, terminate)
    return 0
