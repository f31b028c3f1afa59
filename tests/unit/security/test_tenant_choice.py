"""Which tenant a request means, when it names one and when it does not."""

from __future__ import annotations

import pytest

from segops_common.core.problems import Forbidden, Problem, ValidationFailed
from segops_common.security.permissions import KeyKind, Role, Scope
from segops_common.security.principal import KeyPrincipal, Principal, UserPrincipal
from segops_common.security.tenant_choice import TenantChoice

READ, WRITE = Scope.SEGMENTS_READ, Scope.SEGMENTS_WRITE
KEY = KeyPrincipal(key_id=3, tenant_id=1, scopes=frozenset({READ, WRITE}), kind=KeyKind.SECRET, tenant_slug="acme")
READER = KeyPrincipal(key_id=4, tenant_id=1, scopes=frozenset({READ}), kind=KeyKind.SECRET, tenant_slug="acme")
ADA = UserPrincipal(user_id=7, roles={1: Role.OWNER}, known_slugs={1: "acme"})
GRACE = UserPrincipal(user_id=8, roles={1: Role.OWNER, 2: Role.VIEWER}, known_slugs={1: "acme", 2: "beta"})


def choice(tenant: int | None = None, slug: str | None = None) -> TenantChoice:
    return TenantChoice(tenant=tenant, slug=slug, place="query.")


@pytest.mark.parametrize("caller", [KEY, ADA])
@pytest.mark.parametrize("named", [(None, None), (1, None), (None, "acme"), (1, "acme")])
def test_a_caller_of_one_tenant_need_not_name_it(caller: Principal, named: tuple[int | None, str | None]) -> None:
    assert choice(*named).required(caller, WRITE) == 1


@pytest.mark.parametrize("named", [(2, None), (None, "beta"), (2, "beta")])
def test_a_member_of_several_names_one(named: tuple[int | None, str | None]) -> None:
    assert choice(*named).required(GRACE, READ) == 2
    with pytest.raises(Forbidden) as refusal:
        choice(*named).required(GRACE, WRITE)
    assert refusal.value.slug == "insufficient-role"


def test_a_member_of_several_who_names_none_is_asked_to() -> None:
    with pytest.raises(ValidationFailed) as refusal:
        choice().required(GRACE, READ)
    [fault] = refusal.value.errors
    assert (fault.path, fault.code) == ("query.tenant", "missing")
    text = refusal.value.detail + fault.detail
    assert "`tenant`" in text
    assert "`tenant_slug`" in text
    assert "acme" not in text
    assert choice().only(GRACE, READ) is None
    assert choice().only(ADA, READ) == 1
    assert choice().named(ADA, READ) is None


@pytest.mark.parametrize("caller", [KEY, ADA, GRACE])
@pytest.mark.parametrize(
    "named", [(3, None), (2**62, None), (None, "stranger"), (None, ""), (3, "stranger"), (3, "acme")]
)
def test_a_tenant_of_others_and_none_are_refused_alike(caller: Principal, named: tuple[int | None, str | None]) -> None:
    for decide in (choice(*named).required, choice(*named).only, choice(*named).named):
        assert refusal_of(lambda decide=decide: decide(caller, READ)) == (
            403,
            "tenant-mismatch",
            "The credential must belong to this tenant.",
        )


@pytest.mark.parametrize("named", [(1, "beta"), (2, "acme"), (1, "stranger")])
def test_an_id_and_the_slug_of_another_tenant_contradict(named: tuple[int, str]) -> None:
    with pytest.raises(ValidationFailed) as refusal:
        choice(*named).required(GRACE, READ)
    assert [(fault.path, fault.code) for fault in refusal.value.errors] == [("query.tenant_slug", "not-allowed")]


def test_the_only_tenant_does_not_give_a_scope() -> None:
    with pytest.raises(Forbidden) as refusal:
        choice().required(READER, WRITE)
    assert refusal.value.slug == "insufficient-scope"
    with pytest.raises(Forbidden) as refusal:
        choice().required(READER, READ, WRITE)
    assert refusal.value.slug == "insufficient-scope"


def test_a_slug_that_is_not_known_is_that_of_no_tenant() -> None:
    old = UserPrincipal(user_id=7, roles={1: Role.OWNER})
    assert choice(1).required(old, READ) == 1
    assert choice().required(old, READ) == 1
    assert refusal_of(lambda: choice(None, "acme").required(old, READ))[1] == "tenant-mismatch"


def refusal_of(act: object) -> tuple[int, str, str]:
    assert callable(act)
    with pytest.raises(Problem) as refusal:
        act()
    return refusal.value.status, refusal.value.slug, refusal.value.detail
