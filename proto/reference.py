"""Writes README.md, the reference of the API, from the .proto: ./dev reference. Reads what `buf build -o -#format=json` says."""

import json
import re
import sys

PACKAGE = "comfyui.jobstatus.v1"
WELL_KNOWN = "https://protobuf.dev/reference/protobuf/google.protobuf/#"

# Where descriptor.proto keeps things, as the paths of comments name them.
MESSAGES, ENUMS, SERVICES, SYNTAX = 4, 5, 6, 12
INSIDE = 2  # a message's fields, an enum's values, a service's calls

NAME = r"\b(?:(?:\w+\.)*[A-Za-z]\w*_\w+|[A-Z]{5,}|LOST)\b"


class Comments:
    def __init__(self, file):
        self.locations = {tuple(each.get("path", [])): each for each in file["sourceCodeInfo"]["location"]}

    def paragraphs(self, *path):
        text = self.locations[path]["leadingComments"]
        return [" ".join(each.split()) for each in re.split(r"\n\s*\n", text)]

    def of_file(self):
        return " ".join(self.locations[(SYNTAX,)]["leadingDetachedComments"][0].split())

    def line(self, *path):
        return self.locations[path]["span"][0]


def prose(text):
    """With names_like_this and NAMES of values set as code, but for what stands between backticks already."""
    parts = re.split(r"(`[^`]*`)", text.replace("<", "&lt;"))
    parts[::2] = [re.sub(NAME, r"`\g<0>`", part) for part in parts[::2]]
    return "".join(parts)


def cell(paragraphs):
    return prose(" ".join(paragraphs)).replace("|", "\\|")


def described(paragraphs):
    """Paragraphs; of one that tells reasons, a list."""
    for paragraph in paragraphs:
        if not paragraph.startswith("Reasons"):
            yield prose(paragraph)
            continue
        head, _, reasons = paragraph.partition(": ")
        each = re.split(r"[;,] (?=[A-Z_]+ (?:and [A-Z_]+ )?\()", reasons.removesuffix("."))
        yield f"{head}:\n\n" + "\n".join(f"- {prose(reason)}" for reason in each)


def link(full_name):
    package, _, name = full_name.removeprefix(".").rpartition(".")
    return f"[{name}]({'#' if package == PACKAGE else WELL_KNOWN}{name.lower()})"


def type_of(field):
    name = link(field["typeName"]) if "typeName" in field else field["type"].removeprefix("TYPE_").lower()
    return f"repeated {name}" if field["label"] == "LABEL_REPEATED" else name


def takes(method):
    return link(method["inputType"])


def returns(method):
    return ("stream of " if method.get("serverStreaming") else "") + link(method["outputType"])


def urls(method):
    rule = method["options"]["[google.api.http]"]
    for each in [rule, *rule.get("additionalBindings", [])]:
        [(verb, path)] = [(verb, path) for verb, path in each.items() if verb != "additionalBindings"]
        yield f"`{verb.upper()} {path}`"


def table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def service_sections(service, comments):
    yield "## Calls"
    yield table(
        ["call", "takes", "returns", "URLs"],
        [
            [f"[{method['name']}](#{method['name'].lower()})", takes(method), returns(method), "<br>".join(urls(method))]
            for method in service["method"]
        ],
    )
    yield (
        f"They are calls of `{PACKAGE}.{service['name']}`. The URLs are those of a gateway that serves JSON, such as "
        "[Envoy](../cmake/package/examples/envoy.yaml): what is not in the path is a query parameter "
        "(`?jobIds=A&jobIds=B`). JSON has the fields in lowerCamelCase, 64-bit numbers as strings, durations as `\"1.5s\"`, "
        "and leaves out what is 0, false or empty."
    )
    yield from described(comments.paragraphs(SERVICES, 0))
    for number, method in enumerate(service["method"]):
        yield f"### {method['name']}"
        yield f"{takes(method)} → {returns(method)}, or in JSON " + " or ".join(urls(method))
        yield from described(comments.paragraphs(SERVICES, 0, INSIDE, number))


def message_section(message, comments, *path):
    yield f"### {message['name']}"
    yield from described(comments.paragraphs(*path))
    if "field" in message:
        yield table(
            ["number", "field", "type", "meaning"],
            [
                [str(field["number"]), f"`{field['name']}`", type_of(field), cell(comments.paragraphs(*path, INSIDE, index))]
                for index, field in enumerate(message["field"])
            ],
        )


def enum_section(enum, comments, *path):
    yield f"### {enum['name']}"
    yield from described(comments.paragraphs(*path))
    yield table(
        ["number", "value", "meaning"],
        [
            [str(value["number"]), f"`{value['name']}`", cell(comments.paragraphs(*path, INSIDE, index))]
            for index, value in enumerate(enum["value"])
        ],
    )


def reference(file):
    comments = Comments(file)
    yield "# The API"
    yield (
        f"{comments.of_file()} This page is made from [{file['name'].rpartition('/')[2]}]({file['name']}) by "
        "`./dev reference`."
    )
    [service] = file["service"]
    yield from service_sections(service, comments)
    yield "## Messages and enums"
    things = [(MESSAGES, index, message_section, each) for index, each in enumerate(file["messageType"])]
    things += [(ENUMS, index, enum_section, each) for index, each in enumerate(file["enumType"])]
    for kind, index, section, thing in sorted(things, key=lambda thing: comments.line(*thing[:2])):
        yield from section(thing, comments, kind, index)


[file] = [each for each in json.load(sys.stdin)["file"] if each["package"] == PACKAGE]
print("\n\n".join(reference(file)))
