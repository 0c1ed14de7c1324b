"""The commands, gathered, and what becomes of their errors."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click
from click.shell_completion import get_completion_class

from doorcode import __version__
from doorcode._cli.account_file import AccountFileError
from doorcode._cli.accounts import accounts, logout, status, switch
from doorcode._cli.doctor import doctor
from doorcode._cli.exec_command import exec_command
from doorcode._cli.failures import CommandError, ExitCode, as_command_error
from doorcode._cli.help_format import Commands, complain, help_width
from doorcode._cli.login import login
from doorcode._cli.token import token

EPILOG = """
Data goes to standard output, everything for people to standard error. Exit codes: 0 done, 1 failed, 2 wrong usage,
3 a sign-in is needed, 4 the authority cannot be reached, 5 no token cache can be used, 130 Ctrl-C.
"""

COMPLETION_VARIABLE = "_DOORCODE_COMPLETE"


@click.group(cls=Commands, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="doorcode")
def cli() -> None:
    """Sign in to Microsoft Entra ID once, and let every program on this machine use it.

    Begin with `doorcode login`. Then `doorcode token` prints a token for a script, and `doorcode exec -- COMMAND` runs
    a program whose Azure SDK finds the sign-in by itself. Programs that use the Python library with
    TokenCachePersistenceOptions() share the sign-in.
    """


@click.command(
    short_help="Run a local Microsoft Entra ID, for tests.",
    context_settings={"ignore_unknown_options": True, "help_option_names": []},
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def emulator(context: click.Context, arguments: tuple[str, ...]) -> None:
    """Run a local Microsoft Entra ID, to test sign-ins without the cloud."""
    try:
        from doorcode.emulator.__main__ import run as run_emulator
    except ModuleNotFoundError as error:
        message = f"The emulator needs {error.name}: pip install 'doorcode[emulator]'"
        raise CommandError(message) from error
    sys.exit(run_emulator(arguments, program=context.command_path))


@click.command(short_help="Print a script for shell completion.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print a script with which a shell completes commands and options.

    \b
    bash  eval "$(doorcode completion bash)"    in ~/.bashrc
    zsh   eval "$(doorcode completion zsh)"     in ~/.zshrc, after compinit
    fish  doorcode completion fish | source     in ~/.config/fish/config.fish
    """  # noqa: D301 - click knows by this character what not to wrap
    of_shell = get_completion_class(shell)
    assert of_shell is not None, "click has these three"
    click.echo(of_shell(cli, {}, "doorcode", COMPLETION_VARIABLE).source())


for command in (login, token, exec_command, accounts, switch, logout, status, doctor, emulator, completion):
    cli.add_command(command)


def run(arguments: Sequence[str], program: str = "doorcode") -> int:
    """Run a command.

    Args:
        arguments: without the name of the program.
        program: its name in the help.

    Returns:
        Its exit code.
    """
    if sys.stdout is None:
        # The parent process has closed it: the next file that is opened would get its descriptor.
        sys.stderr.write("doorcode: standard output is closed\n")
        return ExitCode.FAILED
    try:
        result = cli.main(
            list(arguments), program, COMPLETION_VARIABLE, standalone_mode=False, terminal_width=help_width()
        )
        sys.stdout.flush()
    except click.exceptions.Abort:
        raise KeyboardInterrupt from None
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except AccountFileError as error:
        return _end(CommandError(str(error)))
    except OSError:
        raise
    except Exception as error:
        ending = as_command_error(error)
        if ending is None:
            raise
        return _end(ending)
    return result if isinstance(result, int) else ExitCode.DONE


def _end(error: CommandError) -> int:
    complain(error)
    return error.code
