"""Before anybody is taken out of a group: is it the same group that is asked for by another name?"""

from collections import defaultdict

from syncengine.contracts import Destination, Grouping
from syncengine.state import regrouping
from syncengine.state.store import Store


async def follow_groups(store: Store, name: str, destination: Destination) -> None:
    """Let what is known of memberships follow groups that mappings came to call differently.

    The destination is asked only where that may be so. Raises what it raises.
    """
    if not isinstance(destination, Grouping):
        return
    references = await store.read(regrouping.in_question, name, store.clock.now())
    if not references:
        return
    same: dict[str, set[str]] = defaultdict(set)
    for reference, group in (await destination.groups_named(references)).items():
        same[group].add(reference)
    for named in same.values():
        if len(named) > 1:
            await store.write(regrouping.take_over, name, named, store.clock.now())
