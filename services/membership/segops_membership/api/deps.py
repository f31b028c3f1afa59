"""What the routes are given."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from segops_membership.service.use_cases import UseCases


def use_cases_of(request: Request) -> UseCases:
    """The app's use cases."""
    use_cases: UseCases = request.app.state.running
    return use_cases


async def _use_cases(request: Request) -> UseCases:
    return use_cases_of(request)


UseCasesOfApp = Annotated[UseCases, Depends(_use_cases)]
