"""``igconv-sr demo``: the page, served until Ctrl-C or SIGTERM."""

import argparse
import signal
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

from igconv_sr.commands.flags import FlagParser
from igconv_sr.weights.packaged import default_weights, find_weights

if TYPE_CHECKING:
    from igconv_sr.demo.server import DemoServer

_PORT = 8765


def main(arguments: Sequence[str]) -> None:
    """Serves the page.

    Raises:
        igconv_sr.errors.InputError: If weights, device or port are wrong.
    """
    options = _parser().parse_args(arguments)
    named = None if options.weights is None else find_weights(options.weights)
    # Not before the flags are known to be right: torch takes seconds.
    from igconv_sr.demo.server import DemoServer, Facts
    from igconv_sr.demo.studio import Studio
    from igconv_sr.inference.device import choose_device
    from igconv_sr.system.console import quieten
    from igconv_sr.weights.checkpoint import load_with_card

    quieten()
    device = choose_device(options.device)
    default = default_weights(device.type)
    if named is None:
        print(default.remark, flush=True)
    weights = named or default.path
    net, card = load_with_card(weights)
    facts = Facts(
        name=weights.stem,
        architecture=f"{card.model} + {card.upsampler_name}",
        scales=card.scales,
        parameters=sum(weight.numel() for weight in net.parameters()),
        device=device.type,
    )
    with DemoServer(options.port, facts, Studio(net, device)) as server:
        serve(server)


class _Ending(BaseException):
    """Ctrl-C or SIGTERM. Of a KeyboardInterrupt Python may exit with 130 even where it is caught."""


_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def _end(_number: int, _frame: object) -> NoReturn:
    for number in _SIGNALS:  # the end is not ended: impatient users and timeout(1) send a second
        signal.signal(number, signal.SIG_IGN)
    raise _Ending


def serve(server: "DemoServer") -> None:
    """Serves until Ctrl-C or SIGTERM."""
    for number in _SIGNALS:
        signal.signal(number, _end)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        print(f"Open {server.address} in a browser on this machine; Ctrl-C ends it", flush=True)
        server.studio.work()
    except _Ending:
        server.shutdown()
    print("Ended")


def _parser() -> FlagParser:
    parser = FlagParser(
        "demo",
        "Serves a page to this machine's browsers: drop a picture, choose a scale, and compare the model with bicubic "
        "interpolation. Pictures stay on this machine, and none is kept.",
    )
    parser.add_model()
    parser.add_argument(
        "--port", type=_port, default=_PORT, help="of 127.0.0.1; 0 for any free one (default: %(default)s)"
    )
    return parser


def _port(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text) < 2**16):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port, a number from 0 to 65535")
    return int(text)
