"""Makes the man page of a program and its completions for bash, zsh and fish from what its --help says.

Usage: docs.py PROGRAM SECTION [ROFF_FILE] OUT_DIR; ROFF_FILE has further sections for the man page.
"""

import dataclasses
import os
import pathlib
import re
import subprocess
import sys


@dataclasses.dataclass
class Option:
    names: list  # ["-h", "--help"]
    value: str  # "DURATION"; empty: it takes none
    default: str
    environment: str
    text: str
    choices: list

    @property
    def long(self):
        return self.names[-1]


@dataclasses.dataclass
class Command:
    name: str
    usage: str
    description: str
    footer: str
    options: list
    commands: dict  # of its subcommands, by name: what each does


def run(*command):
    # Nothing of whoever builds may stand in the pages; what depends on the machine is what it is under systemd.
    environment = {"PATH": os.environ["PATH"], "STATE_DIRECTORY": "/var/lib/jobstatus", "LC_ALL": "C.UTF-8"}
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True, timeout=30).stdout


# "--log-level TEXT:{debug,info}=info (Env:JOBSTATUS_LOG_LEVEL)", in CLI11's words.
def option(head, text):
    names, _, rest = head.partition(" ")
    environment = re.search(r"\(Env:(\w+)\)", rest)
    if needed := re.search(r"Needs: (\S+)", rest):
        text += f"; needs {needed[1]}"
    rest = re.sub(r" ?\(Env:\w+\)| ?\.\.\.| ?(Excludes|Needs): \S+| ?REQUIRED", "", rest).strip()
    # NAME=URL=default=http://… has a kind with an equals sign; DURATION=5s does not, as a default is not in capitals.
    kind, checks, default = re.fullmatch(r"(\S*?(?:=[A-Z]+)?)(:\{.*?\}|:\w+ in \[.*?\])?(?:=(.*))?", rest).groups()
    choices = checks[2:-1].split(",") if checks and checks.startswith(":{") else []
    if kind == "BOOL":
        choices = ["true", "false"]
    value = {"UINT": "N", "INT": "N", "FLOAT": "FRACTION", "TEXT": "WORD"}.get(kind, kind)
    if checks and checks.startswith(":{"):
        text += ": " + ", ".join(choices)
    elif checks and " in [" in checks and " from " not in text:
        text += ", from " + re.sub(r".*\[(\S+) - (\S+)\]", r"\1 to \2", checks)
    return Option(names.split(","), value, default or "", environment[1] if environment else "", text, choices)


def read(program, *path):
    help_text = run(program, *path, "--help")
    description, _, rest = help_text.partition("Usage: ")
    usage, _, rest = rest.partition("\n")
    lists = {"Positionals": [], "Options": [], "Subcommands": []}
    # Each list is a title, then indented lines up to an empty one.
    while match := re.match(r"\n*(Positionals|Options|Subcommands):\n((?: .*\n?)*)", rest):
        for line in match[2].splitlines():
            if re.match(r" {2}\S", line):
                head, _, text = re.sub(r" {2,}", "\0", line.strip(), count=1).partition("\0")
                lists[match[1]].append([head, text])
            else:
                lists[match[1]][-1][1] += line.strip()
        rest = rest[match.end():]
    return Command(" ".join((pathlib.Path(program).name, *path)), usage.strip(), description.strip("\n"), rest.strip("\n"),
                   [option(*entry) for entry in lists["Options"]], dict(lists["Subcommands"]))


# --- man --------------------------------------------------------------------------------------------------------------

def roff(text):
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("`", "\\(ga")
    text = "".join(c if ord(c) < 128 else f"\\[u{ord(c):04X}]" for c in text)
    return re.sub(r"^\.", r"\\&.", text, flags=re.M)


# Text as people write it in a terminal: what is indented stays as it is; "Title:" alone, before such, is a heading.
def roff_paragraphs(text, heading):
    lines = []
    for paragraph in re.split(r"\n\s*\n", text):
        lines.append(".PP")
        for block in re.findall(r"(?:^ .*\n?)+|(?:^\S.*\n?)+", paragraph, flags=re.M):
            block = block.rstrip("\n")
            if block.startswith(" "):
                lines += [".RS 2", ".nf", roff(block), ".fi", ".RE"]
            elif re.fullmatch(r"[A-Z][\w ]*:", block):
                lines[-1:] = [f"{heading} {roff(block[:-1].upper() if heading == '.SH' else block[:-1])}"]
            else:
                lines.append(roff(block))
    return lines


def roff_options(options):
    lines = []
    for each in options:
        value = f" \\fI{roff(each.value)}\\fR" if each.value else ""
        lines += [".TP", "\\fB" + "\\fR, \\fB".join(map(roff, each.names)) + "\\fR" + value, roff(each.text) + "."]
        if each.default:
            lines.append(f"Default: {roff(each.default)}.")
        if each.environment:
            lines.append(f"Environment: \\fB{each.environment}\\fR.")
    return lines


def man(program, section, version, command, subcommands, more):
    name = command.name
    first = command.description.split("\n")[0].rstrip(".")
    rest = "\n".join(command.description.split("\n")[1:]).strip("\n")
    lines = [f'.TH {roff(name.upper())} {section} "" "{version}" "ComfyUI Job Status Service"',
             ".nh", ".ad l", ".SH NAME", f"{roff(name)} \\- {roff(first[0].lower() + first[1:])}",
             ".SH SYNOPSIS", f"\\fB{roff(name)}\\fR {roff(command.usage.removeprefix(name).strip())}",
             ".SH DESCRIPTION", roff(first) + "."]
    if rest:
        lines += roff_paragraphs(rest, ".SS")
    if subcommands:
        lines.append(".SH COMMANDS")
        for each in subcommands:
            lines += [f".SS {roff(each.usage.removeprefix(name).strip())}", roff(each.description) + "."]
            if each.footer != command.footer:
                lines += roff_paragraphs(each.footer, ".SS")
            lines += roff_options([o for o in each.options if o.long != "--help"])
    lines += [".SH OPTIONS", *roff_options(command.options)]
    if subcommands:
        lines += [".PP", "They may stand behind the command, too."]
    footer = roff_paragraphs(command.footer, ".SH")
    if footer and footer[0] == ".PP":
        lines.append(".SH NOTES")
    return "\n".join(lines + footer) + "\n" + more


# --- completions ------------------------------------------------------------------------------------------------------

def words(options):
    return " ".join(name for each in options for name in each.names)


def bash(command, subcommands):
    function = "_" + command.name.replace("-", "_")
    every = command.options + [o for each in subcommands for o in each.options]
    with_value = {o.long for o in every if o.value}
    files = sorted({o.long for o in every if o.value == "FILE"})
    directories = sorted({o.long for o in every if o.value.startswith("DIR")})
    lines = [f"# bash completion of {command.name}, made from its --help", f"{function}() {{",
             '  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} command=\'\' options',
             # bash makes words of "--option=value": "--option", "=" and "value"
             '  if [[ $word == "=" ]]; then word=; elif [[ $before == "=" ]]; then before=${COMP_WORDS[COMP_CWORD-2]}; fi',
             "  COMPREPLY=()",
             "  case $before in"]
    # With "filenames" bash quotes spaces, and goes on in a directory.
    as_names = ["    compopt -o filenames 2>/dev/null || true", "    return ;;"]
    if files:
        lines += [f"  {' | '.join(files)})", '    mapfile -t COMPREPLY < <(compgen -f -- "$word")', *as_names]
    if directories:
        lines += [f"  {' | '.join(directories)})", '    mapfile -t COMPREPLY < <(compgen -d -- "$word")', *as_names]
    for each in every:
        if each.choices:
            lines += [f"  {each.long})", f'    mapfile -t COMPREPLY < <(compgen -W "{" ".join(each.choices)}" -- "$word")',
                      "    return ;;"]
    others = sorted(with_value - set(files) - set(directories) - {o.long for o in every if o.choices})
    lines += [f"  {' | '.join(others)})", "    return ;;", "  esac"]
    if subcommands:
        lines += ['  local i', '  for ((i = 1; i < COMP_CWORD; ++i)); do',
                  "    # A backend may be called as a command is.",
                  f"    case ${{COMP_WORDS[i - 1]}} in '=' | {' | '.join(sorted(with_value))}) continue ;; esac",
                  '    case ${COMP_WORDS[i]} in',
                  f"    {' | '.join(command.commands)}) command=${{COMP_WORDS[i]}} && break ;;", "    esac", "  done"]
    lines += ["  case $command in"]
    for name, each in zip(command.commands, subcommands):
        lines.append(f'  {name}) options="{words(merged(command, each))}" ;;')
    lines += [f'  *) options="{words(command.options)}" ;;', "  esac"]
    if subcommands:
        lines += ['  if [[ -z $command && $word != -* ]]; then', f'    options="{" ".join(command.commands)}"', "  fi"]
    lines += ['  if [[ -n $command && $word != -* ]]; then return; fi'] if subcommands else []
    lines += ['  mapfile -t COMPREPLY < <(compgen -W "$options" -- "$word")', "}",
              f"complete -F {function} {command.name}"]
    return "\n".join(lines) + "\n"


# The options that can stand behind a subcommand: its own, and the global ones; not --version, which is the program's.
def merged(command, subcommand):
    own = {o.long for o in subcommand.options}
    return subcommand.options + [o for o in command.options if o.long not in own]


def quoted(text):
    return "'" + text.replace("'", "'\\''") + "'"


def fish(command, subcommands):
    name = command.name
    lines = [f"# fish completion of {name}, made from its --help", f"complete -c {name} -f"]

    def add(each, condition):
        line = [f"complete -c {name}"]
        line += [f"-n {quoted(condition)}"] if condition else []
        line += [f"-s {n[1:]}" if not n.startswith("--") else f"-l {n[2:]}" for n in each.names]
        if each.value == "FILE" or each.value.startswith("DIR"):
            line.append("-rF")
        elif each.choices:
            line.append(f"-x -a {quoted(' '.join(each.choices))}")
        elif each.value:
            line.append("-x")
        lines.append(" ".join([*line, f"-d {fish_quoted(each.text)}"]))

    def fish_quoted(text):
        return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"

    for each in command.options:
        shadowing = [n for n, s in zip(command.commands, subcommands) if each.long in {o.long for o in s.options}]
        add(each, f"not __fish_seen_subcommand_from {' '.join(shadowing)}" if shadowing else "")
    for subcommand, text in command.commands.items():
        lines.append(f"complete -c {name} -n __fish_use_subcommand -a {subcommand} -d {fish_quoted(text)}")
    for subcommand, each in zip(command.commands, subcommands):
        for its in each.options:
            add(its, f"__fish_seen_subcommand_from {subcommand}")
    return "\n".join(lines) + "\n"


def zsh(command, subcommands):
    def spec(each):
        text = re.sub(r"([\[\]:\\])", r"\\\1", each.text)
        repeat = "*" if "repeat for more" in each.text or "NAME=" in each.value else ""
        if each.value == "FILE":
            action = ":file:_files"
        elif each.value.startswith("DIR"):
            action = ":directory:_files -/"
        elif each.choices:
            action = f":{each.value.lower()}:({' '.join(each.choices)})"
        else:
            action = f":{each.value.lower()}:" if each.value else ""
        return [quoted(f"{repeat}{n}{'=' if action and n.startswith('--') else ''}[{text}]{action}") for n in each.names]

    def arguments(options, *more):
        return " \\\n    ".join(["_arguments -s -S", *(s for o in options for s in spec(o)), *more])

    function = "_" + command.name.replace("-", "_")
    lines = [f"#compdef {command.name}", f"# zsh completion of {command.name}, made from its --help", f"{function}() {{"]
    if not subcommands:
        return "\n".join(lines + ["  " + arguments(command.options), "}", f'{function} "$@"']) + "\n"
    names = [f"{n}:{t}" for n, t in command.commands.items()]
    lines += ["  local command=${words[(r)(" + "|".join(command.commands) + ")]}",
              "  (( ${words[(i)$command]} < CURRENT )) || command=",
              "  case $command in"]
    for name, each in zip(command.commands, subcommands):
        lines += [f"  {name})", "  " + arguments(merged(command, each), quoted("*:")), "    ;;"]
    lines += ["  *)", "  local -a commands=(" + " ".join(map(quoted, names)) + ")",
              "  " + arguments(command.options, quoted("*:command:{_describe command commands}")), "    ;;", "  esac", "}",
              f'{function} "$@"']
    return "\n".join(lines) + "\n"


def main(program, section, *rest):
    *more, out = rest
    command = read(program)
    subcommands = [read(program, name) for name in command.commands]
    extra = pathlib.Path(more[0]).read_text() if more else ""
    version = run(program, "--version").strip()
    out = pathlib.Path(out)
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{command.name}.{section}").write_text(man(program, section, version, command, subcommands, extra))
    (out / f"{command.name}.bash").write_text(bash(command, subcommands))
    (out / f"{command.name}.fish").write_text(fish(command, subcommands))
    (out / f"_{command.name}").write_text(zsh(command, subcommands))


main(*sys.argv[1:])
