#!/usr/bin/env bash
# The Kubernetes example fits together, and the server runs with its settings, as its user, on a volume like its own.
# shellcheck source=tests/package/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
python3 -c 'import yaml' 2>/dev/null || skip "there is no Python YAML (Debian package python3-yaml)"
install_programs

# Says what is wrong, or writes the settings of the server into a file.
python3 - "$SOURCE_DIR/cmake/package/examples/kubernetes.yaml" "$scratch/environment" <<'END'
import sys, yaml

things = {each["kind"]: each for each in yaml.safe_load_all(open(sys.argv[1]))}
settings = things["ConfigMap"]["data"]
stateful = things["StatefulSet"]["spec"]
pod = stateful["template"]["spec"]
[container] = pod["containers"]
wrong = []

def expect(true, what):
    if not true:
        wrong.append(what)

name = things["StatefulSet"]["metadata"]["labels"]
for kind, labels in {"Service": things["Service"]["spec"]["selector"], "StatefulSet": stateful["selector"]["matchLabels"],
                     "template": stateful["template"]["metadata"]["labels"],
                     "NetworkPolicy": things["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"]}.items():
    expect(labels == name, f"{kind} is about {labels}, not {name}")
port = int(settings["JOBSTATUS_LISTEN"].rpartition(":")[2])
expect(stateful["replicas"] == 1, "more than one server for one state directory")
expect(stateful["serviceName"] == things["Service"]["metadata"]["name"], "another service")
expect([p["containerPort"] for p in container["ports"]] == [port], "another containerPort")
expect([p["port"] for p in things["Service"]["spec"]["ports"]] == [port], "another port of the service")
expect(things["NetworkPolicy"]["spec"]["ingress"][0]["ports"][0]["port"] == port, "another port let through")
for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
    expect(container[probe]["grpc"] == {"port": port}, f"{probe} is not of gRPC at {port}")
expect(container["envFrom"] == [{"configMapRef": {"name": things["ConfigMap"]["metadata"]["name"]}}], "other settings")
inside = container["securityContext"]
expect(pod["securityContext"]["runAsNonRoot"] and pod["securityContext"]["runAsUser"] == 65532, "root, or another user")
expect(inside["readOnlyRootFilesystem"] and not inside["allowPrivilegeEscalation"] and
       inside["capabilities"] == {"drop": ["ALL"]}, "more rights than it needs")
expect(pod["automountServiceAccountToken"] is False, "a token of Kubernetes that it does not need")
expect(pod["terminationGracePeriodSeconds"] > 5, "killed before --drain-grace is over")
mounts = {m["name"]: m["mountPath"] for m in container["volumeMounts"]}
claims = [c["metadata"]["name"] for c in stateful["volumeClaimTemplates"]]
expect(claims == ["state"] and settings["JOBSTATUS_STATE_DIR"].startswith(mounts["state"]), "the state is not on the volume")
expect(settings["JOBSTATUS_TOKEN_FILE"] == mounts["tokens"] + "/tokens", "the tokens are elsewhere")
expect(all(isinstance(value, str) for value in settings.values()), "a setting that is no string")
settings["MOUNTED_AT"] = mounts["state"]
print(*(f"{key}={value}" for key, value in settings.items()), sep="\n", file=open(sys.argv[2], "w"))
sys.exit("\n".join(wrong) or None)
END

mapfile -t environment <"$scratch/environment"
help=$("$scratch/bin/jobstatus-server" --help)
for setting in "${environment[@]}"; do
  [[ $setting == MOUNTED_AT=* ]] || expect_contains "$help" "(Env:${setting%%=*})"
  export "${setting?}"
done

((EUID == 0)) || skip "that the server runs so: to be another user, this must be root; the rest is right"
# As the kubelet mounts a volume with fsGroup, and a secret.
chmod 755 "$scratch"
install -d -m 2775 -g 65532 "$scratch/volume"
install -d -m 2777 "$scratch/addresses"
install -m 440 -g 65532 /dev/stdin "$scratch/tokens" <<<a-token-that-nobody-guesses
state_dir=$scratch/volume${JOBSTATUS_STATE_DIR#"${MOUNTED_AT:?}"}
setpriv --reuid=65532 --regid=65532 --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all \
  env JOBSTATUS_LISTEN=127.0.0.1:0 JOBSTATUS_TOKEN_FILE="$scratch/tokens" \
  JOBSTATUS_STATE_DIR="$state_dir" \
  "$scratch/bin/jobstatus-server" --address-file "$scratch/addresses/server" >"$scratch/server.log" 2>&1 &
children+=($!)
ln -s "$scratch/addresses/server" "$scratch/server"
await_file server $!
expect_contains "$("$scratch/bin/jobstatus" --server "$(address server)" --token-file "$scratch/tokens" backends)" gpu2
[[ -s $state_dir/archive.db ]] || fail "the state is not on the volume"
