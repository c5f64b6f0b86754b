"""One local Ray, or the cluster that `RAY_ADDRESS` names."""

import hashlib
import io
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path

import psutil
import ray
from ray import serve as ray_serve

from foundation.errors import StartError
from foundation.settings import Settings
from foundation.shared_log import log_path
from serve.ray_keeper import kept

_STORE_BYTES = 200 * 1024 * 1024


@contextmanager
def connected_ray(settings: Settings, purpose: str = "run") -> Iterator[None]:
    """Start or join Ray; what was started here ends with the block. One block per home and purpose at a time.

    Raises:
        StartError: the cluster does not answer, or the local Ray does not start.
    """
    folder = _folder(settings.home, purpose)
    if settings.ray_address is None:
        # Left over from earlier runs; the home's lock says that nobody uses it now.
        shutil.rmtree(folder, ignore_errors=True)
    try:
        _init(settings, folder)
    except Exception as error:
        # Of many types: a start that takes too long is a bare Exception.
        raise StartError(_sentence(settings, error)) from error
    try:
        with kept(_daemons(settings)):
            try:
                yield
            finally:
                with redirect_stdout(io.StringIO()):
                    ray.shutdown()
    finally:
        if settings.ray_address is None:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def serving(settings: Settings, app: ray_serve.Application, name: str) -> Iterator[None]:
    """Run a Serve application on the settings' host and port until the block ends."""
    logging.getLogger("ray.serve").setLevel(logging.WARNING)
    ray_serve.start(
        http_options={"host": settings.host, "port": settings.port, "access_log": False},
        logging_config={"log_level": "WARNING", "enable_access_log": False},
    )
    try:
        try:
            ray_serve.run(app, name=name, route_prefix="/")
        except RuntimeError as error:
            raise StartError(
                f"The conversation hosts did not start: the last lines of {log_path(settings)} say why."
            ) from error
        yield
    finally:
        with redirect_stdout(io.StringIO()):  # Ray prints that its own controller, which it ended, is gone
            if settings.ray_address is None:
                ray_serve.shutdown()  # type: ignore[no-untyped-call]
            else:
                ray_serve.delete(name)  # the cluster's Serve is not ours to end


def _init(settings: Settings, folder: Path) -> None:
    if settings.ray_address is not None:
        ray.init(address=settings.ray_address, log_to_driver=False, logging_level=logging.ERROR)
        return
    ray.init(
        num_cpus=settings.ray_cpus or os.cpu_count() or 1,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
        object_store_memory=_STORE_BYTES,
        # Only this machine may reach it. See `_settings` in serve/cli.py: Ray would replace this address.
        _node_ip_address="127.0.0.1",
        _temp_dir=str(folder),
    )


def _daemons(settings: Settings) -> list[int]:
    """Return the processes of the Ray started here; all else we start has a process group of its own."""
    if settings.ray_address is not None:
        return []
    started = psutil.Process().children(recursive=True)
    return [process.pid for process in started if os.getpgid(process.pid) == os.getpgrp()]


def _folder(home: Path, purpose: str) -> Path:
    """Return Ray's folder: short, because Unix sockets lie in it, and one per home."""
    digest = hashlib.sha256(f"{home}:{purpose}".encode()).hexdigest()[:8]
    return Path(tempfile.gettempdir()) / f"replik-ray-{digest}"


def _sentence(settings: Settings, error: Exception) -> str:
    if settings.ray_address is not None:
        return f"RAY_ADDRESS {settings.ray_address} does not answer: start that cluster, or leave it empty."
    return f"The local Ray did not start ({type(error).__name__}): free memory and disk, or set RAY_ADDRESS."
