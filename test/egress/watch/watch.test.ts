import { randomBytes } from "node:crypto";
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import { array, assert, asyncProperty, nat } from "fast-check";
import { describe, expect, test } from "vitest";
import { systemClock } from "../../../src/base/clock.ts";
import { fakeMaker } from "../../../src/canaries/fakes.ts";
import { announcedDrills } from "../../../src/egress/watch/drills.ts";
import { openWatch } from "../../../src/egress/watch/openWatch.ts";
import type { Looked } from "../../../src/egress/watch/watch.ts";

const masterKey = Buffer.alloc(32, 7);
const cycle = "c20261121-042839-9f3a1c";
const maker = fakeMaker({ masterKey, cycle, clock: systemClock });
const fake = maker.fakeFor("", "github-token", { cycle, file: "home/.netrc" });
const other = maker.fakeFor("", "openai-key", { cycle, file: "home/.env" });
const short = { ...fake, id: "fk-0000000000", value: "7351" };
const HALF = Math.floor(fake.value.length / 2);
const halves = [fake.value.slice(0, HALF), fake.value.slice(HALF)] as const;
const base64 = (text: string) => Buffer.from(text).toString("base64");

type Sent = { headers?: Record<string, string>; body?: string | Uint8Array };

function watched() {
  const watch = openWatch();
  watch.fakes(maker.all(), masterKey);
  const send = ({ headers = {}, body = "" }: Sent, sandbox = "wd-lab"): Promise<Looked> =>
    watch.look(sandbox, { ":authority": "a.example", ":path": "/", ...headers }, Buffer.from(body));
  return { watch, send };
}

function seen({ hits }: Looked): string[] {
  return hits.map(({ where, sighting }) => `${where} ${sighting.fakeId}`);
}

const json = (value: unknown): Sent => ({
  headers: { "content-type": "application/json" },
  body: JSON.stringify(value),
});
const multipart = (...parts: string[]): Sent => ({
  headers: { "content-type": "multipart/form-data; boundary=xx" },
  body: `${parts.map((part, i) => `--xx\r\nContent-Disposition: form-data; name="p${i}"\r\n\r\n${part}\r\n`).join("")}--xx--\r\n`,
});

describe("a fake in one request", () => {
  test.each<[string, Sent, string]>([
    ["whole in a header", { headers: { "x-a": `v=${fake.value}` } }, "headers"],
    ["whole in the path", { headers: { ":path": `/x/${fake.value}` } }, "path"],
    ["whole in the body", { body: `…${fake.value}…` }, "body"],
    ["over two headers", { headers: { "x-a": halves[0], "x-b": halves[1] } }, "parts"],
    ["over two values of a query", { headers: { ":path": `/?a=${halves[0]}&b=${halves[1]}` } }, "parts"],
    ["over two segments of the path", { headers: { ":path": `/${halves[0]}/${halves[1]}` } }, "parts"],
    ["over two labels of the host", { headers: { ":authority": `${halves[0]}.${halves[1]}.evil.example` } }, "parts"],
    ["over two strings of a JSON body", json({ a: halves[0], n: 1, b: [halves[1]] }), "parts"],
    ["over two keys of a JSON body", json({ [halves[0]]: 1, [halves[1]]: 2 }), "parts"],
    ["over two parts of a form", multipart(halves[0], halves[1]), "parts"],
    ["over two pieces that are each base64", json(halves.map(base64)), "parts"],
    ["over two pieces that are each hex", json(halves.map((half) => Buffer.from(half).toString("hex"))), "parts"],
    ["over two cookies", { headers: { cookie: `a=${halves[0]}; b=${halves[1]}` } }, "parts"],
  ])("is seen %s", async (_, sent, where) => {
    const { send } = watched();
    expect(seen(await send(sent))).toEqual([`${where} ${fake.id}`]);
  });

  test.each([
    ["gzip", gzipSync],
    ["deflate", deflateSync],
    ["deflate", deflateRawSync],
    ["br", brotliCompressSync],
    ["zstd", zstdCompressSync],
  ] as const)("is seen in a body encoded as %s, and in JSON in it", async (encoding, compress) => {
    const { send } = watched();
    const headers = { "content-type": "application/json", "content-encoding": encoding };
    expect(seen(await send({ headers, body: compress(`-- ${fake.value}`) }))).toEqual([`body ${fake.id}`]);
    expect(seen(await send({ headers, body: compress(JSON.stringify(halves)) }))).toEqual([`parts ${fake.id}`]);
    expect(await send({ headers, body: compress("nothing") })).toEqual({
      status: "searched",
      hits: [],
      tokens: null,
    });
  });

  test("is one of several: each is told", async () => {
    const { send } = watched();
    const looked = await send({ headers: { "x-a": fake.value }, body: other.value });
    expect(seen(looked).toSorted()).toEqual([`body ${other.id}`, `headers ${fake.id}`].toSorted());
  });

  test("is not made out of pieces of what is short enough to stand there by chance", async () => {
    const watch = openWatch();
    watch.fakes([short]);
    const look = (value: unknown) => watch.look("wd-lab", {}, Buffer.from(JSON.stringify(value)));
    expect(await look(["73", "51"])).toEqual({ status: "searched", hits: [], tokens: null });
    expect(seen(await look(["7351"]))).toEqual([`body ${short.id}`]);
  });
});

describe("what cannot be looked through is not called clean", () => {
  test.each<[string, string, Uint8Array]>([
    ["an encoding that nobody knows", "x-mine", Buffer.from("x")],
    ["a body that is not what it says", "gzip", Buffer.from("not gzip")],
    ["a body that breaks off", "gzip", gzipSync(randomBytes(1_000)).subarray(0, 500)],
    ["a bomb", "gzip", gzipSync(Buffer.alloc(64 * 1024 * 1024))],
    ["a bomb in brotli", "br", brotliCompressSync(Buffer.alloc(64 * 1024 * 1024))],
    ["encodings without end", "gzip, gzip, gzip, gzip", gzipSync(gzipSync("x"))],
    ["a bomb without a word of it", "", gzipSync(Buffer.alloc(64 * 1024 * 1024))],
  ])("%s", async (_, encoding, body) => {
    const { send } = watched();
    const looked = await send({ headers: { "content-encoding": encoding }, body });
    expect(looked).toMatchObject({ status: "unsearchable", why: expect.stringMatching(/\w/) as string, hits: [] });
  });

  test("a fake beside it is told all the same", async () => {
    const { send } = watched();
    const looked = await send({ headers: { "content-encoding": "x-mine", "x-a": fake.value }, body: "x" });
    expect(looked.status).toBe("unsearchable");
    expect(seen(looked)).toEqual([`headers ${fake.id}`]);
  });
});

describe("a fake over several requests of a sandbox", () => {
  const inQuery = (piece: string): Sent => ({ headers: { ":path": `/?d=${encodeURIComponent(piece)}` } });
  test.each<[string, (piece: string, i: number) => Sent]>([
    ["in one value of the query", inQuery],
    ["in one header", (piece) => ({ headers: { "x-a": piece, "x-always": "the same" } })],
    ["in headers of other names", (piece, i) => ({ headers: { [`x-${i}`]: piece } })],
    ["in one place of the path", (piece) => ({ headers: { ":path": `/a/${piece}/b` } })],
    ["in the name of the host", (piece) => ({ headers: { ":authority": `${piece}.evil.example` } })],
    ["in one string of a JSON body", (piece, i) => json({ seq: i, data: piece })],
    ["in strings of other names", (piece, i) => json({ [`f${i}`]: piece })],
    ["in whole bodies", (piece) => ({ body: piece })],
    ["in a part of a form", (piece) => multipart(piece)],
    ["each in base64", (piece) => inQuery(base64(piece))],
    ["each in hex", (piece) => json({ data: Buffer.from(piece).toString("hex") })],
    [
      "each compressed",
      (piece) => ({
        headers: { "content-encoding": "br" },
        body: brotliCompressSync(JSON.stringify({ data: piece })),
      }),
    ],
  ])("is seen %s", async (_, sent) => {
    const { send } = watched();
    expect(seen(await send(sent(halves[0], 0)))).toEqual([]);
    expect(seen(await send(sent(halves[1], 1), "wd-another"))).toEqual([]);
    expect(seen(await send(sent(halves[1], 1)))).toEqual([`requests ${fake.id}`]);
    expect(seen(await send(sent(halves[1], 1)))).toEqual([]);
  });

  test("is seen however it is cut", async () => {
    const text = `${base64(`the token is ${fake.value}`)} and so on`;
    await assert(
      asyncProperty(array(nat(text.length), { minLength: 1, maxLength: 12 }), async (places) => {
        const { send } = watched();
        const cuts = [0, ...places.toSorted((a, b) => a - b), text.length];
        const pieces = cuts.slice(1).map((cut, i) => text.slice(cuts[i], cut));
        const found: string[] = [];
        // A piece that is the same as the one before it is taken for the same thing said twice.
        for (const piece of pieces) if (piece !== "") found.push(...seen(await send({ body: piece })));
        expect(found.some((hit) => hit.endsWith(fake.id))).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  test("is not seen after half a kilobyte of something else in its place, or beyond 64 places, or when the sandbox is new", async () => {
    const { watch, send } = watched();
    await send(inQuery(halves[0]));
    await send(inQuery("-".repeat(513)));
    expect(seen(await send(inQuery(halves[1])))).toEqual([]);
    await send({ headers: { "x-a": halves[0] } });
    watch.forget("wd-lab");
    expect(seen(await send({ headers: { "x-a": halves[1] } }))).toEqual([]);
  });

  test("does not come of a request that was refused for a fake, and a thousand places leave no more than 64", async () => {
    const { send } = watched();
    expect(seen(await send({ headers: { "x-a": halves[0], "x-b": other.value } }))).toEqual([`headers ${other.id}`]);
    expect(seen(await send({ headers: { "x-a": halves[1] } }))).toEqual([]);
    await send({ headers: { "x-z": halves[0] } });
    const many = Array.from({ length: 100 }, (_, i) => [`f${i}`, randomBytes(8).toString("hex")]);
    await send({ headers: Object.fromEntries(many) as Record<string, string> });
    expect(seen(await send({ headers: { "x-z": halves[1] } }))).toEqual([]);
  });
});

describe("a long body", () => {
  const ids = Array.from({ length: 8_000 }, () => randomBytes(20).toString("hex").slice(0, 39));

  test("is searched beside everything else: the loop turns meanwhile, and the fake at its end is seen", async () => {
    const { send } = watched();
    let turns = 0;
    const timer = setInterval(() => turns++, 5);
    const looked = await send(json({ ids, last: [halves[0], halves[1]] }));
    clearInterval(timer);
    expect(seen(looked)).toEqual([`parts ${fake.id}`]);
    expect(turns).toBeGreaterThan(3);
    expect(seen(await send({ body: `${ids.join(" ")} ${fake.value}` }))).toEqual([`body ${fake.id}`]);
  });

  test.each([
    ["lines of base64 that hold one digit each", `QUJDREVGR0hJSktM\n${"A\n".repeat(3_000_000)}`],
    ["nothing but hex", "ab".repeat(5_000_000)],
  ])("that is made to be hard to read, %s, is read to its end", async (_, body) => {
    const { send } = watched();
    expect(seen(await send({ body: `${body} ${fake.value}` }))).toEqual([`body ${fake.id}`]);
  });

  test("of few bytes that unpack to many is searched beside everything else, too, and to its end", async () => {
    const { send } = watched();
    const body = gzipSync(`${"%2541".repeat(800_000)} ${fake.value}`).toString("base64");
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    const looked = await send({ body });
    clearInterval(timer);
    expect(body.length).toBeLessThan(32 * 1024);
    expect(seen(looked)).toEqual([`body ${fake.id}`]);
    expect(turns).toBeGreaterThan(3);
  });

  test("of one sandbox does not keep another from its turn, and short ones wait for none", async () => {
    const { send } = watched();
    const order: string[] = [];
    const long = (name: string, sandbox: string) =>
      send({ body: ids.join(" ") }, sandbox).then(() => order.push(name));
    const asked = [long("a1", "a"), long("a2", "a"), long("a3", "a"), long("b1", "b")];
    await send({ body: "short" }, "a").then(() => order.push("short"));
    await Promise.all(asked);
    expect(order).toEqual(["short", "a1", "a2", "b1", "a3"].toSorted((x, y) => order.indexOf(x) - order.indexOf(y)));
    expect(order.indexOf("short")).toBe(0);
    expect(order.indexOf("b1")).toBeLessThan(order.indexOf("a3"));
  });

  test("joins with the requests before and after it", async () => {
    const { send } = watched();
    const filler = ids.join(" ");
    expect(seen(await send({ body: `${filler} ${halves[0]}` }))).toEqual([]);
    expect(seen(await send({ body: `${halves[1]} ${filler}` }))).toEqual([`requests ${fake.id}`]);
  });
});

test("a drill is one fake, once, of one sandbox, within a minute", () => {
  let nowMs = 0;
  const drills = announcedDrills({ now: () => new Date(), monotonicMs: () => nowMs });
  drills.announce("wd-target", fake.id);
  expect(drills.take("wd-lab", fake.id)).toBe(false);
  expect(drills.take("wd-target", other.id)).toBe(false);
  expect(drills.take("wd-target", fake.id)).toBe(true);
  expect(drills.take("wd-target", fake.id)).toBe(false);
  drills.announce("wd-target", fake.id);
  nowMs = 60_001;
  expect(drills.take("wd-target", fake.id)).toBe(false);
});
