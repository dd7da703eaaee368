import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Report } from "../../src/report/report.ts";
import { type Tree, tree } from "../support/tree.ts";
import { processesWith, weakdoor } from "../support/weakdoor.ts";

/** Whole cycles on stacks whose sandbox is declared by something else than a devcontainer, on a machine without an engine. */
const FAKE = ["made", "up", "value", "of", "nobody"].join("-");
const AGENT = {
  "home/.claude.json": { mcpServers: {} },
  "home/.aws/credentials": `[default]\naws_secret_access_key = ${FAKE}\n`,
};

type Run = { code: number | null; text: string; report: Report };
let directory: string;
const places: Tree[] = [];

async function cycle(name: string, files: Record<string, unknown>, declaredBy: string, more = ""): Promise<Run> {
  const place = tree({
    ...AGENT,
    ...files,
    "workspace/weakdoor.yaml": `version: 1\nstack: { name: ${name}, home: ../home, workspace: . }\ntarget: { declaredBy: ${JSON.stringify(declaredBy)}${more} }\ndocker: { socket: none.sock }\n`,
  });
  places.push(place);
  const reports = join(directory, name);
  const ran = await weakdoor("run", "--config", join(place.workspace, "weakdoor.yaml"), "--reports", reports);
  const text = ran.out + ran.err;
  const [id] = existsSync(reports) ? readdirSync(reports) : [];
  if (id === undefined) throw new Error(`${name}: ${text}`);
  const report = Report.parse(JSON.parse(readFileSync(join(reports, id, "report.json"), "utf8")));
  return { code: ran.code, text, report };
}

const SCRIPT = `exec bwrap --unshare-all --share-net --die-with-parent --ro-bind /usr /usr --proc /proc --dev /dev \\
  --bind "$PWD" "$PWD" --ro-bind ~/.aws ~/.aws --bind $SSH_AUTH_SOCK /tmp/ssh-agent.sock --setenv SSH_AUTH_SOCK /tmp/ssh-agent.sock --chdir "$PWD" claude
`;
const COMPOSE = `services:
  db: { image: postgres }
  agent:
    image: our-claude
    user: node
    cap_drop: [ALL]
    cap_add: [SYS_PTRACE, NET_ADMIN]
    entrypoint: sh -c "sudo /usr/local/bin/init-firewall.sh && exec claude"
    security_opt: ["no-new-privileges:true"]
    pid: host
    volumes:
      - .:/work
      - ~/.aws:/home/node/.aws:ro
      - /var/run/docker.sock:/var/run/docker.sock
      - /srv/models:/models
    devices: [/dev/kvm]
    mem_limit: 400m
`;
/** Of IPv6 it forgot. */
const FIREWALL = `#!/bin/sh
set -e
iptables -A OUTPUT -o lo -j ACCEPT
iptables -A OUTPUT -p udp -d 192.0.2.1 --dport 53 -j ACCEPT
for address in $(getent ahostsv4 api.example | cut -d " " -f 1 | sort -u); do iptables -A OUTPUT -d $address -j ACCEPT; done
iptables -A OUTPUT -j REJECT
`;
let compose: Run;
const SRT = {
  network: { allowedDomains: ["api.example"], deniedDomains: [] },
  filesystem: { allowWrite: ["."], denyRead: ["~/.aws"], denyWrite: [] },
};
let bwrap: Run;
const PRIVILEGED = "docker run --privileged -v $PWD:/work -v /var/run/docker.sock:/var/run/docker.sock img claude\n";
let srt: Run;
let nested: Run;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "wd-forms-"));
  // Two at a time: four at once leave no probe its time on a busy machine.
  [compose, bwrap] = await Promise.all([
    cycle("compose", { "workspace/compose.yaml": COMPOSE, "workspace/docker/init-firewall.sh": FIREWALL }, "auto"),
    cycle("bwrap", { "workspace/agent.sh": SCRIPT }, "agent.sh"),
  ]);
  [srt, nested] = await Promise.all([
    cycle("srt", { "home/.srt-settings.json": SRT }, "../home/.srt-settings.json"),
    cycle("nested", { "workspace/run.sh": PRIVILEGED }, "run.sh", ", nest: true"),
  ]);
}, 300_000);
afterAll(async () => {
  rmSync(directory, { recursive: true, force: true });
  for (const place of places) await place[Symbol.asyncDispose]();
});

const found = ({ report }: Run) => report.findings.map(({ weakness }) => weakness);
const declaredRows = ({ report }: Run) =>
  report.coverage
    .filter(({ check }) => check.startsWith("declared: "))
    .map(({ check }) => check.slice("declared: ".length));
const row = ({ report }: Run, id: string) =>
  report.observations.find((each) => each.id === id && each.from === "target");

describe("a compose service", () => {
  test("is found by itself, and its mounts are the clone's and ours", () => {
    expect([0, 10], compose.text).toContain(compose.code);
    expect(compose.report.target).toMatchObject({ declaredAt: "workspace/compose.yaml#agent" });
    expect(compose.report.target.weakGround).toEqual([
      "added CAP_NET_ADMIN",
      "added CAP_SYS_PTRACE",
      "the host's pid namespace",
      "the host's device /dev/kvm",
    ]);
    expect(found(compose)).toEqual(
      expect.arrayContaining([
        "engine-socket-in-sandbox",
        "engine-socket-declared",
        "devcontainer-loosened",
        "cloud-credentials-in-sandbox",
      ]),
    );
  });

  test("the socket rang, and it is ours", () => {
    expect(row(compose, "engine-socket:/var/run/docker.sock")?.verdict).toBe("decoy-reached");
  });

  test("its own firewall is put up, and what it holds back, lets through and forgot is seen", () => {
    expect(compose.report.coverage).toContainEqual(expect.objectContaining({ check: "own-firewall", status: "ran" }));
    expect(row(compose, "outbound-tcp:address:443")).toMatchObject({ verdict: "denied", control: "control:sink" });
    expect(row(compose, "outbound-tcp:asked:api.example")?.verdict).toBe("reachable");
    expect(row(compose, "outbound-other:ipv6-tcp:443")?.verdict).toBe("reachable");
    expect(row(compose, "metadata-responder:link-local")?.verdict).toBe("denied");
  });

  test("what is not repeated is said, and what the host's namespace would show is not denied", () => {
    expect(declaredRows(compose)).toEqual(expect.arrayContaining(["image", "pid: host", "device /dev/kvm"]));
    expect(row(compose, "host-processes")?.verdict).not.toBe("denied");
  });
});

describe("a command line of bubblewrap", () => {
  test("is rebuilt with the namespaces that it has of its own", () => {
    expect([0, 10], bwrap.text).toContain(bwrap.code);
    expect(bwrap.report.target).toMatchObject({ driver: "bubblewrap", declaredAt: "workspace/agent.sh:1" });
    expect(bwrap.report.target.weakGround).toEqual(["no seccomp filter", "the host's network namespace"]);
    expect(found(bwrap)).toEqual(expect.arrayContaining(["cloud-credentials-in-sandbox", "agent-socket-in-sandbox"]));
    expect(declaredRows(bwrap)).toEqual(
      expect.arrayContaining(["no --unshare-net", "--ro-bind /usr /usr", "command"]),
    );
    // The machine's network is none of the room's: what would leave by it arrives at the sink.
    expect(row(bwrap, "control:sink")?.verdict).toBe("reachable");
    expect(row(bwrap, "outbound-tcp:address:443")?.verdict).toBe("reachable");
  });
});

describe("settings of srt", () => {
  test("are srt's own to keep: what they hide from the agent is hidden", () => {
    expect([0, 10, 20], srt.text).toContain(srt.code);
    expect(srt.report.target).toMatchObject({ driver: "srt", declaredAt: "home/.srt-settings.json" });
    expect(found(srt)).not.toContain("cloud-credentials-in-sandbox");
    expect(declaredRows(srt)).toContain("network.allowedDomains (1)");
    expect(row(srt, "control:sink")?.verdict).toBe("reachable");
    expect(row(srt, "outbound-tcp:address:443")).toMatchObject({ verdict: "denied", control: "control:sink" });
    expect(row(srt, "egress-map:allowed:api.example")).toBeDefined();
  });
});

describe("a privileged container that is to be nested", () => {
  test("stands in a kernel of its own, and what that hides is said", () => {
    expect([0, 10, 20], nested.text).toContain(nested.code);
    expect(nested.report.target.isolation).not.toBe("container");
    expect(nested.report.target).toMatchObject({ declaredAt: "workspace/run.sh:1" });
    expect(nested.report.target.weakGround).toContain("privileged");
    expect(declaredRows(nested)).toEqual(
      expect.arrayContaining(["the boundary of system calls", "/var/run/docker.sock at /var/run/docker.sock"]),
    );
    expect(found(nested)).toContain("engine-socket-declared");
    // gVisor's own network stack is joined to the sink, and what the command would put up is not; a virtual machine of ours has
    // nothing to be joined.
    const said = row(
      nested,
      nested.report.target.isolation === "gvisor" ? "outbound-tcp:address:443" : "outbound-tcp",
    );
    expect(said?.detail).toMatch(
      /its nonce arrived at our sink.* is not run here, and may put up a firewall|a virtual machine of ours has no interface/,
    );
  });
});

test.each(["compose", "bwrap", "srt", "nested"])(
  "nothing of %s is left, and no real value stands in its report",
  (name) => {
    const { report } = { compose, bwrap, srt, nested }[name] ?? bwrap;
    expect(processesWith(report.cycle)).toEqual([]);
    for (const { sandbox, status } of report.certificates) expect(status, sandbox).toBe("destroyed");
    expect(JSON.stringify(report)).not.toContain(FAKE);
    // srt puts an empty file over an .mcp.json that is not there, so that nothing can be planted in one.
    const drills = report.drills.filter(({ carrier }) => name !== "srt" || carrier !== "mcp-decoy");
    expect(drills.map(({ status }) => status)).toEqual(drills.map(() => "rang"));
  },
);
