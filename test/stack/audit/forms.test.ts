import { describe, expect, test } from "vitest";
import { auditStack } from "../../../src/stack/audit/audit.ts";
import { readDeclared } from "../../../src/stack/declared.ts";
import { discover } from "../../../src/stack/discover.ts";
import { tree } from "../../support/tree.ts";

/** One weak thing in each form that can say it, and the ids that the audit gives it, which are the same. */
type Form = "devcontainer" | "devcontainer with compose" | "compose" | "docker run" | "bwrap" | "srt";
type Weak = {
  name: string;
  ids: string[];
  flag?: string;
  key?: string;
  bwrap?: string;
  srt?: Record<string, unknown>;
};

const SOCKET = "/var/run/docker.sock";
const WEAK: Weak[] = [
  {
    name: "the engine's socket",
    ids: ["devcontainer-engine-socket"],
    flag: `-v ${SOCKET}:${SOCKET}`,
    key: `volumes: ['${SOCKET}:${SOCKET}']`,
    bwrap: `--bind ${SOCKET} ${SOCKET}`,
    srt: { network: { allowedDomains: [], deniedDomains: [], allowUnixSockets: [SOCKET] } },
  },
  {
    name: "privileged",
    ids: ["devcontainer-flags:privileged", "devcontainer-flags:seccomp-unconfined"],
    flag: "--privileged",
    key: "privileged: true",
  },
  {
    name: "an added capability",
    ids: ["devcontainer-flags:cap-add-SYS_PTRACE"],
    flag: "--cap-add=SYS_PTRACE",
    key: "cap_add: [SYS_PTRACE]",
    bwrap: "--cap-add CAP_SYS_PTRACE",
  },
  {
    name: "no filter",
    ids: ["devcontainer-flags:seccomp-unconfined"],
    flag: "--security-opt seccomp=unconfined",
    key: "security_opt: ['seccomp:unconfined']",
    bwrap: "--no-seccomp",
    srt: { network: { allowedDomains: [], deniedDomains: [], allowAllUnixSockets: true } },
  },
  {
    name: "no AppArmor",
    ids: ["devcontainer-flags:apparmor-unconfined"],
    flag: "--security-opt=apparmor=unconfined",
    key: "security_opt: ['apparmor=unconfined']",
  },
  {
    name: "no labels",
    ids: ["devcontainer-flags:label-disabled"],
    flag: "--security-opt label=disable",
    key: "security_opt: ['label:disable']",
  },
  {
    name: "unmasked kernel files",
    ids: ["devcontainer-flags:systempaths-unconfined"],
    flag: "--security-opt systempaths=unconfined",
    key: "security_opt: ['systempaths=unconfined']",
  },
  { name: "pid", ids: ["devcontainer-flags:host-pid"], flag: "--pid=host", key: "pid: host", bwrap: "-pid" },
  { name: "ipc", ids: ["devcontainer-flags:host-ipc"], flag: "--ipc=host", key: "ipc: host", bwrap: "-ipc" },
  { name: "uts", ids: ["devcontainer-flags:host-uts"], flag: "--uts=host", key: "uts: host", bwrap: "-uts" },
  {
    name: "network",
    ids: ["devcontainer-flags:host-network"],
    flag: "--network=host",
    key: "network_mode: host",
    bwrap: "-net",
  },
  { name: "userns", ids: ["devcontainer-flags:host-userns"], flag: "--userns=host", key: "userns_mode: host" },
  {
    name: "cgroupns",
    ids: ["devcontainer-flags:host-cgroupns"],
    flag: "--cgroupns=host",
    key: "cgroup: host",
    bwrap: "-cgroup",
  },
  {
    name: "a device",
    ids: ["devcontainer-flags:device-/dev/kvm"],
    flag: "--device=/dev/kvm",
    key: "devices: ['/dev/kvm']",
    bwrap: "--dev-bind /dev/kvm /dev/kvm",
  },
];

const MOUNT = ".:/work";

/** The stack, and how its declaration is named; undefined when the form cannot say the thing. */
function written(form: Form, weak: Weak): [Record<string, unknown>, string] | undefined {
  const compose = weak.key === undefined ? undefined : composeOf(weak.key);
  switch (form) {
    case "devcontainer":
      if (weak.flag === undefined) return undefined;
      return [{ "workspace/.devcontainer.json": { runArgs: weak.flag.split(" ") } }, "auto"];
    case "devcontainer with compose": {
      const dockerComposeFile = "compose.yaml";
      const devcontainer = { "workspace/.devcontainer.json": { dockerComposeFile, service: "agent" } };
      if (compose === undefined) return undefined;
      return [{ ...devcontainer, "workspace/compose.yaml": compose }, "auto"];
    }
    case "compose":
      if (compose === undefined) return undefined;
      return [{ "workspace/compose.yaml": compose }, "workspace/compose.yaml#agent"];
    case "docker run":
      if (weak.flag === undefined) return undefined;
      return [{ "workspace/run.sh": `docker run ${weak.flag} -v $PWD:/work img\n` }, "workspace/run.sh"];
    case "bwrap":
      return weak.bwrap === undefined
        ? undefined
        : [{ "workspace/run.sh": `${bwrapOf(weak.bwrap)} sh\n` }, "workspace/run.sh"];
    case "srt":
      return weak.srt && [{ "home/.srt-settings.json": weak.srt }, "home/.srt-settings.json"];
  }
}

function composeOf(key: string): string {
  const volumes = key.startsWith("volumes") ? key.replace("[", `['${MOUNT}', `) : `volumes: ['${MOUNT}']\n    ${key}`;
  return `services:\n  agent:\n    ${volumes}\n`;
}

/** Everything of its own and a filter, but for the one thing. */
function bwrapOf(weak: string): string {
  const own = ["pid", "ipc", "uts", "net", "cgroup"].filter((name) => `-${name}` !== weak);
  const filter = weak === "--no-seccomp" ? "" : "--seccomp 9";
  const more = weak.startsWith("--") && weak !== "--no-seccomp" ? weak : "";
  return `bwrap ${own.map((name) => `--unshare-${name}`).join(" ")} ${filter} --bind $PWD $PWD ${more}`;
}

async function reachable(files: Record<string, unknown>, declaredBy: string): Promise<string[]> {
  await using place = tree(files);
  const declared = await readDeclared(place, declaredBy);
  const { observations } = await auditStack(place, await discover(place), declared);
  return observations
    .filter(({ verdict, id }) => verdict === "reachable" && id.startsWith("devcontainer-"))
    .map(({ id }) => id)
    .toSorted();
}

const FORMS: Form[] = ["devcontainer", "devcontainer with compose", "compose", "docker run", "bwrap", "srt"];
const TABLE = WEAK.flatMap((weak) =>
  FORMS.flatMap((form) => {
    const world = written(form, weak);
    return world === undefined ? [] : [[weak.name, form, world, weak.ids] as const];
  }),
);

describe("the same weak thing has the same name in every form that can say it", () => {
  test.each(TABLE)("%s by %s", async (_name, _form, [files, by], ids) => {
    expect(await reachable(files, by)).toEqual(ids);
  });

  test("each is said by at least four forms of the container engines", () => {
    for (const { name } of WEAK) expect(TABLE.filter(([each]) => each === name).length).toBeGreaterThanOrEqual(4);
    expect(TABLE.filter(([, form]) => form === "bwrap").length).toBeGreaterThanOrEqual(8);
    expect(TABLE.filter(([, form]) => form === "srt").length).toBe(2);
  });
});

test.each([
  ["docker run", { "workspace/run.sh": "docker run -v $PWD:/w img" }, "workspace/run.sh"],
  ["compose", { "workspace/compose.yaml": composeOf("user: node") }, "workspace/compose.yaml"],
  ["bwrap", { "workspace/run.sh": `${bwrapOf("")} sh` }, "workspace/run.sh"],
  ["srt", { "home/.srt-settings.json": { network: {} } }, "home/.srt-settings.json"],
])("a sound %s has none of them", async (_form, files, by) => {
  expect(await reachable(files, by)).toEqual([]);
});
