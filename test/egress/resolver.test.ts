import { describe, expect, test } from "vitest";
import { ownResolver, vet } from "../../src/egress/resolver.ts";
import { flowBench } from "../support/flowBench.ts";
import { address, alias, type DnsLie, lyingDns } from "../support/lyingDns.ts";

const HOST = "api.example";
const rule = { id: "one", host: HOST, port: 1, scheme: "http", methods: ["GET"], paths: ["/x"] };
const records = (...all: Extract<DnsLie, { kind: "records" }>["records"]): DnsLie => ({
  kind: "records",
  records: all,
});
/** Of a block that is routed: chosen here, and dialed by nobody. */
const PUBLIC = "45.0.0.10";

/** What becomes of a name under a name server, without the dial. */
async function vetted(lie: DnsLie) {
  await using dns = await lyingDns(lie);
  // Long where an answer is waited for that comes, short where it does not.
  const resolve = ownResolver(lie.kind === "records" ? 3_000 : 150, [dns.server]);
  return { ...(await vet(HOST, { resolve, pins: [], ownAddresses: () => new Set() })), asked: dns.asked };
}

test("what a name server says is taken at its word when the address is one of the outside", async () => {
  const answer = await vetted(records(alias("b.example"), address(PUBLIC, "b.example")));
  expect(answer).toMatchObject({ status: "vetted", address: PUBLIC });
});

describe("a name server that lies leads nowhere: the request is refused, and the log says why", () => {
  test.each(["127.0.0.1", "10.0.0.5", "169.254.169.254", "192.168.1.1", "100.64.0.1", "0.0.0.0", "224.0.0.1"])(
    "an address of the inside: %s",
    async (inside) => {
      expect(await vetted(records(address(inside)))).toMatchObject({
        status: "refused",
        reason: "address-denied",
        resolved: [inside],
      });
    },
  );

  test("an address of the inside behind an alias", async () => {
    const lie = records(alias("b.example"), address("127.0.0.1", "b.example"));
    expect(await vetted(lie)).toMatchObject({ status: "refused", reason: "address-denied" });
  });

  test("an address of the inside that is another name's", async () => {
    const lie = records(address("127.0.0.1", "other.example"));
    expect(await vetted(lie)).toMatchObject({ status: "refused", reason: "address-denied" });
  });

  test.each<[string, DnsLie]>([
    ["an alias of itself", records(alias(HOST))],
    ["aliases in a circle", records(alias("b.example"), alias(HOST, "b.example"))],
    ["an alias to nothing", records(alias("b.example"))],
    ["no record", records()],
    ["another question's number", { kind: "other-id", records: [address(PUBLIC)] }],
    ["another question", { kind: "other-question", records: [address(PUBLIC)] }],
    ["no DNS", { kind: "bytes", bytes: Buffer.from("HTTP/1.1 200 OK\r\n\r\n") }],
    ["nothing, for ever", { kind: "silence" }],
  ])("%s", async (_, lie) => {
    const verdict = await vetted(lie);
    expect(verdict).toMatchObject({ status: "refused", reason: "name-unresolved", resolved: [] });
    // Of what an answer names nobody is asked.
    expect(new Set(verdict.asked)).toEqual(new Set([`${HOST} 1`, `${HOST} 28`]));
  });
});

test("one name server that hangs holds up what asks it, and nobody else", async () => {
  await using dns = await lyingDns({ kind: "silence" });
  const pins = [{ host: "pinned.example", address: "127.0.0.1" }];
  const rules = [rule, { ...rule, id: "pinned", host: "pinned.example" }];
  await using bench = await flowBench({ rules, pins, resolve: ownResolver(400, [dns.server]) });
  const hanging = bench.shim.ask({ ":authority": `${HOST}:1`, ":path": "/x" });
  await expect.poll(() => dns.asked.length).toBeGreaterThan(0);
  expect(await bench.shim.ask({ ":authority": "pinned.example:1", ":path": "/x" })).toMatchObject({ status: 502 });
  expect(bench.log().filter(({ event }) => event === "close")).toMatchObject([{ dialed: "127.0.0.1" }]);
  expect(await hanging).toMatchObject({ status: 502, text: "the host's name could not be resolved\n" });
});
