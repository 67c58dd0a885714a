#!/usr/bin/env python3
"""Puts the web console beside a stack in AWS; `make console-deploy` calls it.

  console.py --stack NAME   create or update the stack NAME-console, and upload target/console
"""

from __future__ import annotations

import argparse
import mimetypes
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import boto3
from botocore.exceptions import BotoCoreError, ClientError

ROOT = Path(__file__).resolve().parents[2]
CONSOLE = ROOT / "target" / "console"
TEMPLATE = ROOT / "infra" / "sam" / "console.yaml"
SUFFIXES = {"cn-north-1": "amazonaws.com.cn", "cn-northwest-1": "amazonaws.com.cn"}


def outputs(cloudformation, stack: str) -> dict[str, str]:
    """The outputs of a stack by their names."""
    found = cloudformation.describe_stacks(StackName=stack)["Stacks"][0].get("Outputs", [])
    return {each["OutputKey"]: each["OutputValue"] for each in found}


def parameters(api_url: str, region: str) -> list[str]:
    """Parameters of the console's template."""
    storage = f"https://*.s3.{region}.{SUFFIXES.get(region, 'amazonaws.com')}"
    return [f"ApiDomain={urlsplit(api_url).hostname}", f"Storage={storage}"]


def upload(s3, bucket: str, folder: Path) -> list[str]:
    """Put the console's files into the bucket: index.html last, since it names the others. Returns the keys."""
    files = sorted((path for path in folder.rglob("*") if path.is_file()), key=lambda path: (path.name == "index.html", path))
    keys = []
    for path in files:
        key = path.relative_to(folder).as_posix()
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        kept = "public, max-age=31536000, immutable" if key.startswith("assets/") else "no-cache"
        s3.put_object(Bucket=bucket, Key=key, Body=path.read_bytes(), ContentType=kind, CacheControl=kept)
        keys.append(key)
    return keys


def deploy(stack: str) -> None:
    session = boto3.Session(region_name=os.environ.get("AWS_REGION"))
    cloudformation, own = session.client("cloudformation"), f"{stack}-console"
    api_url = outputs(cloudformation, stack)["ApiUrl"]
    command = ["sam", "deploy", "--template-file", str(TEMPLATE), "--stack-name", own, "--region", session.region_name,
               "--no-fail-on-empty-changeset", "--parameter-overrides", *parameters(api_url, session.region_name)]
    subprocess.run(command, check=True)
    made = outputs(cloudformation, own)
    upload(session.client("s3"), made["FilesBucket"], CONSOLE)
    print(f"console: {made['ConsoleUrl']}")
    print(f"Name that origin in CorsAllowOrigins of {stack}, so that the page can read the buckets; it needs RecordingsAccess and DownloadLinks.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stack", required=True, help="the stack with the API")
    options = parser.parse_args()
    if not (CONSOLE / "index.html").is_file():
        sys.exit("error: target/console is not there: run `make console`")
    try:
        deploy(options.stack)
    except (BotoCoreError, ClientError, KeyError, subprocess.CalledProcessError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
