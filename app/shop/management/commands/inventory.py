"""``manage.py inventory``: list what is in the bucket, whatever the strategy is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings
from django.core.management import BaseCommand, CommandError

if TYPE_CHECKING:
    from datetime import datetime

    from shop.environment import Store


class Command(BaseCommand):
    """Asks with the configured identity: it must be one that may list, such as the publisher."""

    help = "Print every object of the bucket, with date, ETag and size, as one JSON document."
    requires_system_checks = ()

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Print the inventory."""
        store = settings.ENVIRONMENT.store
        if store is None:
            raise CommandError("there is no bucket in development: run it without DEBUG=true")
        try:
            objects = list_objects(store)
        except (BotoCoreError, ClientError) as error:
            place = f"bucket {store.bucket} at {store.endpoint_url}"
            raise CommandError(f"cannot list {place}: {error}") from error
        self.stdout.write(json.dumps(objects, indent=1, sort_keys=True))


def list_objects(store: Store) -> dict[str, dict[str, str | int]]:
    """Return date, ETag and size of each object by its key."""
    options = settings.STORAGES["staticfiles"]["OPTIONS"]
    client = boto3.client(
        "s3",
        endpoint_url=store.endpoint_url,
        region_name=store.region,
        aws_access_key_id=store.access_key_id,
        aws_secret_access_key=store.secret_access_key,
        config=options["client_config"],
    )
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=store.bucket)
    return {
        found["Key"]: {
            "last_modified": in_milliseconds(found["LastModified"]),
            "etag": found["ETag"].strip('"'),
            "bytes": found["Size"],
        }
        for page in pages
        for found in page.get("Contents", ())
    }


def in_milliseconds(moment: datetime) -> str:
    """Return the moment as the store knows it: UTC, with milliseconds."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
