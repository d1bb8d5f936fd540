# SPDX-License-Identifier: MIT
"""make helm-test: the chart of docker/helm, rendered by helm and held against the schemas of several versions of Kubernetes by kubeconform, and
a test without a page run with the words of its pods, on this machine. The last line is "N passed, N failed".

chart.py BUILD TOOLS SCHEMAS: TOOLS has helm and kubeconform; SCHEMAS the folders vX.Y.Z-local-strict of the package kubernetes-validate.
"""

import json
import os
import shlex
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent.parent
CHART = ROOT / "docker/helm"
BUILD, TOOLS, SCHEMAS = (Path(word).absolute() for word in sys.argv[1:4])
KUBERNETES = ("1.29.0", "1.31.0", "1.34.0", "1.37.0")
GIVEN = {"host": "https://shop.test", "keys.secret": "cluster-keys"}
CASES = {
    "a page": {},
    "a job": {"mode": "job"},
    "all there is": {"autoscaling.enabled": "true", "files.test\\.py": "x = 1", "master.results.claim": "reports", "imagePullSecrets[0].name": "mine", "env[0].name": "A", "env[0].value": "b",
                     "envFrom[0].secretRef.name": "s", "tokens.secret": "page-tokens", "auditLog": "/results/audit", "workers.tolerations[0].operator": "Exists", "workers.nodeSelector.load": "yes", "args[0]": "--loglevel=DEBUG",
                     "networkPolicy.pageFrom[0].podSelector.matchLabels.a": "b"},
    "as little as can be": {"networkPolicy.enabled": "false", "disruptionBudget.enabled": "false", "keys.secret": "", "insecure": "true"},
}


def helm(values, version="1.31.0"):
    words = [f"--set-string={name}={value}" if value not in ("true", "false") else f"--set={name}={value}" for name, value in {**GIVEN, **values}.items()]
    return subprocess.run([TOOLS / "helm", "template", "load", CHART, "--kube-version", version, *words], capture_output=True, text=True, check=False)


def rendered(values):
    return [one for one in yaml.safe_load_all(helm(values).stdout) if one]


def pods(objects):
    return {one["kind"]: one["spec"]["template"]["spec"] for one in objects if "template" in one.get("spec", {})}


def helm_finds_nothing_to_mend():
    done = subprocess.run([TOOLS / "helm", "lint", "--strict", CHART, "--set", "host=x,insecure=true"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def local_schemas(version, folder):
    """The package's schemas refer to each other by addresses; kubeconform looks beside them."""
    folder.mkdir()
    for path in (SCHEMAS / f"v{version}-local-strict").glob("*.json"):
        schema = json.loads(path.read_text().replace('"/api/_definitions.json', '"_definitions.json'))
        (folder / path.name).write_text(json.dumps({key: value for key, value in schema.items() if key not in ("$id", "$schema")}))


def every_case_is_what_kubernetes_takes():
    with tempfile.TemporaryDirectory() as folder:
        for version in KUBERNETES:
            local_schemas(version, Path(folder) / version)
            every_case_is_valid(version, Path(folder) / version)


def every_case_is_valid(version, schemas):
    location = f"{schemas}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json"
    command = [TOOLS / "kubeconform", "-strict", "-summary", "-kubernetes-version", version, "-schema-location", location]
    for name, values in CASES.items():
        done = helm(values, version)
        assert done.returncode == 0, f"{name}: {done.stderr}"
        check = subprocess.run(command, input=done.stdout, capture_output=True, text=True, check=False)
        assert check.returncode == 0 and "Valid: 0" not in check.stdout and "Skipped: 0" in check.stdout, f"{name}, {version}: {check.stdout}{check.stderr}"
        wrong = subprocess.run(command, input=done.stdout.replace("readOnlyRootFilesystem", "readOnlyRoot"), capture_output=True, text=True, check=False)
        assert wrong.returncode, "the schemas take what is wrong"


def what_is_missing_is_said():
    for values, words in (({"host": ""}, "host, where the load goes, is missing"), ({"keys.secret": ""}, "keys.secret is missing"), ({"mode": "x"}, "it is job")):
        done = helm(values)
        assert done.returncode and words in done.stderr, done.stderr


def every_pod_is_without_rights():
    for values in CASES.values():
        for pod in pods(rendered(values)).values():
            (container,) = pod["containers"]
            assert pod["securityContext"]["runAsNonRoot"] and pod["automountServiceAccountToken"] is False
            assert container["securityContext"] == {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}


def each_side_has_its_half_of_the_keys():
    seen = {kind: [item["key"] for volume in pod["volumes"] for item in volume.get("secret", {}).get("items", [])] for kind, pod in pods(rendered({})).items()}
    assert seen == {"Deployment": ["katydid.keys"], "StatefulSet": ["katydid.join"]}, seen


def only_the_master_has_the_tokens_of_the_page():
    for kind, pod in pods(rendered(CASES["all there is"])).items():
        (container,) = pod["containers"]
        env = {one["name"]: one.get("value") for one in container["env"]}
        secrets = {volume["name"]: volume["secret"] for volume in pod["volumes"] if "secret" in volume}
        assert ("tokens" in secrets) == ("KATYDID_WEB_TOKEN" in env) == ("KATYDID_AUDIT_LOG" in env) == (kind != "StatefulSet"), kind
        if "tokens" in secrets:
            (at,) = [mount["mountPath"] for mount in container["volumeMounts"] if mount["name"] == "tokens"]
            assert secrets["tokens"]["secretName"] == "page-tokens" and env["KATYDID_WEB_TOKEN"] == f"@{at}/{secrets['tokens']['items'][0]['path']}"


def selectors_find_their_pods():
    for values in CASES.values():
        objects = rendered(values)
        labels = [one["spec"]["template"]["metadata"]["labels"] for one in objects if "template" in one.get("spec", {})]
        for one in objects:
            spec = one.get("spec", {})
            wanted = spec.get("selector") if one["kind"] == "Service" else (spec.get("selector") or spec.get("podSelector") or {}).get("matchLabels")
            if wanted:
                assert sum(wanted.items() <= have.items() for have in labels) == 1, one["kind"]


def words_of(container, folder):
    """The container's command line and environment, with its mounts in the folder."""
    def moved(text):
        for mount in ("/etc/katydid", "/results", "/mnt/locust"):
            text = text.replace(mount, str(folder / mount.replace("/", "_")))
        return text
    env = {one["name"]: moved(one["value"]) for one in container["env"]}
    return [BUILD / "katydid", *map(moved, container["args"])], {**os.environ, **env, "KATYDID_WEB_HOST": "127.0.0.1", "LOCUST_MASTER_NODE_HOST": "127.0.0.1"}


def its_words_run_a_test_with_the_barrier_and_keys():
    """In a network of its own: the ports are those of the pods."""
    if "KATYDID_HELM_INNER" not in os.environ:
        done = subprocess.run(["unshare", "-rn", "sh", "-c", f"ip link set lo up; exec {shlex.join([sys.executable, *sys.argv])}"], env={**os.environ, "KATYDID_HELM_INNER": "1"},
                              capture_output=True, text=True, check=False, timeout=300)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for mount in ("_etc_katydid/keys", "_results", "_mnt_locust"):
            (folder / mount).mkdir(parents=True)
        keys = folder / "_etc_katydid/keys/katydid.keys"
        subprocess.run([BUILD / "katydid", "keys", "new", keys], check=True, stdout=subprocess.DEVNULL)
        join = subprocess.run([BUILD / "katydid", "keys", "join", keys, "127.0.0.1:5557"], check=True, capture_output=True, text=True).stdout
        keys.with_suffix(".join").write_text(join)
        (folder / "_mnt_locust/ecommerce.py").write_text((ROOT / "locustfiles/ecommerce.py").read_text())
        with subprocess.Popen([sys.executable, ROOT / "locustfiles/_shop.py", "--errors", "0"], stdout=subprocess.PIPE, text=True) as shop:
            running = []
            try:
                url = shop.stdout.readline().split()[-1]
                every = pods(rendered({"mode": "job", "host": url, "runTime": "3s"}))
                command, env = words_of(every["Job"]["containers"][0], folder)
                master = subprocess.Popen(command, env=env, cwd=folder / "_results", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
                running.append(master)
                command, env = words_of(every["StatefulSet"]["containers"][0], folder)
                running += [subprocess.Popen(command, env=env, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for _ in range(2)]
                out = master.communicate(timeout=120)[0]
                assert master.returncode == 0, out
                summary = json.loads((folder / "_results/summary.json").read_text())
                assert summary["total"]["requests"] > 0 and (folder / "_results/report.html").exists(), out
            finally:
                for process in running:
                    process.terminate()
                    process.wait()
                shop.terminate()


TESTS = (helm_finds_nothing_to_mend, every_case_is_what_kubernetes_takes, what_is_missing_is_said, every_pod_is_without_rights, each_side_has_its_half_of_the_keys,
         only_the_master_has_the_tokens_of_the_page, selectors_find_their_pods, its_words_run_a_test_with_the_barrier_and_keys)


def main():
    tests = TESTS[-1:] if "KATYDID_HELM_INNER" in os.environ else TESTS
    bad = 0
    for test in tests:
        try:
            test()
            print(f"  ok     {test.__name__.replace('_', ' ')}", flush=True)
        except (AssertionError, OSError, ValueError, KeyError, subprocess.SubprocessError, yaml.YAMLError):
            traceback.print_exc(file=sys.stdout)
            bad += 1
            print(f"  FAILED {test.__name__.replace('_', ' ')}", flush=True)
    print(f"{len(tests) - bad} passed, {bad} failed")
    sys.exit(1 if bad else 0)


main()
