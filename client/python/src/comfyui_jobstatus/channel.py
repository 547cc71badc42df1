"""How a client reaches the service."""

from __future__ import annotations

import logging
import random
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any, Callable, List, Optional, Sequence, Tuple

import grpc

from .backoff import Backoff, BackoffSettings
from .errors import Error, InvalidArgument

log = logging.getLogger("comfyui_jobstatus")

OnRetry = Callable[[Error, float], None]
"""Is told why an attempt of a watch failed, and in how many seconds the next one starts."""

_SCHEMES = ("unix:", "unix-abstract:", "dns:", "ipv4:", "ipv6:", "vsock:", "xds:")
_DEFAULT_PORT = 50051


def complete_target(target: str) -> str:
    """Adds the port when there is none; gRPC would take 443."""
    if not target:
        raise InvalidArgument("the address of the service is empty", code=grpc.StatusCode.INVALID_ARGUMENT)
    if "://" in target or target.startswith(_SCHEMES):
        return target
    if target.startswith("["):
        return f"{target}:{_DEFAULT_PORT}" if target.endswith("]") else target
    colons = target.count(":")
    if colons == 1:
        return target
    return f"[{target}]:{_DEFAULT_PORT}" if colons else f"{target}:{_DEFAULT_PORT}"


def service_config() -> str:
    """Limits and retries of each method, the same in every language; JSON."""
    return files(__package__).joinpath("service_config.json").read_text("utf-8")


def _read(file: Optional[str]) -> Optional[bytes]:
    if not file:
        return None
    with open(file, "rb") as opened:
        return opened.read()


@dataclass(frozen=True)
class ClientOptions:
    """What Client and AsyncClient are made from."""

    target: str = "localhost:50051"
    """ "host", "host:port", "[::1]:port", "unix:/path" or any target name of gRPC. Without a port: 50051."""
    tls: bool = False
    """Encrypts the connection and checks who is at the other end. Implied by the next three."""
    ca_file: Optional[str] = None
    """PEM file of the authorities to trust instead of the system's."""
    cert_file: Optional[str] = None
    key_file: Optional[str] = None
    """PEM files of the client's own certificate and its key, for a service that asks for one. Both or neither."""
    token: Optional[str] = field(default=None, repr=False)
    """Sent with each call as `authorization: Bearer TOKEN`. Without TLS everybody on the way can read it."""
    metadata: Sequence[Tuple[str, str]] = ()
    """More that is sent with each call."""
    backoff: BackoffSettings = field(default_factory=BackoffSettings)
    """Waits between the attempts of a watch to attach again."""
    silence_limit: float = 45.0
    """A watch that has heard nothing for so many seconds takes the connection for dead and attaches again. The service
    breaks silence every 15 s or so."""

    def __post_init__(self) -> None:
        if bool(self.cert_file) != bool(self.key_file):
            raise ValueError("a certificate needs its key, and a key its certificate")
        if self.token and not all(" " <= letter <= "~" for letter in self.token):
            raise ValueError("the token has characters other than printable ASCII")

    def address(self) -> str:
        return complete_target(self.target)

    def credentials(self) -> Any:
        """None: plain text."""
        if not (self.tls or self.ca_file or self.cert_file):
            return None
        return grpc.ssl_channel_credentials(_read(self.ca_file), _read(self.key_file), _read(self.cert_file))

    def call_metadata(self) -> List[Tuple[str, str]]:
        own = [("authorization", f"Bearer {self.token}")] if self.token else []
        return [*own, *self.metadata]

    def make_backoff(self) -> Backoff:
        return Backoff(self.backoff, random.random)

    def channel_options(self) -> List[Tuple[str, Any]]:
        return [
            ("grpc.primary_user_agent", "comfyui-jobstatus-python"),
            ("grpc.service_config", service_config()),
            ("grpc.max_receive_message_length", 16 * 1024 * 1024),
            # A watch is quiet for long; pings find out that the other end is gone. None without calls: servers count those
            # as abuse.
            ("grpc.keepalive_time_ms", 30_000),
            ("grpc.keepalive_timeout_ms", 10_000),
            ("grpc.keepalive_permit_without_calls", 0),
            ("grpc.http2.max_pings_without_data", 0),
            # The channel waits by itself between connection attempts, by default up to two minutes; attempts of ours would
            # fail without asking the network in that time.
            ("grpc.initial_reconnect_backoff_ms", round(self.backoff.initial * 1000)),
            ("grpc.max_reconnect_backoff_ms", round(self.backoff.max * 1000)),
            # In spite of its name this is the time one connection attempt may take.
            ("grpc.min_reconnect_backoff_ms", 10_000),
        ]


def tell_retry(error: Error, wait: float, on_retry: Optional[OnRetry]) -> None:
    log.info("the watch was lost (%s); trying again in %.1f s", error, wait)
    if on_retry is not None:
        on_retry(error, wait)
