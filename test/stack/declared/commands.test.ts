import { describe, expect, test } from "vitest";
import { readDeclared } from "../../../src/stack/declared.ts";
import { tree } from "../../support/tree.ts";

const original = { home: "/home/dev", workspace: "/home/dev/code/desk" };

async function script(text: string, name = "run.sh", part = "") {
  await using place = tree({ [`workspace/${name}`]: text });
  return await readDeclared(place, `workspace/${name}${part}`, original);
}

const rows = (found: Awaited<ReturnType<typeof script>>) => found.unrepeatable.map(({ what }) => what);

describe("docker run", () => {
  test("a script as people write it: continued lines, quotes, a comment, a variable with a default", async () => {
    const found = await script(`#!/usr/bin/env bash
set -euo pipefail
# docker run --privileged is what we do not do, don't
IMAGE="\${1:-ours}"
exec sudo docker run --rm -it \\
  --name "my agent" \\
  -v "$(pwd)":/work -v ~/.aws:/root/.aws:ro \\
  -v "\${DATA:-/srv/data}:/data" \\
  --cap-drop=ALL --cap-add SYS_PTRACE \\
  -e 'GREETING=hello there' -eLEVEL=3 \\
  -u "$(id -u):$(id -g)" -w /work \\
  --network none --memory 512m --cpus=1.5 --pids-limit 100 \\
  --security-opt no-new-privileges "$IMAGE" claude --dangerously | tee log
`);
    expect(found).toMatchObject({
      kind: "docker-run",
      declaredAt: "workspace/run.sh:5",
      workspacePath: "/work",
      user: { uid: 1000, gid: 1000 },
      capabilities: ["CAP_SYS_PTRACE"],
      network: "none",
      noNewPrivileges: true,
      env: { GREETING: "hello there", LEVEL: "3" },
      limits: { memoryMiB: 512, cpus: 1.5, pids: 100 },
      loosened: [],
    });
    expect(found.resources.map(({ kind, path, mode }) => `${kind} ${path} ${mode}`)).toEqual([
      "workspace /work rw",
      "home-directory /root/.aws ro",
      "host-directory /data rw",
    ]);
    expect(rows(found)).toEqual([
      "--rm",
      "--interactive",
      "--tty",
      "--name=my agent",
      "image ${IMAGE}",
      "command",
      "user",
    ]);
  });

  const cases: [string, Record<string, unknown>][] = [
    ["podman run --privileged img", { loosened: ["privileged", "seccomp-unconfined"] }],
    ["docker container run --pid=host --ipc host img", { loosened: ["host-ipc", "host-pid"] }],
    ["docker --context far run --net=host img", { loosened: ["host-network"] }],
    [
      "/usr/bin/docker create --userns=host --uts=host --cgroupns=host img",
      { loosened: ["host-cgroupns", "host-userns", "host-uts"] },
    ],
    ["docker run --security-opt seccomp=unconfined img", { seccomp: "none" }],
    [
      "docker run --security-opt apparmor=unconfined --security-opt=label=disable img",
      { loosened: ["apparmor-unconfined", "label-disabled"] },
    ],
    ["docker run --security-opt systempaths=unconfined img", { loosened: ["systempaths-unconfined"] }],
    ["docker run --runtime=runsc --read-only img", { runtime: "runsc", readOnlyRoot: true }],
    ["docker run -itd -v $PWD:/w img --privileged", { loosened: [], workspacePath: "/w" }],
    ["docker run -- img --privileged", { loosened: [] }],
    ["docker run --read-only=false --privileged=false img", { readOnlyRoot: false, loosened: [] }],
  ];
  test.each(cases)("%s", async (line, expected) => expect(await script(line)).toMatchObject(expected));

  test("a Makefile has a way of its own to write the same", async () => {
    const found = await script(
      "IMG := x\nagent:\n\t@docker run --rm -v $(CURDIR):/w -v $$HOME/.npmrc:/n -e A=$(B) $(IMG)\n",
      "Makefile",
    );
    expect(found.resources.map(({ logical }) => logical)).toEqual(["workspace", "home/.npmrc"]);
    expect(rows(found)).toEqual(expect.arrayContaining(["env A", "image ${IMG}"]));
  });

  test("a file of arguments alone is a command line without its program", async () => {
    const found = await script("# of our agent\n--cap-add=NET_ADMIN\n-v /srv/x:/x\n", "docker.args");
    expect(found).toMatchObject({
      kind: "docker-run",
      capabilities: expect.arrayContaining(["CAP_NET_ADMIN"]) as string[],
    });
  });

  test("one of several is taken by its number, and else the first, with the others named", async () => {
    const text = "docker run --privileged a\nif true; then podman run --pid=host b; fi\n";
    expect((await script(text, "run.sh", "#2")).loosened).toEqual(["host-pid"]);
    const first = await script(text);
    expect(first.loosened).toContain("privileged");
    expect(rows(first)).toContain("workspace/run.sh:2 docker-run");
    await expect(script(text, "run.sh", "#3")).rejects.toThrow(/2 command lines in it, and none is #3/);
    await expect(script("echo docker-free\n")).rejects.toThrow(/no docker run, podman run or bwrap/);
  });

  test("what is the host's alone, or not known, is a row", async () => {
    const found = await script(
      "docker run -v $SECRET_DIR:/s -v $(mktemp -d):/t --env-file x --device=/dev/kvm --gpus all --volumes-from c --frobnicate=1 --cap-add=WRONG -Zz img",
    );
    expect(
      found.unrepeatable.map(({ what, unread }) => `${what}${unread === undefined ? "" : ` (${unread})`}`),
    ).toEqual([
      "--volume=${SECRET_DIR}:/s (a mount)",
      "--volume=${$(mktemp -d)}:/t (a mount)",
      "--env-file=x",
      "--gpus=all",
      "--volumes-from=c",
      "--frobnicate=1",
      "--cap-add=WRONG",
      "-Zz (anything)",
      "image img",
      "workspace",
      "user",
    ]);
    expect(found.resources.filter(({ kind }) => kind === "device").map(({ source }) => source)).toEqual([
      "/dev/kvm",
      "gpus all",
    ]);
  });

  test("no value of a credential gets into a row", async () => {
    const secret = ["made", "up", "value"].join("-");
    const found = await script(
      `docker run --label api_token=${secret} --log-opt token=${secret} -e TOKEN=${secret} img x ${secret}`,
    );
    expect(JSON.stringify(found.unrepeatable)).not.toContain(secret);
  });
});

describe("bwrap", () => {
  test("a script as people write it", async () => {
    const found = await script(`#!/bin/sh
exec bwrap --unshare-all --share-net --die-with-parent --new-session \\
  --ro-bind /usr /usr --ro-bind /etc/resolv.conf /etc/resolv.conf --symlink usr/bin /bin \\
  --proc /proc --dev /dev --tmpfs /tmp --dir "$HOME" \\
  --bind "$PWD" "$PWD" --ro-bind ~/.config/gh "$HOME/.config/gh" \\
  --clearenv --setenv HOME "$HOME" --setenv PATH /usr/bin --unsetenv PATH \\
  --uid 1001 --gid 1002 --chdir "$PWD" -- claude "$@"
`);
    expect(found).toMatchObject({
      kind: "bubblewrap",
      declaredAt: "workspace/run.sh:2",
      workspacePath: original.workspace,
      homePath: original.home,
      user: { uid: 1001, gid: 1002 },
      network: "has-network",
      capabilities: [],
      noNewPrivileges: true,
      seccomp: "none",
      isMachineRoot: false,
      loosened: ["host-network", "seccomp-unconfined"],
      env: { HOME: original.home },
    });
    expect(found.resources.map(({ kind, path, mode, logical }) => `${kind} ${path} ${mode} ${logical}`)).toEqual([
      "volume /tmp rw undefined",
      "volume /home/dev rw undefined",
      "workspace /home/dev/code/desk rw workspace",
      "home-directory /home/dev/.config/gh ro home/.config/gh",
    ]);
    expect(rows(found)).toEqual(
      expect.arrayContaining([
        "--ro-bind /usr /usr",
        "--symlink usr/bin /bin",
        "no --unshare-net",
        "command",
        "root",
      ]),
    );
  });

  const cases: [string, Record<string, unknown>][] = [
    ["bwrap --unshare-all sh", { network: "none", loosened: ["seccomp-unconfined"] }],
    [
      "bwrap --unshare-net --unshare-ipc --unshare-uts --unshare-cgroup-try sh",
      { network: "none", loosened: ["host-pid", "seccomp-unconfined"] },
    ],
    ["bwrap --unshare-all --seccomp 10 sh 10< f", { seccomp: "default", loosened: [] }],
    ["bwrap --unshare-all --cap-add CAP_SYS_ADMIN sh", { capabilities: ["CAP_SYS_ADMIN"] }],
    ["bwrap --unshare-all --cap-add ALL --cap-drop ALL sh", { capabilities: [] }],
    ["bwrap --ro-bind / / sh", { isMachineRoot: true, readOnlyRoot: true }],
    ["bwrap --bind / / sh", { isMachineRoot: true, readOnlyRoot: false }],
    ["bwrap --setenv A 1 --clearenv sh", { env: {} }],
  ];
  test.each(cases)("%s", async (line, expected) => expect(await script(line)).toMatchObject(expected));

  test("of the whole machine the clone has home and workspace, and a later bind lies over an earlier one", async () => {
    const found = await script(
      'bwrap --dev-bind / / --tmpfs "$HOME" --ro-bind "$HOME/code" "$HOME/code" --bind /var/run/docker.sock /var/run/docker.sock sh',
    );
    expect(found.resources.map(({ kind, path, mode }) => `${kind} ${path} ${mode}`)).toEqual([
      "device /dev rw",
      "volume /home/dev rw",
      "home-directory /home/dev/code ro",
      "workspace /home/dev/code/desk ro",
      "engine-socket /var/run/docker.sock rw",
    ]);
  });

  test("what a descriptor brings is not known, and an option of a later bwrap is said", async () => {
    const found = await script("bwrap --args 9 --userns 7 --bind-data 5 /x --what-is-this --bind $X /y sh");
    expect(found.unrepeatable.filter(({ unread }) => unread !== undefined).map(({ what }) => what)).toEqual([
      "--args 9",
      "--bind ${X} /y",
      "--what-is-this",
    ]);
    expect(rows(found)).toEqual(expect.arrayContaining(["--userns 7", "--bind-data 5 /x", "environment"]));
  });

  test("an agent's socket by its variable has a stand-in where it is bound to", async () => {
    const found = await script("bwrap --bind $SSH_AUTH_SOCK /ssh --bind $SSH_AUTH_SOCK $SSH_AUTH_SOCK sh");
    expect(found.resources.map(({ kind, path }) => `${kind} ${path}`)).toEqual(["agent-socket /ssh"]);
    expect(rows(found)).toContain("--bind ${SSH_AUTH_SOCK} ${SSH_AUTH_SOCK}");
  });

  test("a file of its options alone", async () => {
    const found = await script("--unshare-all\n--ro-bind / /\n--bind $PWD $PWD\n", "sandbox.args");
    expect(found).toMatchObject({ kind: "bubblewrap", network: "none", workspacePath: original.workspace });
  });
});
