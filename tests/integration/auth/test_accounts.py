"""Signing up, and who one is."""

from __future__ import annotations

from tests.integration.auth.world import World, said


async def test_smoke(world: World) -> None:
    ada = await world.sign_up()
    me = said(await ada.ask("GET", "me/"), 200)
    assert me["tenants"][0]["role"] == "owner"
    key = await ada.new_key()
    print(key)
    print(await world.introspect(key["key"]))
    print(await world.roles(ada.id))
    bob = await world.join(ada, "member")
    print(said(await ada.ask("GET", f"tenants/{ada.tenant}/audit-log/"), 200))
    print((await bob.ask("GET", f"tenants/{ada.tenant}/audit-log/")).text)
    print((await world.client.get("/api/auth/.well-known/jwks.json")).text)
    t = said(await world.post("token/refresh/", {"refresh_token": ada.tokens["refresh_token"]}), 200)
    print(t)
