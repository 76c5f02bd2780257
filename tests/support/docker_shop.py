"""An operator whose bottles are containers."""

import os
import subprocess
from dataclasses import dataclass

from shop import Shop

IMAGE = os.environ.get("BOT_BOTTLE_TEST_IMAGE", "")


@dataclass(frozen=True, kw_only=True)
class DockerShop(Shop):
    """An operator who runs bottles with --backend docker, from the base image on the suite's daemon unless another is named."""

    address: str = os.environ.get("DOCKER_HOST", "")
    image: str = IMAGE

    def env(self, **more: str) -> dict[str, str]:
        return super().env() | {"DOCKER_HOST": self.address} | more

    def run(self, *words: str, stdin: bytes = b"", **more: str) -> "subprocess.CompletedProcess[bytes]":
        """`bot-bottle run shell` in a container."""
        return self.bot_bottle("run", "-q", "--backend", "docker", "--image", self.image, *words, stdin=stdin, **more)

    def containers(self) -> list[str]:
        """Names of all containers of this operator's bottles, running or not."""
        stage = f"{self.bottles()}/"
        words = ["docker", "ps", "--all", "--filter", "label=bot-bottle", "--format", '{{.Names}} {{.Label "bot-bottle.stage"}}']
        listed = subprocess.run(words, capture_output=True, text=True, check=True, env=os.environ | self.env()).stdout
        return [line.split()[0] for line in listed.splitlines() if line.split()[1].startswith(stage)]

    def docker(self, *words: str) -> str:
        """What a docker command prints."""
        done = subprocess.run(["docker", *words], capture_output=True, text=True, check=True, env=os.environ | self.env())
        return done.stdout.strip()
