"""What a connection remembers, and the folder for its caches."""

import stat
from pathlib import Path

import pytest

from syncengine.errors import StateError
from syncengine.state.store import Store
from tests.clock import FakeClock


async def test_what_was_put_is_there_after_a_restart(url: str, clock: FakeClock) -> None:
    with Store.open(url, clock) as store:
        memory = store.memory("mail")
        assert await memory.get("group") is None
        await memory.put("group", "7")
        await memory.put("group", "8")
    with Store.open(url, clock) as store:
        assert await store.memory("mail").get("group") == "8"


async def test_connections_do_not_see_each_others_memory(store: Store) -> None:
    await store.memory("mail").put("group", "7")
    assert await store.memory("shop").get("group") is None


def test_the_cache_folder_stands_beside_the_state_for_the_owner_alone(path: Path, store: Store) -> None:
    folder = store.memory("shop").folder
    assert folder == path.with_name("state.db.cache") / "shop"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(folder.parent.stat().st_mode) == 0o700
    (folder / "index").write_text("kept")
    assert (store.memory("shop").folder / "index").read_text() == "kept"


@pytest.mark.parametrize("where", ["state.db.cache", "state.db.cache/shop"])
def test_a_cache_that_can_not_be_made_is_said_with_its_place(path: Path, store: Store, where: str) -> None:
    blocked = path.parent / where
    blocked.parent.mkdir(exist_ok=True)
    blocked.write_text("in the way")
    with pytest.raises(StateError) as caught:
        _ = store.memory("shop").folder
    assert "state.db.cache" in caught.value.message
    assert "engine.database" in caught.value.hint


async def test_a_plan_remembers_and_caches_elsewhere_and_leaves_nothing(path: Path, url: str, store: Store) -> None:
    await store.memory("mail").put("group", "7")
    snapshot = Store.open_copy(url, store.clock)
    memory = snapshot.memory("mail")
    assert await memory.get("group") == "7"
    await memory.put("group", "8")
    folder = memory.folder
    assert folder.is_dir()
    assert path.parent not in folder.parents
    snapshot.close()
    assert not folder.exists()
    assert not path.with_name("state.db.cache").exists()
    assert await store.memory("mail").get("group") == "7"
