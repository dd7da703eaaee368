import { describe, expect, test } from "vitest";
import { readDeclared } from "../../src/stack/declared.ts";
import { tree } from "../support/tree.ts";

const FILE = "workspace/.devcontainer/devcontainer.json";
const original = { home: "/home/dev", workspace: "/home/dev/code/desk" };

async function declared(content: unknown, more: Record<string, unknown> = {}) {
  await using place = tree({ [FILE]: content, ...more });
  return await readDeclared(place, "auto", original);
}

test("without a devcontainer the agent has its home, its workspace and the network", async () => {
  await using place = tree();
  const found = await readDeclared(place, "auto");
  expect(found).toMatchObject({ kind: "none", network: "has-network", seccomp: "none", homePath: place.home });
  expect(found.resources.map((r) => [r.kind, r.logical, r.path, r.mode])).toEqual([
    ["home-directory", "home", place.home, "rw"],
    ["workspace", "workspace", place.workspace, "rw"],
  ]);
});

test("none is taken at its word although a devcontainer is there", async () => {
  await using place = tree({ [FILE]: {} });
  expect((await readDeclared(place, "none")).kind).toBe("none");
});

test("an empty devcontainer has the engine's defaults, said as such", async () => {
  const found = await declared({});
  expect(found).toMatchObject({
    kind: "devcontainer",
    declaredAt: FILE,
    workspacePath: "/workspaces/desk",
    homePath: "/root",
    user: { uid: 0 },
    network: "has-network",
    noNewPrivileges: false,
    seccomp: "default",
    readOnlyRoot: false,
    env: {},
  });
  expect(found.capabilities).toHaveLength(14);
  expect(found.resources).toEqual([
    {
      kind: "workspace",
      source: "${localWorkspaceFolder}",
      path: "/workspaces/desk",
      mode: "rw",
      logical: "workspace",
      declaredAt: `${FILE}#/workspaceFolder`,
    },
  ]);
  expect(found.unrepeatable).toEqual([{ what: "user", why: expect.stringContaining("root is taken") }]);
});

describe("a mount is classified by where its source lies, in every syntax", () => {
  const cases: [string, Record<string, unknown>, Record<string, unknown>][] = [
    [
      "an engine socket",
      { mounts: ["source=/var/run/docker.sock,target=/var/run/docker.sock,type=bind"] },
      {
        kind: "engine-socket",
        source: "/var/run/docker.sock",
        path: "/var/run/docker.sock",
        mode: "rw",
        declaredAt: `${FILE}#/mounts/0`,
      },
    ],
    [
      "an engine socket by an object",
      { mounts: [{ source: "/run/user/1000/podman/podman.sock", target: "/run/podman.sock", type: "bind" }] },
      { kind: "engine-socket", path: "/run/podman.sock" },
    ],
    [
      "a directory of the home, read only, by a flag",
      { runArgs: ["-v", "${localEnv:HOME}${localEnv:USERPROFILE}/.aws:/home/node/.aws:ro"] },
      {
        kind: "home-directory",
        logical: "home/.aws",
        path: "/home/node/.aws",
        mode: "ro",
        declaredAt: `${FILE}#/runArgs/0`,
      },
    ],
    [
      "a directory of the home by its absolute path",
      { mounts: ["type=bind,src=/home/dev/.kube,dst=/root/.kube,readonly"] },
      { kind: "home-directory", logical: "home/.kube", mode: "ro" },
    ],
    [
      "the workspace's parent, inside the home",
      { mounts: ["source=${localWorkspaceFolder}/..,target=/all,type=bind"] },
      { kind: "home-directory", logical: "home/code" },
    ],
    [
      "a part of the workspace",
      { mounts: ["source=${localWorkspaceFolder}/data,target=${containerWorkspaceFolder}/d,type=bind,ro=true"] },
      { kind: "workspace", logical: "workspace/data", path: "/workspaces/desk/d", mode: "ro" },
    ],
    ["a host directory", { runArgs: ["--volume=/srv/models:/models"] }, { kind: "host-directory", path: "/models" }],
    [
      "the whole machine",
      { runArgs: ["--mount", "type=bind,source=/,target=/host"] },
      { kind: "host-directory", source: "/" },
    ],
    [
      "another's home that looks like ours",
      { mounts: ["source=/home/dev2/.aws,target=/a,type=bind"] },
      { kind: "host-directory" },
    ],
    [
      "an agent's socket by its variable",
      { mounts: ["source=${localEnv:SSH_AUTH_SOCK},target=/ssh,type=bind"] },
      { kind: "agent-socket" },
    ],
    [
      "a gpg socket",
      { mounts: ["source=/run/user/1000/gnupg/S.gpg-agent,target=/g,type=bind"] },
      { kind: "agent-socket" },
    ],
    ["a device", { runArgs: ["--device=/dev/kvm"] }, { kind: "device", source: "/dev/kvm", path: "/dev/kvm" }],
    [
      "a volume",
      { mounts: ["source=cache-${devcontainerId},target=/cache,type=volume"] },
      { kind: "volume", path: "/cache" },
    ],
    ["scratch space", { runArgs: ["--tmpfs=/tmp:size=64m"] }, { kind: "volume", source: "tmpfs", path: "/tmp" }],
    ["a volume by a flag", { runArgs: ["-v", "cache:/cache"] }, { kind: "volume", source: "cache" }],
    [
      "a default of a variable",
      { mounts: ["source=${localEnv:DATA:/srv/data},target=/d,type=bind"] },
      { kind: "host-directory" },
    ],
  ];
  test.each(cases)("%s", async (_name, content, resource) => {
    const found = await declared({ ...content, workspaceMount: "" });
    expect(found.resources).toHaveLength(1);
    expect(found.resources[0]).toMatchObject(resource);
  });
});

test("a workspace mounted elsewhere is the one workspace", async () => {
  const found = await declared({
    workspaceMount: "source=${localWorkspaceFolder},target=/code,type=bind",
    workspaceFolder: "/code",
  });
  expect(found.workspacePath).toBe("/code");
  expect(found.resources.map((r) => [r.kind, r.path])).toEqual([["workspace", "/code"]]);
});

test("flags of the engine change the confinement, however they are spelt", async () => {
  const found = await declared({
    runArgs: [
      "--cap-drop",
      "ALL",
      "--cap-add=sys_ptrace",
      "--read-only",
      "--network=none",
      "-u",
      "1000:1001",
      "-eA=1",
    ],
    capAdd: ["CAP_NET_ADMIN"],
    securityOpt: ["no-new-privileges:true", "seccomp=unconfined"],
  });
  expect(found).toMatchObject({
    capabilities: ["CAP_NET_ADMIN", "CAP_SYS_PTRACE"],
    readOnlyRoot: true,
    network: "none",
    user: { uid: 1000, gid: 1001 },
    noNewPrivileges: true,
    seccomp: "none",
    env: { A: "1" },
  });
});

test("a privileged container has every capability and no filter", async () => {
  const found = await declared({ privileged: true, capDrop: ["ALL"] });
  expect(found.capabilities.length).toBeGreaterThan(40);
  expect(found.capabilities).toContain("CAP_SYS_ADMIN");
  expect(found.seccomp).toBe("none");
});

test("privileged false changes nothing", async () => {
  const found = await declared({ privileged: false, runArgs: ["--privileged=false"] });
  expect(found.capabilities).toHaveLength(14);
});

test("the environment is taken where the file says it, and not where the host would", async () => {
  const found = await declared({
    containerEnv: { A: "plain", B: "${localEnv:SECRET}", C: "${containerWorkspaceFolder}/x" },
    remoteEnv: { PATH: "${containerEnv:PATH}:/x", D: "${localEnv:E:fallback}" },
    runArgs: ["-e", "FROM_HOST"],
  });
  expect(found.env).toEqual({ A: "plain", C: "/workspaces/desk/x", D: "fallback" });
  expect(found.unrepeatable.map((u) => u.what)).toEqual(["env B", "env PATH", "env FROM_HOST", "user"]);
});

test.each([
  [{ remoteUser: "node", containerUser: "root" }, {}, { name: "node", uid: 1000 }, "/home/node"],
  [{ containerUser: "root" }, {}, { name: "root", uid: 0 }, "/root"],
  [{ remoteUser: "someone" }, {}, { name: "someone", uid: 1000 }, "/home/someone"],
  [{ remoteUser: "../x" }, {}, { name: "user", uid: 1000 }, "/home/user"],
  [
    { build: { dockerfile: "Dockerfile" } },
    { [FILE.replace("devcontainer.json", "Dockerfile")]: "FROM a\nUSER node\nFROM b\nUSER vscode\n" },
    { name: "vscode", uid: 1000 },
    "/home/vscode",
  ],
])("the user of %j is known or said to be a guess", async (content, more, user, homePath) => {
  const found = await declared(content, more);
  expect(found.user).toMatchObject(user);
  expect(found.homePath).toBe(homePath);
});

test("nothing that was declared is dropped silently", async () => {
  const found = await declared({
    image: "img",
    features: {},
    postCreateCommand: "npm ci",
    initializeCommand: "x",
    forwardPorts: [1],
    somethingNew: 1,
    mounts: ["nonsense", "source=${localEnv:X},target=/x,type=bind", "type=image,source=a,target=/b"],
    runArgs: ["--pid=host", "--gpus", "all", "--shm-size=1g", "word", "--label", "api_token=abc"],
    securityOpt: ["apparmor=unconfined"],
    remoteUser: "node",
  });
  expect(found.unrepeatable.map((u) => u.what)).toEqual([
    "image",
    "features",
    "postCreateCommand",
    "initializeCommand",
    "forwardPorts",
    "somethingNew",
    "mount /mounts/0",
    "mount /mounts/1",
    "mount /mounts/2",
    "--pid=host",
    "--gpus=all",
    "--shm-size=1g",
    "--runArgs=word",
    "--label=api_token=…",
    "--security-opt=apparmor=unconfined",
  ]);
  expect(found.unrepeatable.every((u) => u.why !== "")).toBe(true);
});

test("a devcontainer that cannot be read stops the work: it is not an agent without a sandbox", async () => {
  await using place = tree({ [FILE]: '{\n  "runArgs": [\n' });
  await expect(readDeclared(place, "auto")).rejects.toThrow(/devcontainer\.json:3: not JSON/);
});

test("one of several devcontainers is read, and the others are named", async () => {
  await using place = tree({
    "workspace/.devcontainer/web/devcontainer.json": { remoteUser: "node" },
    "workspace/.devcontainer/api/devcontainer.json": { remoteUser: "vscode" },
  });
  const found = await readDeclared(place, "auto");
  expect(found.declaredAt).toBe("workspace/.devcontainer/api/devcontainer.json");
  expect(found.unrepeatable[0]?.what).toBe("workspace/.devcontainer/web/devcontainer.json");
});

test("a file is named by its path in the original, in the clone, or logically", async () => {
  await using place = tree({ "workspace/other.json": { remoteUser: "node" } });
  for (const name of ["workspace/other.json", `${place.workspace}/other.json`, `${original.workspace}/other.json`]) {
    expect((await readDeclared(place, name, original)).declaredAt).toBe("workspace/other.json");
  }
  await expect(readDeclared(place, "/etc/other.json", original)).rejects.toThrow(/inside the workspace/);
});
