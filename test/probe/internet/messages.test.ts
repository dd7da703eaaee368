import { randomBytes } from "node:crypto";
import { createSocket } from "node:dgram";
import { Resolver } from "node:dns/promises";
import { afterEach, expect, test } from "vitest";
import { proofOf, SINK_ADDRESS, tokenOf } from "../../../src/guest/probe/network/try.ts";
import { answerTo, questionOf } from "../../../src/probe/internet/dnsMessage.ts";
import { openPorts } from "../../../src/probe/internet/listening.ts";
import { newRecord } from "../../../src/probe/internet/sinkRecord.ts";
import { serveUdp } from "../../../src/probe/internet/sinkServe.ts";

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

test("a real resolver takes the answers, for an address, for text, and for what there is none of", async () => {
  const server = createSocket("udp4");
  closing.push(() => server.close());
  server.on("message", (message, from) => {
    const question = questionOf(message);
    if (question !== undefined)
      server.send(
        answerTo(message, question, { address: SINK_ADDRESS, text: question.name }),
        from.port,
        from.address,
      );
  });
  await new Promise<void>((resolve) => server.bind(0, "127.0.0.1", resolve));
  const resolver = new Resolver({ timeout: 5_000, tries: 2 });
  resolver.setServers([`127.0.0.1:${server.address().port}`]);
  expect(await resolver.resolve4("any.name.example")).toEqual([SINK_ADDRESS]);
  expect(await resolver.resolveTxt("Any.Name.example")).toEqual([["any.name.example"]]);
  await expect(resolver.resolve6("any.name.example")).rejects.toMatchObject({ code: "ENODATA" });
  await expect(resolver.resolveMx("any.name.example")).rejects.toMatchObject({ code: "ENODATA" });
});

test("what is no question is not answered, whatever its bytes are", () => {
  const header = (questions: number) => Buffer.from([0, 1, 1, 0, 0, questions, 0, 0, 0, 0, 0, 0]);
  const name = Buffer.from("\u0003abc\u0000\u0000\u0001\u0000\u0001", "latin1");
  expect(questionOf(Buffer.concat([header(1), name]))).toMatchObject({ name: "abc", type: 1 });
  const wrong = [
    Buffer.alloc(0),
    header(1),
    Buffer.concat([header(0), name]),
    Buffer.concat([header(2), name]),
    Buffer.concat([header(1), name.subarray(0, 6)]),
    Buffer.concat([header(1), Buffer.from([0xc0, 0x0c, 0, 1, 0, 1])]),
    Buffer.concat([header(1), Buffer.from([63, 97, 98])]),
    Buffer.concat([Buffer.from([0, 1, 0x81, 0, 0, 1, 0, 0, 0, 0, 0, 0]), name]),
  ];
  for (const message of wrong) expect(questionOf(message)).toBeUndefined();
  const lengths = Array.from({ length: 2_000 }, (_, i) => {
    const message = Buffer.concat([header(1), randomBytes(i % 300)]);
    const question = questionOf(message);
    return question === undefined
      ? 0
      : answerTo(message, question, { address: SINK_ADDRESS, text: "x".repeat(400) }).length;
  });
  expect(Math.max(...lengths)).toBeLessThan(1_000);
});

test("the record keeps each nonce once, is bounded, and says when it is full", () => {
  const record = newRecord();
  const of = { protocol: "udp", host: "203.0.113.10", port: 443, name: "" } as const;
  const token = tokenOf("n", "id");
  expect(record.take(`GET /${token} HTTP/1.1`, of)).toBe(token);
  expect(record.take(`again ${token}`, of)).toBe(token);
  expect(record.take("nothing of ours", of)).toBeUndefined();
  expect(record.tell()).toMatchObject({ arrivals: [{ token, ...of }], isFull: false });
  for (let i = 0; i < 5_000; i++) record.take(tokenOf("n", String(i)), of);
  expect(record.tell().arrivals).toHaveLength(2_000);
  expect(record.tell().isFull).toBe(true);
  for (let i = 0; i < 5_000; i++) record.connected("203.0.113.10", i);
  expect(Object.keys(record.tell().connected)).toHaveLength(2_000);
});

test("a datagram with a nonce is answered with its proof, and one without is not", async () => {
  const record = newRecord();
  const server = await serveUdp("127.0.0.1", 0, record);
  closing.push(() => server.close());
  const client = createSocket("udp4");
  closing.push(() => client.close());
  const heard: string[] = [];
  client.on("message", (message) => heard.push(message.toString()));
  const token = tokenOf("n", "datagram");
  const { port } = server.address();
  await expect
    .poll(() => {
      client.send("nothing of ours", port, "127.0.0.1");
      client.send(token, port, "127.0.0.1");
      return heard;
    })
    .toContain(proofOf(token));
  expect(new Set(heard)).toEqual(new Set([proofOf(token)]));
});

test("listeners on every address or on one of the network are for others, those on the loopback are not", () => {
  const line = (local: string, state: string) =>
    `   0: ${local} 00000000:0000 ${state} 00000000:00000000 00:00000000`;
  const table = [
    "  sl  local_address rem_address   st",
    line("00000000:0BB8", "0A"),
    line("020002C0:0BB9", "0A"),
    line("0100007F:0BBA", "0A"),
    line("00000000:0BBB", "01"),
    line("00000000000000000000000000000000:0BB8", "0A"),
    line("00000000000000000000000001000000:0BBC", "0A"),
    line("0000000000000000FFFF00000100007F:0BBD", "0A"),
    "",
    "torn",
  ];
  expect(openPorts(table.join("\n"))).toEqual([3000, 3001]);
});
