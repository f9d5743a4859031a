"""The ceiling: how many RSA-2048 signatures `cryptography` makes on all cores at once."""

import multiprocessing
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

# About as long as the signing input of an access token.
_MESSAGE = b"k" * 480


@dataclass(frozen=True, slots=True)
class Signing:
    """Signatures a second, all processes together, and the processor time of one in microseconds."""

    per_second: float
    cpu_us: float


def measure(seconds: float, processes: int) -> Signing:
    """Sign for some seconds in several processes at once."""
    context = multiprocessing.get_context("fork")
    start = context.Barrier(processes)
    pipes = [context.Pipe(duplex=False) for _ in range(processes)]
    workers = [context.Process(target=_sign, args=(seconds, start, sender)) for _, sender in pipes]
    for worker in workers:
        worker.start()
    measured = [receiver.recv() for receiver, _ in pipes]
    for worker in workers:
        worker.join()
    signatures = sum(count for count, _, _ in measured)
    return Signing(
        per_second=sum(count / elapsed for count, elapsed, _ in measured),
        cpu_us=sum(cpu for _, _, cpu in measured) / signatures * 1e6,
    )


def _sign(seconds: float, start: Barrier, sender: Connection) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    scheme, digest = padding.PKCS1v15(), SHA256()
    count = 0
    start.wait()
    began, cpu_began = time.perf_counter(), time.process_time()
    while time.perf_counter() < began + seconds:
        for _ in range(20):
            key.sign(_MESSAGE, scheme, digest)
        count += 20
    sender.send((count, time.perf_counter() - began, time.process_time() - cpu_began))
