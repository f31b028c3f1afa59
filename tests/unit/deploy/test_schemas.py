"""The rendered objects have the fields that Kubernetes knows, by the schemas of its API."""

from __future__ import annotations

from functools import cache
from typing import Any

import jsonschema
import pytest
from kubernetes_validate.utils import schema_contents
from referencing import Registry, Resource

from scripts.manifests.kubectl import VERSION
from tests.unit.deploy.conftest import Manifests, Object

FOLDER = f"kubernetes-json-schema/v{VERSION}.0-local-strict"
OTHERS = {"gateway.networking.k8s.io", "keda.sh", "monitoring.coreos.com"}
"""Groups of APIs that are not Kubernetes' own."""


@cache
def registry() -> Registry[Any]:
    return Resource.from_contents(schema_contents(f"{FOLDER}/_definitions.json", VERSION)) @ Registry()


@cache
def validator(kind: str, api: str) -> jsonschema.Draft202012Validator:
    schema = schema_contents(f"{FOLDER}/{kind.lower()}-{api}.json", VERSION)
    return jsonschema.Draft202012Validator(schema, registry=Resource.from_contents(schema) @ registry())


def check(part: Object) -> None:
    group, _, version = part["apiVersion"].rpartition("/")
    api = f"{group.partition('.')[0]}-{version}" if group else version
    validator(part["kind"], api).validate(part)


def test_every_object_is_valid(manifests: Manifests) -> None:
    own = [part for part in manifests.objects if part["apiVersion"].partition("/")[0] not in OTHERS]
    assert len(own) > 60
    for part in own:
        check(part)


def test_a_field_that_does_not_exist_is_refused(production: Manifests) -> None:
    deployment = next(iter(production.of("Deployment").values()))
    with pytest.raises(jsonschema.ValidationError, match="replica"):
        check({**deployment, "spec": {**deployment["spec"], "replica": 2}})
