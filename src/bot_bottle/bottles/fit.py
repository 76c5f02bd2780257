"""Whether a backend can do what a spec asks of it beyond the ordinary. What it cannot do is refused by name, never ignored."""

from bot_bottle.backends.base import Backend
from bot_bottle.backends.registry import backends
from bot_bottle.errors import CannotRunHere
from bot_bottle.manifest.spec import BottleSpec


def misfit(backend: Backend, spec: BottleSpec) -> CannotRunHere | None:
    """Why this backend cannot run this bottle, or None when it can."""
    if spec.image is not None and not backend.uses_images:
        able = " or ".join(f"--backend {one.name}" for one in backends() if one.uses_images)
        return CannotRunHere(
            f"The {backend.name} backend cannot run a bottle from an image: it uses this machine's own system folders.",
            facts=(f"The image is asked for by {dict(spec.decided_by).get('image', 'the manifest')}.",),
            next=f"Leave the image out, or use {able}." if able else "Leave the image out.",
        )
    if spec.services and not backend.runs_services:
        able = " or ".join(f"--backend {one.name}" for one in backends() if one.runs_services)
        asked = dict(spec.decided_by)
        places = (f"{one.name}, by {asked.get(f'services.{one.name}', 'the manifest')}" for one in spec.services)
        return CannotRunHere(
            f"The {backend.name} backend cannot run services beside a bottle.",
            facts=tuple(places),
            next=f"Leave them out, or use {able}." if able else "Leave them out.",
        )
    return None
