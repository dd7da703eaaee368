import { constants } from "node:http2";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { flowBench } from "../support/flowBench.ts";
import { upstream } from "../support/upstream.ts";

/** Text that an HTTP/2 client can send at all: no control characters in a header. */
const headerText = fc.string({
  unit: fc.integer({ min: 0x21, max: 0xff }).map((code) => String.fromCharCode(code)),
  maxLength: 60,
});

test("no request, however odd, breaks the gateway or reaches a host by another door than its rule (2,000 cases)", async () => {
  await using host = await upstream((response) => response.end("ok"));
  const rule = {
    id: "one",
    host: "api.example",
    port: host.port,
    scheme: "http",
    methods: ["GET", "POST"],
    paths: ["/v1/{id}"],
    requestBytesMax: 50,
  };
  const open = () => flowBench({ rules: [rule], pins: [{ host: "api.example", address: "127.0.0.1" }] });
  let bench = await open();
  const good = `api.example:${host.port}`;
  const authority = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.constantFrom(
        good,
        "broker.weakdoor.internal",
        "model.weakdoor.internal",
        "source.weakdoor.internal",
      ),
    },
    { weight: 1, arbitrary: headerText.map((text) => `${good}${text}`) },
    { weight: 2, arbitrary: headerText },
  );
  const path = fc.oneof(
    {
      weight: 2,
      arbitrary: fc.constantFrom(
        "/v1/7",
        "/v1/../v2",
        "/v1/%2e%2e",
        "/v1/hello",
        "/v1/task",
        "/v1/task/t0",
        "/v1/heartbeat",
      ),
    },
    { weight: 4, arbitrary: fc.constant("/v1/7") },
    { weight: 1, arbitrary: headerText.map((text) => `/${text}`) },
    { weight: 1, arbitrary: headerText },
  );
  const method = fc.oneof(
    fc.constantFrom("GET", "POST", "HEAD", "CONNECT", "DELETE", "OPTIONS"),
    fc.stringMatching(/^[A-Z]{1,8}$/),
  );
  const odd = fc.record({
    method,
    authority,
    path,
    scheme: fc.constantFrom("http", "https", "ftp"),
    headers: fc.dictionary(fc.stringMatching(/^[a-z][a-z0-9-]{0,20}$/), headerText, { maxKeys: 4 }),
    body: fc.oneof(fc.constant("{}"), fc.constant(""), fc.string({ maxLength: 80 }), fc.json()),
    ending: fc.constantFrom("whole", "whole", "whole", "reset", "early"),
  });
  // Every other request is good but for one part, so that each guard is met alone, and many arrive.
  const allowed = {
    method: "GET",
    authority: good,
    path: "/v1/7",
    scheme: "http",
    headers: {},
    body: "",
    ending: "whole",
  };
  const oddInOnePart = fc
    .tuple(odd, fc.constantFrom(...(Object.keys(allowed) as (keyof typeof allowed)[])))
    .map(([from, part]) => ({ ...allowed, [part]: from[part] }));
  const request = fc.oneof(odd, oddInOnePart);
  let answered = 0;
  await fc.assert(
    fc.asyncProperty(request, async ({ method, authority, path, scheme, headers, body, ending }) => {
      // Fifty frames that are no HTTP/2 at all end a channel: then the next one.
      if (bench.shim.session.destroyed) {
        await bench[Symbol.asyncDispose]();
        bench = await open();
      }
      // The poll for tasks answers after many seconds when there is none.
      const isPoll = method === "GET" && path === "/v1/task";
      const seenBefore = host.seen.length;
      const pseudo = { ":method": method, ":authority": authority };
      const target = method === "CONNECT" ? {} : { ":scheme": scheme, ":path": path };
      const sendable = Object.fromEntries(Object.entries(headers).filter(([name]) => !FORBIDDEN.has(name)));
      const stream = bench.shim.session.request({ ...sendable, ...pseudo, ...target }, { endStream: false });
      const end = new Promise<number | undefined>((resolve) => {
        let status: number | undefined;
        stream.on("response", (received) => {
          status = received[":status"];
        });
        stream.on("error", () => undefined);
        stream.resume().once("close", () => resolve(status));
      });
      if (ending === "early" || isPoll) stream.close(constants.NGHTTP2_CANCEL);
      else stream.end(body);
      if (ending === "reset") setImmediate(() => stream.close(constants.NGHTTP2_CANCEL));
      if ((await end) !== undefined) answered++;
      const fresh = host.seen.slice(seenBefore);
      const foreign = fresh.filter(({ headers, url, method }) => {
        return headers.host !== good || !/^\/v1\/[^/?]+$/.test(url) || !["GET", "POST"].includes(method);
      });
      expect(foreign).toEqual([]);
    }),
    { numRuns: 2_000 },
  );
  await bench[Symbol.asyncDispose]();
  expect(answered).toBeGreaterThan(500);
  expect(host.seen.length).toBeGreaterThan(100);
});

/** Node's client refuses to send these. */
const FORBIDDEN = new Set([
  "connection",
  "upgrade",
  "http2-settings",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "te",
]);
