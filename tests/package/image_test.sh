#!/usr/bin/env bash
# The image of the Dockerfile, made by buildah and run: by itself, and as the pod of the Kubernetes example. Its first stage,
# which compiles, is left out: the packages are those of this build.
# shellcheck source=tests/package/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
for tool in buildah systemd-nspawn; do
  command -v "$tool" >/dev/null || skip "there is no $tool (Debian packages buildah, systemd-container)"
done
# shellcheck source=tests/package/clean_debian.sh
source "$(dirname "${BASH_SOURCE[0]}")/clean_debian.sh"
python3 -c 'import yaml' 2>/dev/null || skip "this Python reads no YAML (of tests/package/tools.txt)"

driver=overlay
buildah() { command buildah --root "$scratch/storage" --runroot "$scratch/run" --storage-driver "$driver" "$@"; }
clean_up_more() { buildah umount --all >/dev/null 2>&1 || true; }
buildah info >/dev/null 2>&1 || driver=vfs # slower: it copies everything for each layer

make_packages
make_bare_debian
mkdir -p "$scratch/stage/build" "$scratch/nothing"
mv "$scratch/packages" "$scratch/stage/build/"

say "build"
{
  base=$(buildah from scratch)
  buildah add --quiet "$base" "$bare" /
  buildah commit --quiet --rm "$base" docker.io/library/debian:12-slim
} >"$scratch/log" 2>&1 || fail "$(cat "$scratch/log")"
buildah build --isolation chroot --format docker --pull-never --build-context build="$scratch/stage" \
  -f "$SOURCE_DIR/cmake/package/Dockerfile" -t jobstatus-server "$scratch/nothing" >"$scratch/log" 2>&1 || {
  if grep -q 'Failed to fetch\|Could not resolve' "$scratch/log"; then
    skip "the image's packages cannot be fetched: $(last_words "$scratch/log")"
  fi
  fail "$(cat "$scratch/log")"
}
root=$(buildah mount "$(buildah from --pull-never jobstatus-server)")

# Writes image.sh and pod.sh: who runs what, and how it is asked whether it is well.
buildah inspect --type image jobstatus-server >"$scratch/image.json"
python3 - "$scratch/image.json" "$SOURCE_DIR/cmake/package/examples/kubernetes.yaml" "$scratch" <<'END'
import json, shlex, sys, yaml

image = json.load(open(sys.argv[1]))["Docker"]["config"]
things = {each["kind"]: each for each in yaml.safe_load_all(open(sys.argv[2]))}
pod = things["StatefulSet"]["spec"]["template"]["spec"]
[container] = pod["containers"]
probes = [container[kind]["exec"]["command"] for kind in ("startupProbe", "readinessProbe", "livenessProbe")]

def write(name, user, environment, *checks):
    words = {"user": [user], "environment": environment, "entrypoint": image["Entrypoint"],
             **{f"check{number}": check for number, check in enumerate(checks)}}
    with open(f"{sys.argv[3]}/{name}.sh", "w") as out:
        print(*(f"{key}=({shlex.join(value)})" for key, value in words.items()), sep="\n", file=out)

kind, *check = image["Healthcheck"]["Test"]
assert kind == "CMD", kind
write("image", image["User"], image["Env"], check)
as_who = pod["securityContext"]
write("pod", f"{as_who['runAsUser']}:{as_who['runAsGroup']}",
      image["Env"] + [f"{key}={value}" for key, value in things["ConfigMap"]["data"].items()], *probes)
END

cat >"$scratch/in_container" <<'END'
set -u
source "/tests/$1.sh"
fail() { echo "FAILED: $*"; cat /tests/server.log; exit 1; }
by=()
inside() {
  "${by[@]}" setpriv --reuid="${user%:*}" --regid="${user#*:}" --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all \
    env -i "${environment[@]}" "$@"
}
healthy() {
  local check
  for check in check0 check1 check2; do
    local -n command=$check
    [[ ! -v command ]] || inside "${command[@]}" || return
  done
}
[[ ${user%:*} != 0 ]] || fail "it runs as root"
# Without being told who may call, it does not start, and says what to do.
if [[ $1 == image ]]; then
  inside "${entrypoint[@]}" >/tests/said 2>&1 && fail "it takes calls in plain text from everybody"
  grep -q -- --insecure-listen /tests/said || fail "nothing tells what is missing"
  environment+=(JOBSTATUS_INSECURE_LISTEN=true)
fi
healthy >/tests/said 2>&1 && fail "it is said to be well before it was started"
(
  by=(exec) # so that the process to be ended is the server, and not a shell that waits for it
  inside "${entrypoint[@]}" >/tests/server.log 2>&1
) &
server=$!
for _ in {1..100}; do
  healthy >/tests/said 2>&1 && break
  kill -0 "$server" 2>/dev/null || fail "it does not start"
  sleep 0.1
done
healthy || fail "it is not well"
"asked_$1" || fail "it does not answer"
kill -TERM "$server"
wait "$server" || fail "SIGTERM ended it with $?"
healthy >/tests/said 2>&1 && fail "it is gone, and said to be well"
echo good
END

# in_container NAME OPTION...: as a container does: its own network, no more rights than the user has.
in_container() {
  local name=$1
  shift
  mkdir -p "$root/tests" "$scratch/tests"
  cp "$scratch/$name.sh" "$scratch/in_container" "$scratch/tests/"
  timeout 60 systemd-nspawn --quiet --directory="$root" --register=no --keep-unit --private-network --as-pid2 \
    --bind="$scratch/tests:/tests" "$@" bash /tests/in_container "$name" </dev/null >"$scratch/log" 2>&1 || fail "$(cat "$scratch/log")"
  grep -qx good <(tr -d '\r' <"$scratch/log") || fail "$(cat "$scratch/log")"
}

say "run it"
sed -i '1i asked_image() { inside jobstatus backends; [[ -s /var/lib/jobstatus/archive.db ]]; }' "$scratch/in_container"
in_container image

say "run it as a pod"
# As the kubelet mounts secrets and a volume with fsGroup.
group=$(python3 -c 'import sys, yaml
print(*(e["spec"]["template"]["spec"]["securityContext"]["fsGroup"] for e in yaml.safe_load_all(open(sys.argv[1])) if e["kind"] == "StatefulSet"))' \
  "$SOURCE_DIR/cmake/package/examples/kubernetes.yaml")
install -d -m 2775 -g "$group" "$scratch/volume"
install -d -m 755 "$scratch/tls" "$scratch/tokens"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=jobstatus \
  -addext subjectAltName=DNS:jobstatus,DNS:localhost -keyout "$scratch/tls/tls.key" -out "$scratch/tls/tls.crt" 2>"$scratch/log" ||
  fail "$(cat "$scratch/log")"
cp "$scratch/tls/tls.crt" "$scratch/tls/ca.crt"
openssl rand -hex 32 >"$scratch/tokens/tokens"
chgrp -R "$group" "$scratch/tls" "$scratch/tokens"
chmod 440 "$scratch"/tls/* "$scratch"/tokens/*
mkdir -p "$root/etc/jobstatus/tls" "$root/etc/jobstatus/tokens"
sed -i '1i asked_pod() {\
  inside jobstatus --server localhost:50051 --tls --ca /etc/jobstatus/tls/ca.crt --token-file /etc/jobstatus/tokens/tokens backends\
  ! inside jobstatus --server localhost:50051 --tls --ca /etc/jobstatus/tls/ca.crt backends && [[ -s /var/lib/jobstatus/state/archive.db ]]\
}' "$scratch/in_container"
in_container pod --read-only --bind="$scratch/volume:/var/lib/jobstatus" --bind-ro="$scratch/tls:/etc/jobstatus/tls" \
  --bind-ro="$scratch/tokens:/etc/jobstatus/tokens"
say "done"
