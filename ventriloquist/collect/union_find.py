"""Bringing together what belongs together, pair by pair."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

Item = TypeVar("Item", bound=Hashable)


class UnionFind(Generic[Item]):
    """Sets of items; an item that was never united is a set by itself."""

    def __init__(self) -> None:
        self._parent: dict[Item, Item] = {}

    def find(self, item: Item) -> Item:
        """Return the item that stands for the whole set."""
        root = item
        while (parent := self._parent.get(root, root)) != root:
            root = parent
        while item != root:  # so that the next look-up takes one step
            self._parent[item], item = root, self._parent[item]
        return root

    def unite(self, one: Item, other: Item) -> None:
        """Make one set of two; the first one's root stands for both."""
        root, joined = self.find(one), self.find(other)
        if root != joined:
            self._parent[joined] = root
