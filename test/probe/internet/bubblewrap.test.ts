import { randomUUID } from "node:crypto";
import { createServer } from "node:net";
import { networkInterfaces } from "node:os";
import { afterAll, beforeAll, expect, test } from "vitest";
import { exec } from "../../../src/base/exec.ts";
import { openInternet } from "../../../src/probe/internet/internet.ts";
import { listeningPorts } from "../../../src/probe/internet/listening.ts";
import { bubblewrapDriver } from "../../../src/sandbox/bubblewrap/bubblewrap.ts";
import { STRICT } from "../../../src/sandbox/sandbox.ts";
import { netnsOf } from "../../../src/stop/netns.ts";
import { isAlive } from "../../../src/stop/processes.ts";
import { type Bed, internetBed, type Joined } from "../../support/joined.ts";

let bed: Bed;
beforeAll(async () => {
  bed = await internetBed();
});
afterAll(() => bed.remove());

async function withRoom(
  use: (room: Joined) => Promise<void>,
  ...more: Parameters<Bed["open"]> extends [unknown, ...infer R] ? R : never
) {
  const room = await bed.open(bubblewrapDriver(bed), ...more);
  try {
    await use(room);
  } finally {
    await room.end();
  }
}

const OPEN = [
  "dns-resolution:own",
  "dns-resolution:foreign",
  "dns-channel:out",
  "dns-channel:back",
  "outbound-tcp:address:443",
  "outbound-tcp:name:443",
  "outbound-tcp:private:10.20",
  "outbound-tcp:private:fd00",
  "outbound-tcp:address:53",
  "data-flow:http",
  "data-flow:raw",
  "outbound-other:udp:443",
  "outbound-other:ipv6-tcp:443",
  "address-form:decimal",
  "address-form:hexadecimal",
  "address-form:octal",
  "address-form:mapped",
];
const STAND_INS = [
  "metadata-responder:link-local",
  "metadata-responder:google-name",
  "host-gateway:gateway:8080",
  "engine-endpoint:gateway:2375",
  "engine-endpoint:docker-desktop:2375",
  "neighbour:5432",
  "neighbour:ipv6:8080",
  "host-gateway:gateway-ipv6:8080",
  "engine-endpoint:gateway-ipv6:2375",
  "kubernetes-api:service",
];

test("where nothing holds it back, everything arrives at the sink, and what stands for another thing is a decoy", async () => {
  await withRoom(async (room) => {
    const rows = await room.rows();
    const verdicts = (ids: string[]) => ids.map((id) => `${id} ${rows.get(id)?.verdict}`);
    expect(verdicts(OPEN)).toEqual(OPEN.map((id) => `${id} reachable`));
    expect(verdicts(STAND_INS)).toEqual(STAND_INS.map((id) => `${id} decoy-reached`));
    expect(rows.get("data-flow:raw")?.detail).toBe("its nonce arrived at our sink, over tcp to 203.0.113.10:8080");
    // Sockets of our own attempts are nobody's inheritance.
    const inherited = [...rows.values()].filter(({ id }) => id.startsWith("inherited-descriptor"));
    expect(inherited.filter(({ verdict }) => verdict === "reachable")).toEqual([]);
    // No variable names a proxy but the one that carries the probe, which is not asked.
    expect(rows.get("proxy-ignored")?.verdict).toBe("absent");
    expect(rows.get("egress-map")?.verdict).toBe("absent");
    // This user may send no echo request of the kind that the program inside asks for.
    expect(rows.get("outbound-other:ping")).toMatchObject({ verdict: "not-measured" });
  });
});

test("a filter inside is tested as it is: what it holds back is denied beside what arrived, and what it forgot is reachable", async () => {
  await withRoom(async (room) => {
    // As such scripts do: names may be asked for, one host is allowed, all else is refused, and of IPv6 nobody thought.
    await room.inNetwork("iptables", "-A", "OUTPUT", "-o", "lo", "-j", "ACCEPT");
    await room.inNetwork("iptables", "-A", "OUTPUT", "-p", "udp", "-d", "192.0.2.1", "--dport", "53", "-j", "ACCEPT");
    await room.inNetwork("iptables", "-A", "OUTPUT", "-j", "REJECT");
    const rows = await room.rows();
    for (const id of [
      "outbound-tcp:address:443",
      "outbound-tcp:name:443",
      "data-flow:http",
      "dns-resolution:foreign",
    ])
      expect(rows.get(id), id).toMatchObject({ verdict: "denied", control: "control:sink" });
    for (const id of ["metadata-responder:link-local", "engine-endpoint:gateway:2375", "outbound-other:udp:443"])
      expect(rows.get(id)?.verdict, id).toBe("denied");
    for (const id of ["dns-resolution:own", "dns-channel:out", "dns-channel:back", "outbound-other:ipv6-tcp:443"])
      expect(rows.get(id)?.verdict, id).toBe("reachable");
  });
});

test("a proxy that is only asked for by a variable is gone round, and of one that is not here no rule is told", async () => {
  await withRoom(async (room) => {
    const rows = await room.rows({
      HTTP_PROXY: "http://proxy.example:3128",
      HTTPS_PROXY: "http://proxy.example:3128",
    });
    expect(rows.get("proxy-ignored:address")?.verdict).toBe("reachable");
    expect(rows.get("proxy-ignored:name")?.verdict).toBe("reachable");
    expect(rows.get("egress-map:unlisted:443")).toMatchObject({
      verdict: "not-measured",
      detail: "the proxy that the environment names is none of this sandbox",
    });
  });
});

test("what is dropped without a word is denied too, and the probe does not wait for each", async () => {
  await withRoom(
    async (room) => {
      await room.inNetwork("iptables", "-P", "OUTPUT", "DROP");
      await room.inNetwork("ip6tables", "-P", "OUTPUT", "DROP");
      await room.inNetwork("iptables", "-A", "OUTPUT", "-o", "lo", "-j", "ACCEPT");
      const rows = await room.rows();
      const silent = [...rows.values()].filter((row) => row.detail.startsWith("no answer in time"));
      expect(silent.length).toBeGreaterThan(20);
      expect(new Set(silent.map((row) => row.verdict))).toEqual(new Set(["denied"]));
      expect([...rows.values()].filter((row) => row.verdict === "contradictory")).toEqual([]);
      expect(rows.get("control:sink")?.verdict).toBe("reachable");
    },
    {},
    { timeoutMs: 200 },
  );
});

test("an echo request of one who may send it is counted by the sink's kernel", async () => {
  const confinement = { ...STRICT, capabilities: ["CAP_NET_RAW"] };
  await withRoom(
    async (room) => {
      const rows = await room.rows();
      expect(rows.get("outbound-other:ping")).toMatchObject({
        verdict: "reachable",
        detail: "an echo request arrived at our sink",
      });
    },
    { confinement, uid: 0, gid: 0 },
  );
});

test("without a section of the request nothing is sent, and the rows say that nobody asked", async () => {
  await withRoom(async (room) => {
    const before = await room.standing().told();
    const { stdout } = await room.broker.run({
      run: { program: "probe", args: ['{"vantage":"target"}'] },
      env: {},
      cwd: "/",
      stdin: "",
      timeoutMs: 30_000,
      outputBytesMax: 4_000_000,
    });
    const rows = JSON.parse(stdout).observations as { id: string; verdict: string }[];
    expect(rows.find(({ id }) => id === "outbound-tcp")).toMatchObject({ verdict: "not-measured" });
    const after = await room.standing().told();
    expect(after.connected).toEqual(before.connected);
  });
});

test("nothing leads on from the sink's namespace: a listener of the machine hears nobody, on no address of it", async () => {
  // Whoever looks around on this machine meanwhile connects to every listener, and says something else or nothing.
  const mark = `from-${randomUUID()}`;
  const heard: string[] = [];
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.setTimeout(5_000, () => socket.destroy());
    socket.on("data", (said) => {
      if (said.toString().includes(mark)) heard.push(String(socket.remoteAddress));
    });
  });
  await new Promise<void>((resolve) => server.listen({ host: "::", port: 0 }, resolve));
  const { port } = server.address() as { port: number };
  try {
    await withRoom(async (room) => {
      const sink = room.standing().process.pid;
      const addresses = Object.values(networkInterfaces()).flatMap((all) =>
        (all ?? []).map(({ address }) => address),
      );
      for (const address of ["127.0.0.1", ...addresses.filter((one) => !one.includes(":"))])
        for (const pid of [sink, room.sandbox.pid])
          await exec(["nsenter", `--net=/proc/${pid}/ns/net`, "busybox", "nc", "-w", "1", address, String(port)], {
            stdin: mark,
          });
      // From the machine itself it is heard, so that hearing nothing says something.
      const own = [...heard];
      await exec(["busybox", "nc", "-w", "5", "127.0.0.1", String(port)], { stdin: mark });
      await expect.poll(() => heard.length).toBeGreaterThan(0);
      expect(own).toEqual([]);
      const { stdout } = await exec(["nsenter", `--net=/proc/${sink}/ns/net`, "ip", "-o", "link"]);
      expect(stdout.split("\n").map((line) => /^\d+: ([^:@]+)/.exec(line)?.[1])).toEqual(["lo", "wdsink", undefined]);
      expect(netnsOf(sink)).not.toBe(netnsOf(room.sandbox.pid));
    });
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
});

test("what listens inside is told from outside, and a neighbour tries the door", async () => {
  await withRoom(async (room) => {
    const script = "busybox nc -l -p 3000 -e true & busybox nc -l -s 127.0.0.1 -p 3001 -e true & exec sleep 60";
    void room.broker
      .run({
        run: { argv: ["/bin/sh", "-c", script] },
        env: { PATH: "/bin" },
        cwd: "/",
        stdin: "",
        timeoutMs: 60_000,
        outputBytesMax: 100,
      })
      .catch(() => undefined);
    const rows = async () => (await listeningPorts(room.sandbox.pid, room.standing())).observations;
    await expect
      .poll(async () => (await rows()).map(({ id, verdict }) => `${id} ${verdict}`))
      .toEqual(["listening-port:tcp:3000 reachable"]);
  });
});

test("with the end of the internet its process is gone, and a target has no interface any more", async () => {
  await withRoom(async (room) => {
    const internet = room.standing();
    await internet.end();
    await internet.end();
    expect(isAlive(internet.process)).toBe(false);
    await expect(internet.told()).rejects.toThrow("has ended");
    await expect
      .poll(
        async () => (await exec(["nsenter", `--net=/proc/${room.sandbox.pid}/ns/net`, "ip", "-o", "link"])).stdout,
      )
      .not.toContain("eth0");
  });
});

const NOBODYS = { sandbox: "wd-x-target-1", isTool: false, isEngine: false, allowed: [], busybox: "/bin/busybox" };

test("where the backend has no network of the kernel's, or the process none of its own, there is none, and the reason is said", async () => {
  const pid = process.pid;
  expect(await openInternet({ ...NOBODYS, pid, cannot: "it has no interface" })).toEqual({
    status: "none",
    reason: "it has no interface",
  });
  expect(await openInternet({ ...NOBODYS, pid, cannot: undefined })).toMatchObject({
    status: "none",
    reason: expect.stringContaining("did not start"),
  });
});
