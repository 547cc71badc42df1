#!/usr/bin/env bash
# The Kubernetes example is what Kubernetes takes, and its parts fit together. image_test.sh runs it.
# shellcheck source=tests/package/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
example=$SOURCE_DIR/cmake/package/examples/kubernetes.yaml
command -v kubernetes-validate >/dev/null || skip "there is no kubernetes-validate (of tests/package/tools.txt)"

kubernetes-validate --strict "$example"
python3 - "$example" <<'END'
import sys, yaml

things = {each["kind"]: each for each in yaml.safe_load_all(open(sys.argv[1]))}
settings = things["ConfigMap"]["data"]
service = things["Service"]["spec"]
stateful = things["StatefulSet"]["spec"]
pod = stateful["template"]["spec"]
[container] = pod["containers"]
wrong = []

def expect(true, what):
    if not true:
        wrong.append(what)

labels = stateful["template"]["metadata"]["labels"]
expect(service["selector"].items() <= labels.items(), "the Service is about other pods")
expect(stateful["selector"]["matchLabels"].items() <= labels.items(), "the StatefulSet is about other pods")
expect(stateful["serviceName"] == things["Service"]["metadata"]["name"], "another service")
expect(container["envFrom"] == [{"configMapRef": {"name": things["ConfigMap"]["metadata"]["name"]}}], "other settings")
port = int(settings["JOBSTATUS_LISTEN"].rpartition(":")[2])
expect([p["containerPort"] for p in container["ports"]] == [port], "another containerPort")
expect([p["targetPort"] for p in service["ports"]] == [p["name"] for p in container["ports"]], "another targetPort")
volumes = {v["name"] for v in pod["volumes"]} | {c["metadata"]["name"] for c in stateful["volumeClaimTemplates"]}
expect({m["name"] for m in container["volumeMounts"]} == volumes, "volumes and mounts differ")
expect(stateful["replicas"] == 1, "more than one server for one state directory")
expect(pod["terminationGracePeriodSeconds"] > 5, "killed before --drain-grace is over")
sys.exit("\n".join(wrong) or None)
END
