"""What the routes are given."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from segops_membership.service.use_cases import UseCases


def use_cases_of(request: Request) -> UseCases:
    """The app's use cases."""
    use_cases: UseCases = request.app.state.running
    return use_cases


UseCasesOfApp = Annotated[UseCases, Depends(use_cases_of)]
