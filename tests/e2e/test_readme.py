"""Every command of every page is executed: here, by `make test`, by a nightly run, or it says that it needs AWS."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

import boto3
import imageio_ffmpeg
import pytest
from samtranslator.yaml_helper import yaml_parse

from media.verify import verify

from .stack import LAUNCHER, ROOT, Stack

NAME = f"readme-{os.getpid()}"
COMMAND = re.compile(r"(?:make|cargo|curl|npm|npx|aws|cd|ffmpeg|FFMPEG=\.\.\.|\.venv/bin/python) |export \w+=")
# Goals and lines that nothing executes.
BY_HAND = {
    "lock": "needs the package registry, and changes pins",
    "cli": "compiles for minutes; test-rust and test-e2e run the same program",
    "install-cli": "compiles for minutes, and writes to the home folder",
    "release": "compiles for an hour; release.yml runs it at a tag",
    "portable-cli": "compiles for minutes; `make release` runs it",
    "openapi": "writes what test-rust compares",
    "npm install --install-links ../media-export/infra/cdk": "is for an app of the reader's own",
    "npm install ./media-export-cdk-0.2.0.tgz": "is for an app of the reader's own",
    "npx aws-cdk@2 bootstrap": "changes an account of AWS",
    "aws s3 cp": "is an example of what copies to S3",
    "cargo test -p export-suites --test simulation -- --ignored the_table --nocapture": "prints the table of its page",
}
# Introduces a line that changes a deployed stack, which keeps the parameters that the line does not name.
CHANGES = re.compile(r"stack that stands|parameter changed")
NEEDS_AWS = re.compile(r"needs? AWS", re.IGNORECASE)
# Goals of make that this file executes.
HERE = ("demo", "up", "down", "ps", "logs", "tenant", "session", "smoke", "help")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
TEMPLATE = yaml_parse((ROOT / "infra/sam/template.yaml").read_text(encoding="utf-8"))
UP = ".venv/bin/python infra/local/stack.py up"
PASTED = (
    ".venv/bin/python tests/bench/media.py --help",
    ".venv/bin/python tests/media make OUT [FORM...]",
    ".venv/bin/python tests/media verify CLIP --first 33 --count 75 --tracks 1",
    ".venv/bin/python tests/media verify CLIP --form hevc_open",
    "ffmpeg -version",
)
# Executed by another file of ours, which has these words.
ELSEWHERE = {
    "make setup": (".ci/run", "make setup"),
    "make test": (".ci/run", "make test"),
    "cargo run --release -p export-mre --example mre_scale": ("tests/bench/run.py", '"--example", "mre_scale"'),
    "cargo run -p export-clip": ("tests/bench/media.py", '"-p", "export-clip", "--bin", "clip"'),
    "FFMPEG=... cargo run --release -p export-clip": ("tests/bench/media.py", '"-p", "export-clip", "--bin", "clip"'),
    "make watch": ("tests/e2e/test_events.py", '"watch"'),
    "export PATH=$PWD/.venv-tools/bin:$PATH": ("tests/e2e/test_events.py", ".venv-tools/bin:"),
    "cargo lambda invoke": ("tests/e2e/test_events.py", '"cargo", "lambda", "invoke"'),
    "cargo lambda watch": ("tests/e2e/test_events.py", '"watch"'),
    "cd infra/cdk && npm ci && npm run build": ("Makefile", "cd infra/cdk && npm run --silent build"),
    "npm ci && npm test": ("Makefile", "npm test --silent"),
    "npm test": ("Makefile", "npm test --silent"),
    "npm run snapshot": ("Makefile", "npm run --silent snapshot"),
    'curl "$API_URL/export" -d "$body"': ("README.md", '\ncurl -sw "\\n" "$API_URL/export" -d "$body"'),
    "curl --aws-sigv4": ("tests/smoke/subject.py", "SigV4Auth("),
    "ffmpeg -c copy": ("tests/bench/media.py", '"-c", "copy"'),
    f"{UP} --bin-dir": ("tests/chaos/world.py", '"--bin-dir"'),
    f"{UP} --parameter": ("tests/chaos/world.py", '"--parameter"'),
    f"{UP} --functions-endpoint": ("tests/chaos/world.py", '"--functions-endpoint"'),
    f"{UP} --function-env": ("tests/chaos/world.py", '"--function-env"'),
    f"{UP} --template": ("tests/upgrade/versions.py", '"--template"'),
}


class Command(NamedTuple):
    """What a reader would paste. `around`: the paragraph that introduces it, or that it stands in."""

    page: str
    line: str
    around: str


def pages() -> dict[str, str]:
    """The project's, without those that say how test data was made."""
    listed = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    ours = [name for name in listed.split() if "tests/data/" not in name]
    return {name: (ROOT / name).read_text(encoding="utf-8") for name in ours}


def commands(page: str, text: str) -> Iterator[Command]:
    """Indented lines and code in a line or in a cell of a table; fenced scripts are executed as a whole."""
    introduction = ""
    for block in re.split(r"\n\s*\n", re.sub(r"(?ms)^```.*?^```", "", text)):
        indented = re.findall(r"(?m)^    (\S.*)$", block) if block.startswith("    ") else []
        introduction = introduction if indented else block
        spoken = [] if indented else re.findall(r"`([^`\n]+)`", block)
        for line in (*indented, *spoken):
            if COMMAND.match(line):
                yield Command(page, re.split(r"\s+#", line)[0].strip(), introduction)


def scripts() -> list[tuple[str, str]]:
    """Fenced scripts with their pages."""
    return [(page, script) for page, text in pages().items() for script in re.findall(r"(?ms)^```sh\n(.*?)^```", text)]


def made_somewhere() -> set[str]:
    """What `make test`, this file and the nightly workflow make, and what these make in turn."""
    phases = re.search(r"(?m)^TEST_PHASES := (.*)$", MAKEFILE)[1].split()
    nightly = re.search(r"proof: \[(.*)\]", (ROOT / ".github/workflows/nightly.yml").read_text())[1].split(", ")
    made, new = set(), {*phases, *nightly, *HERE}
    while new:
        made |= new
        new = {goal for each in new for goal in makes(each)} - made
    return made


def makes(goal: str) -> set[str]:
    """The goals that one needs or calls."""
    found = re.search(rf"(?m)^{goal}:([^#\n]*).*\n((?:\t.*\n)*)", MAKEFILE)
    words = f"{found[1]} {' '.join(re.findall(r'[$][(]MAKE[)][^;&|]*', found[2]))}".split() if found else []
    return {word for word in words if re.search(rf"(?m)^{re.escape(word)}:", MAKEFILE)}


def makes_in_aws(goal: str) -> bool:
    """What `make help` says of it."""
    return bool(re.search(rf"(?m)^{goal}:.*## .*needs AWS", MAKEFILE))


def goals_of(line: str) -> set[str]:
    """What a line asks make for."""
    program, *words = re.sub("<[^>]*>", "", line).split()
    return {word for word in words if re.fullmatch("[a-z0-9-]+", word)} if program == "make" else set()


def is_executed(command: Command) -> bool:
    goals = goals_of(command.line)
    if goals and all(goal in made_somewhere() or goal in BY_HAND or makes_in_aws(goal) for goal in goals):
        return True
    if command.line.startswith("aws ") and not operation_faults(command.line):
        return True
    files = [where for said, where in ELSEWHERE.items() if f"{command.line} ".startswith(f"{said} ")]
    if any(words in (ROOT / file).read_text(encoding="utf-8") for file, words in files):
        return True
    return command.line in (*PASTED, *BY_HAND) or bool(NEEDS_AWS.search(command.around))


def operation_faults(line: str) -> list[str]:
    """What is wrong with a line for the AWS CLI, which is not here: a service or an operation that there is not."""
    _, service, operation, *_ = line.split()
    known = service in boto3.Session().get_available_services()
    client = boto3.client(service, region_name="us-east-1") if known else None
    return [] if hasattr(client, operation.replace("-", "_")) else [f"no {service} {operation}"]


def faults(line: str, around: str = "") -> list[str]:
    """What is wrong with a line for make: a goal or a variable that the Makefile does not have, parameters that the
    template does not have or that its rules refuse. `around`: the paragraph that introduces it."""
    goals = goals_of(line)
    found = [f"no goal {goal}" for goal in goals if not re.search(rf"(?m)^{goal}:", MAKEFILE)]
    given = dict(word.partition("=")[::2] for word in shlex.split(line) if re.match("[A-Z_]+=", word))
    found += [f"no variable {name}" for name in given if not re.search(rf"(?m)\$\(?[({{]{name}\b|^export {name}$", MAKEFILE)]
    parameters = dict(each.partition("=")[::2] for each in given.get("PARAMETERS", "").split())
    found += [f"no parameter {name}" for name in parameters.keys() - TEMPLATE["Parameters"].keys()]
    is_whole = "deploy" in goals and "PARAMETERS_FILE" not in given and not CHANGES.search(around)
    return found + (broken_rules(parameters) if is_whole else [])


def broken_rules(given: dict[str, str]) -> list[str]:
    """The rules of the template that CloudFormation would hold against these parameters."""
    values = {name: str(each.get("Default", "")) for name, each in TEMPLATE["Parameters"].items()} | given

    def holds(rule: object) -> object:
        if not isinstance(rule, dict):
            return [holds(each) for each in rule] if isinstance(rule, list) else rule
        ((function, argument),) = rule.items()
        if function == "Ref":
            return values[argument]
        of = holds(argument)
        return {
            "Fn::Equals": lambda: of[0] == of[1],
            "Fn::Not": lambda: not of[0],
            "Fn::And": lambda: all(of),
            "Fn::Or": lambda: any(of),
            "Fn::Contains": lambda: of[1] in of[0],
        }[function]()

    held = [rule for rule in TEMPLATE["Rules"].values() if holds(rule.get("RuleCondition", True))]
    assertions = [each for rule in held for each in rule["Assertions"]]
    return [each["AssertDescription"] for each in assertions if not holds(each["Assert"])]


def test_every_command_is_executed_or_needs_aws():
    written = [command for page, text in pages().items() for command in commands(page, text)]
    assert len(written) > 100
    assert [command[:2] for command in written if not is_executed(command)] == []
    assert [page for page, _ in scripts()] == ["README.md"] * 6


def test_every_line_for_make_would_be_taken():
    # A page that only speaks of `make deploy` gives no parameters.
    spoken = "make deploy"
    lines = [command for page, text in pages().items() for command in commands(page, text)]
    written = [command for command in lines if goals_of(command.line) and command.line != spoken]
    assert {command[:2]: wrong for command in written if (wrong := faults(command.line, command.around))} == {}
    named = {goal for text in pages().values() for goal in re.findall(r"`make ([a-z][a-z0-9-]*)", text)}
    assert {goal: wrong for goal in named if f"make {goal}" != spoken and (wrong := faults(f"make {goal}"))} == {}


@pytest.mark.parametrize(
    ("text", "executed"),
    [
        ("    make nothing\n    make tests\n", [False, False]),
        ("This needs AWS.\n\n    cargo lambda deploy\n", [True]),
        ("This needs AWS.\n\nThis does not:\n\n    cargo lambda deploy\n", [False]),
        ("| command | |\n|---|---|\n| `make up SPEED=1` | fast |\n| `make lost` | nothing |\n", [True, False]),
        ("Then `npm run lost` and `make down`, or `make deploy`.", [False, True, True]),
        ("Or `aws sqs receive-message`, not `aws sqs taste-message`, nor `aws lost list`.", [True, False, False]),
        ("It says `export timed out`.", []),
        ("```json\n    make nothing\n```", []),
    ],
)
def test_a_command_that_nobody_executes_is_found(text, executed):
    assert [is_executed(command) for command in commands("README.md", f"# A\n\n{text}")] == executed


def headings(text: str) -> set[str]:
    """The anchors that GitHub makes of a page's headings."""
    titles = re.findall(r"(?m)^#+ (.*)$", re.sub(r"(?ms)^```.*?^```", "", text))
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def broken_links(page: str, text: str) -> list[str]:
    """The relative links of a page to a file or a heading that does not exist."""
    def leads_somewhere(link: str) -> bool:
        name, _, anchor = link.partition("#")
        target = (ROOT / page).parent / name if name else ROOT / page
        return target.exists() and (not anchor or anchor in headings(target.read_text(encoding="utf-8")))

    links = re.findall(r"\]\(([^)\s]+)\)", text)
    return [link for link in links if not re.match("https?:|mailto:", link) and not leads_somewhere(link)]


def test_every_link_between_pages_leads_somewhere():
    assert {page: broken for page, text in pages().items() if (broken := broken_links(page, text))} == {}
    assert broken_links("infra/README.md", "[a](docs/UPGRADING.md) [b](docs/LOST.md) [c](#lost)") == ["docs/LOST.md", "#lost"]


# Idioms that hide the subject or negate by a noun; CONTRIBUTING.md has the rules. "if there is none" is plain.
IDIOMS = re.compile(
    r"(?<!there )\b(?:is|are|was|were) none\b|\bof ours\b|\b(?:whoever|nobody|somebody|anybody|everybody)\b"
    r"|\b(?:told|tells?|telling) of\b|\bbut for\b|\bas good as\b|\bfor (?:good|ever)\b|\bin passing\b",
    re.IGNORECASE,
)


def idioms(text: str) -> list[str]:
    """The banned phrases of a text; code is quoted, not prose."""
    return IDIOMS.findall(re.sub(r"`[^`\n]*`", "", re.sub(r"(?ms)^```.*?^```", "", text)))


def log_calls(source: str) -> list[str]:
    """What the calls of Rust's logging macros are given, without the tests of the file."""
    return re.findall(r"(?s)\b(?:error|warn|info|debug)!\((.*?)\);", source.partition("\nmod tests {")[0])


def logged(source: str) -> list[str]:
    """The texts in the calls of Rust's logging macros."""
    return [text for call in log_calls(source) for text in re.findall(r'"((?:[^"\\]|\\.)*)"', call)]


def test_pages_and_log_messages_are_in_plain_english():
    listed = subprocess.run(["git", "ls-files", "functions/*.rs", "shared/*.rs"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    messages = {name: logged((ROOT / name).read_text(encoding="utf-8")) for name in listed.split()}
    assert sum(map(len, messages.values())) > 40 and len(pages()) > 10
    # The rules quote what they ban.
    said = {name: text for name, text in pages().items() if not name.endswith("CONTRIBUTING.md")}
    said |= {name: "\n".join(each) for name, each in messages.items()}
    assert {name: found for name, text in said.items() if (found := idioms(text))} == {}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("An alias is none.", 1),
        ("If there is none, `nobody` is `AuthMode: none`.", 0),
        ("Nobody is told of a message of ours.", 3),
        ("```\nnobody\n```\nThe sweeper resends the job.", 0),
    ],
)
def test_an_idiom_is_found(text, found):
    assert len(idioms(text)) == found


def test_a_field_of_a_log_line_says_whose_it_is():
    """`job.state`, `job.id`, `message.id`: a bare `state` or `id` is another thing in each function."""
    listed = subprocess.run(["git", "ls-files", "functions/*.rs", "shared/*.rs"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    calls = {name: log_calls((ROOT / name).read_text(encoding="utf-8")) for name in listed.split()}
    bare = re.compile(r"(?:^|,)\s*[%?]?(?:state|id|job_id)\s*[=,]")
    assert bare.search("state = ?job.state") and bare.search("%id, text") and not bare.search("job.id = %id.text(), job.state = x")
    assert {name: found for name, each in calls.items() if (found := [call for call in each if bare.search(call)])} == {}


def test_the_text_of_a_log_message_is_found():
    assert logged('a();\ntracing::warn!(\n  %error, "kept a \\"b\\"; later"\n);\nmod tests {\ninfo!("x");') == ['kept a \\"b\\"; later']


def test_every_option_of_the_stack_is_one():
    """Of those that pages name, and of those that the Makefile gives for `make up`."""
    asked = [sys.executable, str(LAUNCHER), "up", "--help"]
    known = subprocess.run(asked, check=True, capture_output=True, text=True).stdout
    written = [command.line for page, text in pages().items() for command in commands(page, text)]
    shown = make("-n", "up", "RELEASE=1", "ENFORCE_IAM=1", "NAME=other")
    named = re.findall(r"--[a-z-]+", "".join(line for line in (*written, *shown.splitlines()) if "stack.py up" in line))
    assert {"--release", "--enforce-iam", "--name"} < {*named}
    assert [option for option in named if not re.search(rf"{option}\b", known)] == []


def test_help_lists_the_goals_of_the_pages():
    listed = make("help")
    assert all(f"  {goal} " in listed for goal in HERE)


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("make deploy PARAMETERS='CreateMreTables=true'", ""),
        ("make deploy PARAMETERS=EventTableName=events", "Name all eight tables"),
        ("make deploy PARAMETERS='CreateMreTables=true AuthMode=none'", "AuthMode none needs"),
        ("make deploy PARAMETERS='CreateMreTables=true DomainName=a.example'", "need each other"),
        ("make deploy PARAMETERS='CreateMreTables=true Bucket=a'", "no parameter Bucket"),
        ("make smoke STACKS=a", "no variable STACKS"),
        ("make smokes", "no goal smokes"),
    ],
)
def test_a_line_that_make_or_cloudformation_would_refuse_is_found(line, wrong):
    assert [wrong in fault for fault in faults(line)] == ([True] if wrong else [])


def make(*words: str) -> str:
    done = subprocess.run(["make", "--no-print-directory", *words], cwd=ROOT, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, f"{done.stdout[-3000:]}{done.stderr[-3000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def demo() -> Iterator[str]:
    """What `make demo` prints; it leaves its stack up."""
    try:
        yield make("demo", f"NAME={NAME}")
    finally:
        make("down", f"NAME={NAME}")


def test_the_demo_is_ok(demo):
    assert len(re.findall(r"(?m)^ok\b", demo)) == 2, demo


def run_script(script: str) -> subprocess.CompletedProcess:
    """Run a fenced script of a page against the demo's stack."""
    return subprocess.run(
        ["bash", "-eu", "-c", script.replace(".local/", f".local/{NAME}/")],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip


def test_the_example_of_formats_gives_each(demo):
    done = run_script(scripts()[5][1])
    drop, clips, table, cues = re.split("(?=TITLE: |Event,Program|WEBVTT)", done.stdout)[1:]
    assert "FCM: DROP FRAME" in drop and "FCM: NON-DROP FRAME" in clips and "\n001  S0000001 B " in clips
    assert table.startswith("Event,Program,ReplayId,Segment,Start,End,") and " --> " in cues
    timeline = json.loads((ROOT / ".local" / NAME / "match.otio").read_text(encoding="utf-8"))
    assert timeline["OTIO_SCHEMA"] == "Timeline.1"


def test_the_example_of_the_command_line_gets_files(demo):
    done = run_script(scripts()[0][1])
    folder = ROOT / ".local" / NAME / "clips"
    found = {path.suffix: path for path in folder.iterdir() if path.stem in ("clip_1562252828133", "goal")}
    assert {*found} == {".mp4", ".jpg"} and len([*folder.iterdir()]) == 4, done.stdout
    assert verify(found[".mp4"], Fraction(25)).numbers == [*range(183, 408)]
    assert "\nEvent,Program,ReplayId," in done.stdout


def test_every_option_of_mex_on_the_pages_is_one(demo):
    written = {line for text in pages().values() for line in re.findall(r"(?m)(?:^ *|`)(mex [a-z-]+[^`#\n]*)", text)}
    assert len(written) > 20

    def lacking(line: str) -> list[str]:
        command, *words = shlex.split(line.replace("…", ""))[1:]
        program = str(ROOT / ".local" / NAME / "mex")
        asked = [program, "--help"] if command.startswith("-") else [program, command, "--help"]
        known = subprocess.run(asked, capture_output=True, text=True, check=False).stdout
        options = [word.partition("=")[0] for word in words if re.match("-+[a-z]", word)]
        return [option for option in (command, *options) if not re.search(rf"{option}\b", known)]

    assert {line: found for line in written if (found := lacking(line))} == {}


def test_the_example_answers_as_the_page_says(demo):
    done = run_script(scripts()[1][1])
    first, second, asked, still, listed = [json.loads(line) for line in done.stdout.splitlines()]
    # A machine that is busy with other things may not have made it by then.
    told = (first["ErrorCode"], second["ErrorCode"] in (1, 5), still["ErrorCode"] in (0, 1))
    assert told == (1, True, True), done.stdout
    assert asked == second or second["ErrorCode"] == 1, done.stdout
    stack = Stack(ROOT / ".local" / NAME / "env")
    clip, picture = [stack.status(each["JobId"], Prefer="wait=20") for each in (second, still)]
    assert (clip.code, picture.code) == (5, 0), f"{clip} {picture}"
    assert clip.body["VideoPath"].endswith("/readme.mp4")
    fetched = (ROOT / ".local" / NAME / "readme.mp4").read_bytes()
    key = stack.key_of(clip.body["VideoPath"])
    assert fetched == stack.s3.get_object(Bucket=stack.env["EXPORT_BUCKET"], Key=key)["Body"].read()
    assert {second["JobId"], still["JobId"]} <= {job["id"] for job in listed["jobs"]}


def test_the_examples_of_batches_and_reels_make_all_clips(demo):
    made, listed = [json.loads(line) for line in run_script(scripts()[2][1]).stdout.splitlines()]
    cut = json.loads(run_script(scripts()[3][1]).stdout)
    assert made["id"] in [batch["id"] for batch in listed["batches"]]
    stack = Stack(ROOT / ".local" / NAME / "env")
    for batch, name in ((made, "goal 1"), (cut, "goal 2")):
        done = stack.send("GET", f"/export/batch/{batch['id']}", headers={"X-Session-Id": stack.session_id, "Prefer": "wait=20"})
        assert (done.body["outcome"], done.body["clips"][0]["name"]) == ("READY", name), done
    run_script(scripts()[4][1])
    reel = verify(ROOT / ".local" / NAME / "clips" / "best.mp4", Fraction(25))
    assert reel.numbers == [*range(238, 263), *range(75, 125)]


def test_the_running_stack_is_listed(demo):
    assert NAME in make("ps")


def test_its_logs_are_followed(demo):
    stack = Stack(ROOT / ".local" / NAME / "env")
    listed = stack.send("GET", "/export/status?limit=1", headers={"X-Session-Id": stack.session_id})
    (job,) = [each["id"] for each in listed.body["jobs"]]
    for wanted, said in (("", "media-export"), (f"JOB={job}", f"job.id={job}")):
        following = ["timeout", "10", "make", "logs", f"NAME={NAME}", *wanted.split()]
        done = subprocess.run(following, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 124 and said in done.stdout, f"{done.stdout[-1000:]}{done.stderr}"


def test_it_is_asked_for_everything_and_nothing_is_left(demo):
    assert "nothing is left" in make("smoke", f"NAME={NAME}")


def test_a_tenant_is_added_and_let_in(demo):
    added = make("tenant", f"NAME={NAME}", "TENANT=acme")
    session = make("session", f"NAME={NAME}", "TENANT=acme", "HOURS=1").split()[-1]
    assert "acme" in added and re.fullmatch(r"[0-9A-F]{32}", session)


def test_ffmpeg_names_its_source():
    asked = [imageio_ffmpeg.get_ffmpeg_exe(), "-version"]
    told = subprocess.run(asked, check=True, capture_output=True, text=True).stdout
    assert re.search(r"(?m)^ffmpeg version \S+", told) and "configuration: " in told


def test_the_recordings_tool_makes_and_verifies(tmp_path):
    python, tool = str(ROOT / ".venv/bin/python"), "tests/media"
    for line in PASTED[:2]:
        words = line.replace("OUT [FORM...]", f"{tmp_path} static_time").split()
        subprocess.run([python, *words[1:]], cwd=ROOT, check=True, capture_output=True, timeout=300)
    assert [*tmp_path.rglob("*.mpd")]
    asked = [python, tool, "verify", "--help"]
    told = subprocess.run(asked, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for option in shlex.split(" ".join(PASTED[2:4])):
        assert not option.startswith("--") or option in told, option
