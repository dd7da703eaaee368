import { describe, expect, test } from "vitest";
import { readDeclared } from "../../../src/stack/declared.ts";
import { tree } from "../../support/tree.ts";

const original = { home: "/home/dev", workspace: "/home/dev/code/desk" };

/** A service called `agent` with these keys, and whatever else the file and the stack hold. */
async function service(keys: string, more: { top?: string; files?: Record<string, unknown>; by?: string } = {}) {
  const indented = keys
    .trim()
    .split("\n")
    .map((line) => `    ${line}`)
    .join("\n");
  await using place = tree({
    "workspace/compose.yaml": `services:\n  agent:\n${indented}\n${more.top ?? ""}`,
    ...more.files,
  });
  return await readDeclared(place, more.by ?? "workspace/compose.yaml#agent", original);
}

test("a service is a container with the engine's defaults, and the workspace where its mount has it", async () => {
  const found = await service("image: img\nuser: node\nvolumes: ['.:/work']");
  expect(found).toMatchObject({
    kind: "compose",
    declaredAt: "workspace/compose.yaml#agent",
    workspacePath: "/work",
    homePath: "/home/node",
    user: { uid: 1000 },
    network: "has-network",
    seccomp: "default",
    noNewPrivileges: false,
    loosened: [],
    limits: {},
  });
  expect(found.capabilities).toHaveLength(14);
  expect(found.resources).toEqual([
    {
      kind: "workspace",
      source: "/home/dev/code/desk",
      path: "/work",
      mode: "rw",
      logical: "workspace",
      declaredAt: "workspace/compose.yaml#/services/agent/volumes/0",
    },
  ]);
  expect(found.unrepeatable.map(({ what }) => what)).toEqual(["image"]);
});

describe("each key has its effect", () => {
  const cases: [string, Record<string, unknown>][] = [
    ["cap_add: [SYS_PTRACE]\ncap_drop: [ALL]", { capabilities: ["CAP_SYS_PTRACE"] }],
    ["security_opt: ['no-new-privileges:true', 'seccomp:unconfined']", { noNewPrivileges: true, seccomp: "none" }],
    ["security_opt: [apparmor=unconfined]", { loosened: ["apparmor-unconfined"] }],
    ["privileged: true", { seccomp: "none", loosened: ["privileged", "seccomp-unconfined"] }],
    ["privileged: false", { seccomp: "default", loosened: [] }],
    ["user: '1000:1001'", { user: { name: "node", uid: 1000, gid: 1001 } }],
    ["user: 0", { user: { uid: 0 }, homePath: "/root" }],
    ["environment: {A: 1, B: 'x', C: true}", { env: { A: "1", B: "x", C: "true" } }],
    ["environment: ['A=1', 'B=x=y']", { env: { A: "1", B: "x=y" } }],
    ["read_only: true", { readOnlyRoot: true }],
    ["network_mode: none", { network: "none", loosened: [] }],
    ["network_mode: host", { network: "has-network", loosened: ["host-network"] }],
    ["pid: host\nipc: host\nuts: host", { loosened: ["host-ipc", "host-pid", "host-uts"] }],
    ["userns_mode: host\ncgroup: host", { loosened: ["host-cgroupns", "host-userns"] }],
    ["ipc: private\ncgroup: private", { loosened: [] }],
    ["runtime: runsc", { runtime: "runsc" }],
    ["mem_limit: 512m\ncpus: 0.5\npids_limit: 100", { limits: { memoryMiB: 512, cpus: 0.5, pids: 100 } }],
    ["mem_limit: 1073741824", { limits: { memoryMiB: 1024 } }],
    [
      "deploy: {resources: {limits: {memory: 1gb, cpus: '2', pids: 64}}}",
      { limits: { memoryMiB: 1024, cpus: 2, pids: 64 } },
    ],
    ["mem_limit: 0\npids_limit: -1", { limits: {} }],
    ["working_dir: /src", { workspacePath: "/src" }],
  ];
  test.each(cases)("%s", async (keys, expected) => expect(await service(keys)).toMatchObject(expected));
});

describe("each mount is what its source is", () => {
  const cases: [string, string, Record<string, unknown>][] = [
    [
      "a short one of the engine's socket",
      "['/var/run/docker.sock:/var/run/docker.sock']",
      { kind: "engine-socket", path: "/var/run/docker.sock" },
    ],
    [
      "a long one, read only",
      "[{type: bind, source: /srv/x, target: /x, read_only: true}]",
      { kind: "host-directory", mode: "ro", path: "/x" },
    ],
    ["of the home", "['~/.aws:/root/.aws:ro']", { kind: "home-directory", logical: "home/.aws", mode: "ro" }],
    ["by a variable of the shell", "['${HOME}/.kube:/k']", { kind: "home-directory", logical: "home/.kube" }],
    ["a relative one", "['./data:/d']", { kind: "workspace", logical: "workspace/data" }],
    ["above the project", "['..:/all']", { kind: "home-directory", logical: "home/code" }],
    ["with a default", "['${DATA:-/srv/d}:/d']", { kind: "host-directory", source: "/srv/d" }],
    ["an agent's socket", "['$SSH_AUTH_SOCK:/ssh']", { kind: "agent-socket", source: "${SSH_AUTH_SOCK}" }],
    ["a bus", "['/run/user/1000/bus:/bus']", { kind: "agent-socket" }],
    ["a named volume", "['cache:/cache']", { kind: "volume", source: "cache" }],
    ["a volume without a name", "['/cache']", { kind: "volume", path: "/cache" }],
    ["a directory in the disguise of a volume", "['disguise:/h']", { kind: "host-directory", source: "/etc/x" }],
    [
      "the same in the long form",
      "[{type: volume, source: disguise, target: /h}]",
      { kind: "host-directory", source: "/etc/x" },
    ],
  ];
  test.each(cases)("%s", async (_name, volumes, resource) => {
    const top = "volumes:\n  disguise: {driver_opts: {type: none, o: bind, device: /etc/x}}\n  cache: {}\n";
    const found = await service(`working_dir: /w\nvolumes: ${volumes}`, { top });
    expect(found.resources).toHaveLength(1);
    expect(found.resources[0]).toMatchObject(resource);
  });

  test("tmpfs, devices, secrets, configurations and the engine's socket by its own key", async () => {
    const found = await service(
      "tmpfs: /scratch\ndevices: ['/dev/kvm', {source: /dev/fuse}]\nsecrets: [key]\nconfigs: [{source: conf, target: /etc/c}]\nuse_api_socket: true\ngpus: all",
      { top: "secrets: {key: {file: ~/.key}}\nconfigs: {conf: {file: ./c.yaml}}\n" },
    );
    expect(found.resources.map(({ kind, path, mode }) => `${kind} ${path} ${mode}`)).toEqual([
      "volume /scratch rw",
      "device /dev/kvm rw",
      "device /dev/fuse rw",
      "home-directory /run/secrets/key ro",
      "workspace /etc/c ro",
      "engine-socket /var/run/docker.sock rw",
      "device gpus rw",
    ]);
  });
});

test("the override file beside it is read as compose reads it: joined, appended, replaced", async () => {
  const found = await service(
    "cap_add: [NET_ADMIN]\nenvironment: {A: base, B: base}\nuser: root\nvolumes: ['./a:/a:ro']",
    {
      files: {
        "workspace/compose.override.yaml":
          "services: {agent: {cap_add: [SYS_ADMIN], environment: [A=over], user: node, volumes: ['./b:/a', '.:/w']}}",
      },
    },
  );
  expect(found.capabilities).toEqual(expect.arrayContaining(["CAP_NET_ADMIN", "CAP_SYS_ADMIN"]));
  expect(found).toMatchObject({ env: { A: "over", B: "base" }, user: { name: "node" }, workspacePath: "/w" });
  expect(found.resources.map(({ logical, path }) => `${logical} ${path}`)).toEqual([
    "workspace/b /a",
    "workspace /w",
  ]);
});

test("a service inherits what it extends, also over two files, each path by its own file", async () => {
  const files = {
    "workspace/base/common.yaml": "services: {base: {privileged: true, volumes: ['./x:/x']}}",
  };
  const found = await service("extends: middle\nenvironment: {A: 1}", {
    top: "  middle:\n    extends: {file: base/common.yaml, service: base}\n    cap_add: [SYSLOG]\n",
    files,
  });
  expect(found.loosened).toContain("privileged");
  expect(found.resources[0]).toMatchObject({ logical: "workspace/base/x", path: "/x" });
  expect(found.env).toEqual({ A: "1" });
});

test("variables have the values of the project's .env, or none that we know", async () => {
  const found = await service(
    "privileged: ${PRIV}\nenvironment: {A: '${X}-${Y:-d}', B: '${HOST_ONLY}', C: '$$kept', D: '${X:+set}', E: }\ncap_add: ['${CAP}']",
    { files: { "workspace/.env": "X=one\nPRIV=true\n" } },
  );
  expect(found.loosened).toContain("privileged");
  expect(found.env).toEqual({ A: "one-d", C: "$kept", D: "set" });
  expect(found.unrepeatable).toEqual(
    expect.arrayContaining([
      { what: "env B", why: expect.stringContaining("${HOST_ONLY} is a value of the host") as string },
      { what: "env E", why: expect.stringContaining("${E}") as string },
      { what: "cap_add: ${CAP}", why: expect.stringContaining("${CAP}") as string, unread: "anything" },
    ]),
  );
});

test("a file of variables is read where the clone has it, and said where it has not", async () => {
  const found = await service("env_file: [vars.env, {path: /etc/vars}, ../gone.env]\nenvironment: {B: own}", {
    files: { "workspace/vars.env": "A=1\nB=2\n" },
  });
  expect(found.env).toEqual({ A: "1", B: "own" });
  expect(found.unrepeatable.map(({ what }) => what)).toEqual(
    expect.arrayContaining(["env_file /etc/vars", "env_file gone.env"]),
  );
});

test("anchors and merge keys are what they stand for", async () => {
  await expect(service("<<: *unheard-of\ncap_add: [SYSLOG]")).rejects.toThrow(/compose\.yaml/);
  await using place = tree({
    "workspace/compose.yaml":
      "x-common: &common\n  privileged: true\n  user: node\nservices:\n  agent:\n    <<: *common\n    user: root\n",
  });
  const merged = await readDeclared(place, "workspace/compose.yaml", original);
  expect(merged).toMatchObject({ user: { name: "root" }, loosened: ["privileged", "seccomp-unconfined"] });
});

test("the user of the image is the Dockerfile's, as far as the workspace has it", async () => {
  const files = { "workspace/docker/Dockerfile.dev": "FROM a\nUSER node\n" };
  const found = await service("build: {context: docker, dockerfile: Dockerfile.dev}", { files });
  expect(found.user.name).toBe("node");
});

test("one service of several must be named, and the error names them", async () => {
  await using place = tree({ "workspace/compose.yaml": "services: {web: {image: a}, db: {image: b}}" });
  await expect(readDeclared(place, "workspace/compose.yaml", original)).rejects.toThrow(/its services: web, db/);
  await expect(readDeclared(place, "workspace/compose.yaml#x", original)).rejects.toThrow(/no service x/);
  expect((await readDeclared(place, "workspace/compose.yaml#db", original)).declaredAt).toMatch(/#db$/);
});

test("what tells the reader not to follow is said: includes, tags, COMPOSE_FILE", async () => {
  const found = await service("ports: !reset []", {
    top: "include: [other.yaml]\n",
    files: { "workspace/.env": "COMPOSE_FILE=a.yml:b.yml\n" },
  });
  const rows = found.unrepeatable.map(({ what, unread }) => `${what} ${unread}`);
  expect(rows).toEqual(
    expect.arrayContaining([
      "workspace/compose.yaml anything",
      "workspace/compose.yaml#/include undefined",
      "COMPOSE_FILE anything",
    ]),
  );
});

describe("through a devcontainer.json", () => {
  const devcontainer = (more: Record<string, unknown> = {}) => ({
    "workspace/.devcontainer/devcontainer.json": {
      dockerComposeFile: ["../compose.yaml", "over.yml"],
      service: "agent",
      workspaceFolder: "/workspaces/desk",
      remoteUser: "vscode",
      ...more,
    },
    "workspace/.devcontainer/over.yml":
      "services: {agent: {volumes: ['..:/workspaces:cached', '/var/run/docker.sock:/d.sock']}}",
  });

  test("the service's mounts and flags are the container's, and the file's own keys are over them", async () => {
    const found = await service("cap_add: [SYS_ADMIN]\nuser: root\nenvironment: {A: base}", {
      files: devcontainer({ containerEnv: { A: "own" }, runArgs: ["--privileged"], capAdd: ["SYSLOG"] }),
      by: "auto",
    });
    expect(found).toMatchObject({
      kind: "devcontainer",
      workspacePath: "/workspaces/desk",
      user: { name: "vscode" },
      env: { A: "own" },
      loosened: [],
    });
    expect(found.capabilities).toEqual(expect.arrayContaining(["CAP_SYS_ADMIN", "CAP_SYSLOG"]));
    expect(found.resources.map(({ kind }) => kind)).toContain("engine-socket");
    expect(found.unrepeatable).toContainEqual({
      what: "runArgs/0",
      why: expect.stringContaining("compose") as string,
    });
  });

  test.each([
    [{ service: "none" }, /no service none/],
    [{ service: undefined }, /names no service/],
    [{ dockerComposeFile: "../../x.yaml" }, /inside the workspace/],
    [{ dockerComposeFile: [] }, /names no file/],
    [{ dockerComposeFile: [1] }, /is no path/],
    [{ dockerComposeFile: "gone.yaml" }, /gone\.yaml: is not there/],
  ])("what does not fit is one line: %j", async (more, message) => {
    await expect(service("image: a", { files: devcontainer(more), by: "auto" })).rejects.toThrow(message);
  });
});
