"""Whether a slug is available, and a similar one that is."""

from __future__ import annotations

from segops_auth.service.tenants import SlugCheck
from tests.unit.auth.harness import ADDRESS, PER_ADDRESS, MemoryAuth, slug_of


async def check(memory: MemoryAuth, slug: str) -> SlugCheck:
    return await memory.auth.tenants.check_slug(slug, None)


async def test_a_free_slug_has_no_fault_and_no_suggestion(memory: MemoryAuth) -> None:
    assert await check(memory, "acme") == SlugCheck(slug="acme", fault=None, suggestion=None)


async def test_for_a_taken_slug_the_next_free_number_is_suggested(memory: MemoryAuth) -> None:
    await memory.sign_up("acme")
    assert (await check(memory, "acme")).suggestion == "acme-2"
    await memory.sign_up("acme-2")
    result = await check(memory, "acme")
    assert (result.suggestion, result.fault) == ("acme-3", "must not be the slug of another tenant")


async def test_a_malformed_slug_says_why_and_its_valid_form_is_suggested(memory: MemoryAuth) -> None:
    result = await check(memory, "Acme Inc.")
    assert result.suggestion == "acme-inc"
    assert result.fault == "must be 2 to 63 lower-case letters and digits, with single hyphens between them"
    await memory.sign_up("acme-inc")
    assert (await check(memory, "Acme Inc.")).suggestion == "acme-inc-2"


async def test_a_reserved_name_says_so(memory: MemoryAuth) -> None:
    assert await check(memory, "admin") == SlugCheck(
        slug="admin", fault="must not be a reserved name", suggestion="admin-2"
    )


async def test_text_without_letters_gets_no_suggestion(memory: MemoryAuth) -> None:
    result = await check(memory, "\u2603\x00")
    assert result.suggestion is None
    assert result.fault is not None


async def test_when_every_suggestion_is_taken_there_is_none(memory: MemoryAuth) -> None:
    for name in ("acme", *(f"acme-{number}" for number in range(2, 21))):
        await memory.sign_up(name)
    result = await check(memory, "acme")
    assert (result.suggestion, result.fault) == (None, "must not be the slug of another tenant")


async def test_an_address_may_not_list_all_slugs(memory: MemoryAuth) -> None:
    for number in range(PER_ADDRESS):
        await memory.auth.tenants.check_slug(f"acme-{number}", ADDRESS)
    assert await slug_of(memory.auth.tenants.check_slug("acme", ADDRESS)) == "rate-limited"
    await memory.auth.tenants.check_slug("acme", "198.51.100.8")
