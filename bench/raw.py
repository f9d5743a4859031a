"""The ceilings: how often `cryptography` alone does one thing on all cores at once."""

import multiprocessing
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

# About as long as the signing input of an access token.
_MESSAGE = b"k" * 480
_BATCH = 20

Act = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Rate:
    """Acts a second, all processes together, and the processor time of one in microseconds."""

    per_second: float
    cpu_us: float


def rsa_signing() -> Act:
    """One RSA-2048 signature with a fresh key."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    scheme, digest = padding.PKCS1v15(), SHA256()
    return lambda: key.sign(_MESSAGE, scheme, digest)


def rsa_verifying() -> Act:
    """One check of an RSA-2048 signature with a fresh key."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    scheme, digest = padding.PKCS1v15(), SHA256()
    signature, public = key.sign(_MESSAGE, scheme, digest), key.public_key()
    return lambda: public.verify(signature, _MESSAGE, scheme, digest)


def measure(prepare: Callable[[], Act], seconds: float, processes: int) -> Rate:
    """Act over and over for some seconds in several processes at once, each with what it prepared itself."""
    context = multiprocessing.get_context("fork")
    start = context.Barrier(processes)
    pipes = [context.Pipe(duplex=False) for _ in range(processes)]
    workers = [context.Process(target=_repeat, args=(prepare, seconds, start, sender)) for _, sender in pipes]
    for worker, (_, sender) in zip(workers, pipes, strict=True):
        worker.start()
        # So that a worker that fails is the end of its pipe, not a wait for ever.
        sender.close()
    measured = [receiver.recv() for receiver, _ in pipes]
    for worker in workers:
        worker.join()
    acts = sum(count for count, _, _ in measured)
    return Rate(
        per_second=sum(count / elapsed for count, elapsed, _ in measured),
        cpu_us=sum(cpu for _, _, cpu in measured) / acts * 1e6,
    )


def _repeat(prepare: Callable[[], Act], seconds: float, start: Barrier, sender: Connection) -> None:
    try:
        act = prepare()
        act()
    except BaseException:
        start.abort()
        raise
    count = 0
    start.wait()
    began, cpu_began = time.perf_counter(), time.process_time()
    while time.perf_counter() < began + seconds:
        for _ in range(_BATCH):
            act()
        count += _BATCH
    sender.send((count, time.perf_counter() - began, time.process_time() - cpu_began))
