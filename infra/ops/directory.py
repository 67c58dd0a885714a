"""The rows of the tenants and the sessions table, as the functions read them (shared/aws/src/dynamodb/directory.rs)."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Any

DEFAULT_MAX_ACTIVE = 100
DEFAULT_MAX_SCHEDULED = 1000
# What fits into the functions' u32.
MOST_ACTIVE = 2**32 - 1
# What a request's storage_root_folder may hold.
LONGEST_ROOT = 512
# An S3 key's 1024 bytes, less those of the longest LivePath.
LONGEST_PREFIX = 511


class RowError(ValueError):
    """A row that would open nothing, or not what was meant; the text begins with the argument's name."""


@dataclass(frozen=True)
class Target:
    """A place that clips may go to. `root`: key prefix; `owner`: account that must own the bucket, "" if any may."""

    bucket: str
    region: str
    root: str = ""
    owner: str = ""


@dataclass(frozen=True)
class Tenant:
    """One row of the tenants table. `source_owner` as in `Target`; `default_target`: index into `targets`."""

    name: str
    source_bucket: str
    source_prefix: str
    targets: tuple[Target, ...]
    source_owner: str = ""
    default_target: int = 0
    max_active: int = DEFAULT_MAX_ACTIVE
    max_scheduled: int = DEFAULT_MAX_SCHEDULED
    mre_programs: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what the functions would refuse, and what no request could ever name."""
        _held("tenant", self.name, r"[A-Za-z0-9_-]{1,64}", "1 to 64 of A-Z a-z 0-9 _ -")
        _bucket("source-bucket", self.source_bucket)
        _path("source-prefix", self.source_prefix, LONGEST_PREFIX)
        _owner("source-owner", self.source_owner)
        if not self.targets:
            raise RowError("target: at least one is needed")
        for at, target in enumerate(self.targets):
            _bucket("target", target.bucket)
            _held("target", target.region, r"[a-z]{2,4}(-[a-z]+)+-[0-9]", f"a region behind {target.bucket}, as in eu-west-1")
            _path("target", target.root, LONGEST_ROOT)
            _owner("target", target.owner)
            for other in self.targets[:at]:
                if (other.bucket, other.region, other.root.strip("/")) == (target.bucket, target.region, target.root.strip("/")):
                    raise RowError(f"target: {target.bucket} in {target.region} is there twice with the same root")
        if not 0 <= self.default_target < len(self.targets):
            raise RowError(f"default-target: {self.default_target} is no index into {len(self.targets)} targets")
        for name, most in (("max-active", self.max_active), ("max-scheduled", self.max_scheduled)):
            if not 0 <= most <= MOST_ACTIVE:
                raise RowError(f"{name}: 0 to {MOST_ACTIVE}, not {most}")
        if "" in self.mre_programs:
            raise RowError("mre-program: is empty")

    def item(self) -> dict[str, dict]:
        """The row."""
        return {
            "pk": {"S": self.name},
            "source_bucket": {"S": self.source_bucket},
            "source_prefix": {"S": self.source_prefix},
            "source_owner": {"S": self.source_owner},
            "targets": {"L": [{"M": {key: {"S": value} for key, value in vars(target).items()}} for target in self.targets]},
            "default_target": {"N": str(self.default_target)},
            "max_active": {"N": str(self.max_active)},
            "max_scheduled": {"N": str(self.max_scheduled)},
            "mre_programs": {"L": [{"S": program} for program in self.mre_programs]},
        }

    @classmethod
    def of(cls, item: dict[str, dict]) -> Tenant:
        """Read a row; raises RowError for one that opens nothing."""
        targets = [_attribute({"target": each}, "target", "M") for each in _attribute(item, "targets", "L")]
        return cls(
            name=_attribute(item, "pk", "S"),
            source_bucket=_attribute(item, "source_bucket", "S"),
            source_prefix=_attribute(item, "source_prefix", "S", ""),
            source_owner=_attribute(item, "source_owner", "S", ""),
            targets=tuple(
                Target(_attribute(each, "bucket", "S"), *(_attribute(each, key, "S", "") for key in ("region", "root", "owner")))
                for each in targets
            ),
            default_target=_whole(item, "default_target", 0),
            max_active=_whole(item, "max_active", DEFAULT_MAX_ACTIVE),
            max_scheduled=_whole(item, "max_scheduled", DEFAULT_MAX_SCHEDULED),
            mre_programs=tuple(_attribute({"mre_programs": each}, "mre_programs", "S") for each in _attribute(item, "mre_programs", "L", [])),
        )


def session_key(session_id: str) -> str:
    """What a session is stored under."""
    return hashlib.sha256(session_id.encode()).hexdigest()


def session_item(session_id: str, tenant: str, expires_at: int) -> dict[str, dict]:
    """The row of a session; `expires_at` in epoch seconds."""
    return {"pk": {"S": session_key(session_id)}, "tenant": {"S": tenant}, "expires_at": {"N": str(expires_at)}}


def _attribute(item: dict[str, dict], name: str, kind: str, default: Any = None) -> Any:
    """An attribute may be left out if it has a default; one of the wrong type opens nothing."""
    value = item.get(name)
    if value is None and default is not None:
        return default
    if value is None or kind not in value:
        raise RowError(f"{name}: {'is missing' if value is None else f'is no {kind}'}")
    return value[kind]


def _whole(item: dict[str, dict], name: str, default: int) -> int:
    text = _attribute(item, name, "N", str(default))
    if not re.fullmatch(r"[0-9]+", text):
        raise RowError(f"{name}: {text} is no whole number")
    return int(text)


def _held(argument: str, text: str, pattern: str, wanted: str) -> None:
    if not re.fullmatch(pattern, text):
        raise RowError(f"{argument}: {wanted}, not {text!r}")


def _bucket(argument: str, name: str) -> None:
    _held(argument, name, r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", "the name of a bucket")


def _owner(argument: str, account: str) -> None:
    _held(argument, account, r"([0-9]{12})?", "an account of 12 digits")


def _path(argument: str, path: str, longest: int) -> None:
    """The functions take outer slashes away; what is left must be names that a key can have."""
    inner = path.strip("/")
    if len(path.encode()) > longest:
        raise RowError(f"{argument}: at most {longest} bytes")
    if inner and any(part in ("", ".", "..") for part in inner.split("/")) or any(not each.isprintable() for each in path):
        raise RowError(f"{argument}: a path of plain names, not {path!r}")
