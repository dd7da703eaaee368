import { afterAll, beforeAll, expect, test } from "vitest";
import { exec } from "../../../src/base/exec.ts";
import type { Observation } from "../../../src/guest/observation.ts";
import { INTERFACE } from "../../../src/probe/internet/addresses.ts";
import { runscDriver } from "../../../src/sandbox/runsc/runsc.ts";
import { netnsOf } from "../../../src/stop/netns.ts";
import { type Bed, internetBed, type Joined } from "../../support/joined.ts";

/** gVisor with its own network stack, which took over its end of the pair when it began. */
let bed: Bed;
let room: Joined | undefined;
let rows: Map<string, Observation>;
const standing = () => {
  if (room === undefined) throw new Error("there is no room");
  return { room, internet: room.standing() };
};

beforeAll(async () => {
  bed = await internetBed();
  room = await bed.open(runscDriver(bed), { interface: INTERFACE }, { isOwnStack: true });
  rows = await room.rows();
}, 60_000);
afterAll(async () => {
  await room?.end();
  bed.remove();
});

test("what its own stack sends arrives at the sink, by every protocol and both versions of IP", () => {
  const ids = [
    "dns-resolution:own",
    "dns-resolution:foreign",
    "dns-channel:back",
    "outbound-tcp:address:443",
    "outbound-tcp:name:443",
    "data-flow:raw",
    "outbound-other:udp:443",
    "outbound-other:ipv6-tcp:443",
    "outbound-other:ipv6-udp:443",
    "address-form:mapped",
  ];
  const verdicts = ids.map((id) => `${id} ${rows.get(id)?.verdict}`);
  expect(verdicts).toEqual(ids.map((id) => `${id} reachable`));
  expect(rows.get("metadata-responder:link-local")?.verdict).toBe("decoy-reached");
  // The other end of the pair is the sink's and not its own.
  const interfaces = [...rows.keys()].filter((id) => id.startsWith("network-interface:"));
  expect(interfaces).toEqual(["network-interface:eth0"]);
});

test("that it stands at the end of the line is shown by its own stack, since nothing of ours can speak from its place", () => {
  const { internet } = standing();
  expect(internet.isOwnStack).toBe(true);
  expect(internet.control).toEqual({ isHeld: true, evidence: "the sandbox's own network stack answered our sink" });
  expect(rows.get("control:sink")?.verdict).toBe("reachable");
});

test("its namespace holds its end of the pair and nothing that leads on, and neither is the machine's", async () => {
  const { room: own, internet } = standing();
  const { stdout } = await exec(["nsenter", `--net=/proc/${own.sandbox.pid}/ns/net`, "ip", "-o", "link"]);
  expect(stdout.split("\n").map((line) => /^\d+: ([^:@]+)/.exec(line)?.[1])).toEqual(["lo", "eth0", undefined]);
  const spaces = [own.sandbox.pid, internet.process.pid].map((pid) => netnsOf(pid));
  expect(new Set(spaces).size).toBe(2);
  expect(spaces).not.toContain(undefined);
});

test("one that is made without an interface has none, as ever", async () => {
  const other = await bed.open(runscDriver(bed), {}, { cannot: "nothing was joined" });
  try {
    expect(other.internet.status).toBe("none");
    const { stdout } = await other.broker.run({
      run: { argv: ["/bin/busybox", "ifconfig", "-a"] },
      env: {},
      cwd: "/",
      stdin: "",
      timeoutMs: 20_000,
      outputBytesMax: 4_096,
    });
    expect(stdout).not.toContain("eth0");
  } finally {
    await other.end();
  }
});
