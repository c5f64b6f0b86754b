"""The doctor's check of Ray."""

import asyncio

import ray

from foundation.settings import ROOT


async def ray_check() -> str:
    """Return the version of Ray, once its programs are there."""
    programs = ROOT.__class__(ray.__file__).parent / "core" / "src" / "ray"
    for program in ("gcs/gcs_server", "raylet/raylet"):
        if not await asyncio.to_thread((programs / program).is_file):
            raise FileNotFoundError(program)
    return f"Ray {ray.__version__}"
