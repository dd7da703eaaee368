import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { OperatorError } from "../../../src/base/errors.ts";
import { live, scratchSpec } from "../../../src/sandbox/contract/fixture.ts";
import { type Image, prepareImage } from "../../../src/sandbox/image.ts";
import { type FakeE2b, startFakeE2b } from "../../support/e2b/fakeE2b.ts";
import { driverFor, furnishedTemplate } from "../../support/e2b/fixture.ts";

let home: string;
let image: Image;
let fake: FakeE2b;
const signal = new AbortController().signal;
beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), "wd-e2bn-"));
  image = await prepareImage(join(home, "cache"));
  fake = await startFakeE2b();
  furnishedTemplate(fake, image);
});
afterAll(async () => {
  await fake.stop();
  rmSync(home, { recursive: true, force: true });
});

const fixture = () => ({ image, signal, cycle: `e2bn${process.pid}` });
const noSurvivor = () => expect.poll(() => fake.living().length, { timeout: 5_000 }).toBe(0);

test("a machine without a way out is handed out, and was told at its making to have none", async () => {
  await live(driverFor(fake, home), fixture(), {}, () => {
    const [made] = fake.living() as unknown as { body: object }[];
    expect(made?.body).toMatchObject({
      allow_internet_access: false,
      network: { denyOut: ["0.0.0.0/0"], allowPublicTraffic: false },
      autoPause: false,
    });
    return Promise.resolve();
  });
  // Never updated: an update replaces all of it.
  expect(fake.calls.filter((call) => call.includes("network"))).toEqual([]);
});

/** Each opens one door in the machine's own network namespace, which has no other end: nothing leaves it. */
const DOORS: [string, string, RegExp][] = [
  ["TCP", answering("1.1.1.1", tcp("1.1.1.1", 443)), /open: TCP to port 443/],
  ["a resolver", answering("8.8.8.8", udp("udp4", 53)), /open: .*UDP to a public resolver/],
  ["IPv6", answering("2606:4700:4700::1111", tcp("2606:4700:4700::1111", 443)), /open: TCP over IPv6/],
];

test.each(DOORS)("a machine with a way out by %s is killed and not handed out", async (_name, boot, complaint) => {
  fake.templates["leaky"] = { ...fake.templates["furnished"], boot };
  const driver = driverFor(fake, home, { template: "leaky" });
  const outcome = await driver.create(scratchSpec(fixture()), signal).catch((error: unknown) => error);
  expect(outcome).toBeInstanceOf(OperatorError);
  expect((outcome as Error).message).toMatch(complaint);
  expect(await driver.list()).toEqual([]);
  await noSurvivor();
});

test("a machine whose network cannot be tried is no machine whose network is closed", async () => {
  // A Node that says nothing stands where the runtime should.
  const guest = Object.keys(fake.templates["furnished"]?.directories ?? {})[0] ?? "";
  fake.templates["mute"] = { directories: { [guest]: join(home, "mute") } };
  mkdirSync(join(home, "mute"));
  const driver = driverFor(fake, home, { template: "mute" });
  await expect(driver.create(scratchSpec(fixture()), signal)).rejects.toThrow(/could not be tried/);
  await noSurvivor();
});

/** Gives the machine an address on loopback and somebody who answers there. */
function answering(address: string, script: string): string {
  const width = address.includes(":") ? "128 nodad" : "32";
  const node = "set -- /opt/weakdoor/*; exec $1/lib/ld.so --library-path $1/lib $1/node -e";
  return `busybox ip link set lo up; ip addr add ${address}/${width} dev lo; ${node} '${script}'`;
}

function tcp(host: string, port: number): string {
  return `require("net").createServer((s) => s.on("error", () => {})).listen(${port}, "${host}", () => console.log("up"))`;
}

/** Sends back whatever comes. */
function udp(kind: string, port: number): string {
  return `const s = require("dgram").createSocket("${kind}"); s.on("message", (m, r) => s.send(m, r.port, r.address)); s.bind(${port}, () => console.log("up"))`;
}
