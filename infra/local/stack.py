#!/usr/bin/env python3
"""The local stack: AWS on 127.0.0.1 with infra/sam/template.yaml deployed into it.

  stack.py up    start it, or deploy the present code into the running one
  stack.py down  stop it and forget its data
  stack.py env   print its environment file
  stack.py ps    list the stacks that are up
  stack.py logs  print what the functions logged
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shlex
import sys
import time
from pathlib import Path

import bundles
import seed
from deploy import REGION, STACK_NAME, TEMPLATE, Cloud, deploy
from instance import API_DOCS, CONSOLE, STATE, Instance, StackError, locked, running

OUTPUT_VARIABLES = {
    "SOURCE_BUCKET": "SourceBucket",
    "EXPORT_BUCKET": "ExportBucket",
    "JOBS_TABLE_NAME": "JobsTableName",
    "SESSIONS_TABLE_NAME": "SessionsTableName",
    "TENANTS_TABLE_NAME": "TenantsTableName",
    "CLIP_QUEUE_URL": "ClipQueueUrl",
    "BULK_QUEUE_URL": "BulkQueueUrl",
    "THUMBNAIL_QUEUE_URL": "ThumbnailQueueUrl",
    "CLIP_DEAD_LETTER_QUEUE_URL": "ClipDeadLetterQueueUrl",
    "BULK_DEAD_LETTER_QUEUE_URL": "BulkDeadLetterQueueUrl",
    "THUMBNAIL_DEAD_LETTER_QUEUE_URL": "ThumbnailDeadLetterQueueUrl",
    "EVENT_TABLE_NAME": "EventTableName",
    "PLUGIN_TABLE_NAME": "PluginTableName",
    "PROFILE_TABLE_NAME": "ProfileTableName",
    "MODEL_TABLE_NAME": "ModelTableName",
    "PLUGIN_RESULT_TABLE_NAME": "PluginResultTableName",
    "CLIP_PREVIEW_FEEDBACK_TABLE_NAME": "ClipPreviewFeedbackTableName",
    "REPLAY_REQUEST_TABLE_NAME": "ReplayRequestTableName",
    "REPLAY_RESULT_TABLE_NAME": "ReplayResultTableName",
    "EVENT_BUS_NAME": "EventBusName",
    "COMPLETION_BUS_NAME": "CompletionBusName",
    "EXPORT_OUTPUT_BUCKET": "ExportOutputBucket",
}


def up(options: argparse.Namespace) -> None:
    began = time.monotonic()
    instance = Instance(options.name)
    binaries = options.bin_dir or bundles.build(options.release)
    code = bundles.bundle(binaries, options.template)
    built = time.monotonic()
    with locked():
        state = instance.state()
        if state and options.enforce_iam is not None and state["enforce_iam"] != options.enforce_iam:
            raise StackError(f"{instance.name} is up with another --enforce-iam: take it down first")
        function_env = named_values(options.function_env)
        for option, given in (("functions_endpoint", options.functions_endpoint), ("function_env", function_env)):
            if state and given and state[option] != given:
                raise StackError(f"{instance.name} is up with another --{option.replace('_', '-')}: take it down first")
        try:
            state = state or instance.start(bool(options.enforce_iam), options.functions_endpoint, function_env)
            cloud = Cloud(state["gateway_port"])
            outputs = deploy(cloud, code, parameters(options, state), options.template)
            # The emulator reads it at each request, also while it is deployed into.
            scratch = instance.api_id_file.with_suffix(".new")
            scratch.write_text(outputs["ApiId"], encoding="ascii")
            scratch.replace(instance.api_id_file)
            seed.seed(cloud, outputs)
            write_environment(instance, environment(cloud, state, outputs))
            link_command_line(instance, binaries / bundles.COMMAND_LINE)
        except KeyboardInterrupt:
            instance.stop()
            raise
    done = time.monotonic()
    print(f"up: http://127.0.0.1:{state['api_port']}  (build {built - began:.1f} s, deploy {done - built:.1f} s)")
    if API_DOCS.exists():
        print(f"API reference: http://127.0.0.1:{state['api_port']}/_docs")
    if CONSOLE.exists():
        # The session is in the fragment, which a browser sends nowhere.
        print(f"console: http://127.0.0.1:{state['api_port']}/_console/#session={seed.SESSION_ID}")
    print(f"env: {instance.env_file}   emulator's log: {instance.log}")


def parameters(options: argparse.Namespace, state: dict) -> dict[str, str]:
    """What differs from the template's defaults on this machine; an earlier version's template has fewer parameters."""
    own = {
        "RequireTls": "false",
        "Architecture": {"aarch64": "arm64", "arm64": "arm64"}.get(platform.machine(), "x86_64"),
        "FfmpegPath": ffmpeg(),
        "CreateMreTables": "true",
        "RecordingsAccess": "on",
        "DownloadLinks": "on",
        "InstantPlayback": "on",
        "DataExportAuth": "NONE",
        "ExportRule": "ENABLED",
        "CoalesceSeconds": "0",
        # The console reads the buckets, which have an origin of their own.
        "CorsAllowOrigins": f"http://127.0.0.1:{state['api_port']}",
        "TenantTargetBucketArns": f"arn:aws:s3:::{seed.ARCHIVE_BUCKET}",
    }
    template = options.template.read_text(encoding="utf-8")
    return {name: value for name, value in own.items() if f"\n  {name}:" in template} | named_values(options.parameter)


def named_values(given: list[str]) -> dict[str, str]:
    return dict(each.partition("=")[::2] for each in given)


def ffmpeg() -> str:
    """The workers'."""
    import imageio_ffmpeg

    return os.environ.get("WORKER_FFMPEG") or imageio_ffmpeg.get_ffmpeg_exe()


def environment(cloud: Cloud, state: dict, outputs: dict[str, str]) -> dict[str, str]:
    """What a client, a test or a function started by hand needs to know."""
    result = {
        "API_URL": f"http://127.0.0.1:{state['api_port']}",
        # Answers 404 until `make apidocs` has built it.
        "API_DOCS_URL": f"http://127.0.0.1:{state['api_port']}/_docs",
        # The same with `make console`.
        "CONSOLE_URL": f"http://127.0.0.1:{state['api_port']}/_console/",
        "AWS_ENDPOINT_URL": cloud.endpoint,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        # An earlier version's template has fewer.
        **{variable: outputs[output] for variable, output in OUTPUT_VARIABLES.items() if output in outputs},
        "SOURCE_PREFIX": seed.SOURCE_PREFIX,
        "DEMO_SESSION_ID": seed.SESSION_ID,
        "FFMPEG": ffmpeg(),
        "ROLES_ENFORCED": "1" if state["enforce_iam"] else "",
        # A worker that is started by hand makes clips.
        "WORKER_KIND": "clip",
    }
    functions = cloud.client("lambda")
    for output in sorted(outputs):
        if output.endswith("Function"):
            configuration = functions.get_function_configuration(FunctionName=outputs[output])
            for variable, value in configuration["Environment"]["Variables"].items():
                result.setdefault(variable, value)
    return result


def write_environment(instance: Instance, variables: dict[str, str]) -> None:
    text = "".join(f"{name}={shlex.quote(value) if value else ''}\n" for name, value in variables.items())
    instance.env_file.write_text(text, encoding="utf-8")
    if instance.name == "default":
        (STATE / "env").write_text(text, encoding="utf-8")


def link_command_line(instance: Instance, program: Path) -> None:
    """Put `mex` beside the environment file, if the binaries came with one."""
    folders = [instance.env_file.parent, *([STATE] if instance.name == "default" else [])]
    for folder in folders if program.is_file() else []:
        link = folder / bundles.COMMAND_LINE
        link.unlink(missing_ok=True)
        link.symlink_to(program.resolve())


def down(options: argparse.Namespace) -> None:
    instances = [each for each, _ in running()] if options.all else [Instance(options.name)]
    for instance in instances:
        with locked():
            was_running = instance.stop()
        if instance.name == "default":
            for name in ("env", bundles.COMMAND_LINE):
                (STATE / name).unlink(missing_ok=True)
        print(f"down: {instance.name}" if was_running else f"{instance.name} was not up")


def env(options: argparse.Namespace) -> None:
    sys.stdout.write(must_run(options.name)[0].env_file.read_text(encoding="utf-8"))


def ps(_: argparse.Namespace) -> None:
    for instance, state in running():
        roles = "  roles enforced" if state["enforce_iam"] else ""
        print(f"{instance.name}: http://127.0.0.1:{state['api_port']}  (AWS http://127.0.0.1:{state['gateway_port']}, pid {state['pid']}{roles})")


def logs(options: argparse.Namespace) -> None:
    _, state = must_run(options.name)
    client = Cloud(state["gateway_port"]).client("logs")
    wanted = {field: value for field, value in (("job.id", options.job), ("correlation.id", options.correlation)) if value}
    seen: dict[str, int] = {}
    while True:
        fresh: list[tuple[str, str]] = []
        for group in client.describe_log_groups(logGroupNamePrefix=f"/{STACK_NAME}/")["logGroups"]:
            name = group["logGroupName"]
            events = log_events(client, name)
            fresh += [(name.rsplit("/", 1)[-1], event["message"].rstrip()) for event in events[seen.get(name, 0):]]
            seen[name] = len(events)
        for line in story(fresh, wanted) if wanted else [f"{function:32} {message}" for function, message in fresh]:
            print(line, flush=True)
        if not options.follow:
            return
        time.sleep(0.5)


def story(messages: list[tuple[str, str]], wanted: dict[str, str]) -> list[str]:
    """Of what functions logged, the lines whose span has the `wanted` fields: in the order of time, for people."""
    found = []
    for function, message in messages:
        for text in message.splitlines():
            line = json.loads(text) if text.startswith("{") else {}
            span = line.get("span", {})
            if all(span.get(field) == value for field, value in wanted.items()):
                found.append((line.pop("timestamp"), function, line))
    return [readable(*each) for each in sorted(found, key=lambda each: each[0])]


def readable(timestamp: str, function: str, line: dict) -> str:
    span = {field: value for field, value in line.pop("span").items() if field != "name"}
    line.pop("target", None)
    said = f"{timestamp[11:23]} {line.pop('level'):5} {function:28} {line.pop('message', '')}"
    return " ".join([said, *(f"{field}={shown(value)}" for field, value in {**line, **span}.items())])


def shown(value: object) -> str:
    """Nothing that a terminal would act upon."""
    plain = isinstance(value, str) and value.isprintable() and " " not in value
    return value if plain else json.dumps(value)


def log_events(client, group: str) -> list[dict]:
    pages = client.get_paginator("filter_log_events").paginate(logGroupName=group)
    return [event for page in pages for event in page["events"]]


def must_run(name: str) -> tuple[Instance, dict]:
    instance = Instance(name)
    state = instance.state()
    if not state or not instance.env_file.exists():
        raise StackError(f"{name} is not up: run `make up`")
    return instance, state


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(function):
        added = commands.add_parser(function.__name__)
        added.add_argument("--name", default="default", help="several stacks run side by side by name")
        added.set_defaults(run=function)
        return added

    start = command(up)
    start.add_argument("--release", action="store_true", help="optimised binaries (a slow build)")
    start.add_argument("--bin-dir", type=Path, help="take the functions' binaries from here; build nothing")
    start.add_argument("--enforce-iam", action="store_true", default=None, help="hold each function to its own role")
    start.add_argument("--template", type=Path, default=TEMPLATE, help="another template, say of an earlier version")
    start.add_argument("--parameter", action="append", default=[], metavar="NAME=VALUE", help="a parameter of the template")
    start.add_argument("--functions-endpoint", metavar="URL", help="where functions call AWS, instead of at the emulator itself")
    start.add_argument("--function-env", action="append", default=[], metavar="NAME=VALUE", help="a variable for every function")
    command(down).add_argument("--all", action="store_true", help="every stack that is up")
    command(env)
    command(ps)
    read = command(logs)
    read.add_argument("--follow", "-f", action="store_true", help="go on until interrupted")
    read.add_argument("--job", metavar="ID", help="only what is about this job, in the order of time")
    read.add_argument("--correlation", metavar="ID", help="only what is about this X-Correlation-Id")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    try:
        options.run(options)
    except StackError as error:
        sys.exit(f"error: {error}")
    except (KeyboardInterrupt, BrokenPipeError):
        sys.exit(130)


if __name__ == "__main__":
    main()
