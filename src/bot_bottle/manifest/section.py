"""What all mappings of a manifest share. Imports pydantic."""

from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field

Item = TypeVar("Item")
Some = Annotated[list[Item], Field(min_length=1)]
"""A list that says something: an empty one could be read as any or as none."""


class Section(BaseModel):
    """What all mappings of a manifest share."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", validate_by_alias=True)
