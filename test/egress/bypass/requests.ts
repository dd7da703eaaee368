import type { Attempt, BypassCase } from "./case.ts";
import type { Door } from "./door.ts";
import { isElsewhere, plainControl } from "./names.ts";
import { ADDRESS, API, EVIL, RATED } from "./places.ts";
import { askWithin, bothWays, tunnelControl } from "./tls.ts";
import type { Sighting } from "./world.ts";

/** What is asked of an allowed host: method, path, form, credentials, volume. */
const HOST = `http://${API}`;
const isSmuggled = ({ request, text }: Sighting) =>
  request !== null && (request.url.startsWith("/admin/") || text.includes(EVIL));

const raw = (
  name: string,
  bytes: (mark: string) => string,
  isThrough: Attempt["isThrough"] = isSmuggled,
): Attempt => ({
  name,
  run: async (door, mark) => void (await door.raw(bytes(mark))),
  isThrough: isThrough ?? isSmuggled,
});
const post = (headers: string, body: (mark: string) => string) => (mark: string) =>
  `POST ${HOST}/v1/smuggle HTTP/1.1\r\nhost: ${API}\r\n${headers}\r\n\r\n${body(mark)}`;
const inner = (mark: string) => `GET /admin/${mark} HTTP/1.1\r\nhost: ${API}\r\n\r\n`;

const isOffPath = ({ request }: Sighting) => request !== null && !/^\/v1\/[A-Za-z0-9-]+(?:\?|$)/.test(request.url);

const followed = (kind: string): Attempt => ({
  name: `a redirect to ${kind}, followed by whoever follows it`,
  run: (door, mark) => follow(door, `/v1/redirect-${kind}-${mark}`),
  isThrough: isElsewhere,
});

/** As a client does that follows: the new place is one more request to the proxy. */
async function follow(door: Door, path: string): Promise<void> {
  const { text } = await door.ask({ authority: API, path });
  const location = /^location: (\S+)/im.exec(text)?.[1];
  if (location === undefined) return;
  const url = new URL(location);
  await door.ask({ authority: url.host, path: url.pathname });
}

const key = (mark: string) => `key-${mark}`;
const credential = (name: string) =>
  bothWays(
    `somebody else's key in ${name}`,
    (mark) => ({ authority: API, path: "/v1/files", headers: { [name]: key(mark) } }),
    ({ text }) => text.includes("key-"),
  );
const LONG = 50_000;
const ratedOf = ({ name }: Door) => (name === "channel" ? RATED.channel : RATED.proxy);

export const REQUEST_CASES: readonly BypassCase[] = [
  {
    number: 9,
    name: "redirects",
    why: "the allowed host says where to go next",
    needs: [],
    allowed: [
      {
        name: "a redirect within the allowed host can be followed",
        run: (door, mark) => follow(door, `/v1/redirect-api-${mark}`),
        isPassed: ({ request, place }) => place === ADDRESS.api && request?.url.startsWith("/v1/followed-") === true,
      },
    ],
    attempts: [followed("evil"), followed("inside")],
  },
  {
    number: 11,
    name: "request smuggling",
    why: "two readers of one connection see two requests",
    needs: [],
    allowed: [
      {
        name: "a chunked body arrives",
        run: async (door, mark) => {
          const head = `POST ${HOST}/v1/x HTTP/1.1\r\nhost: ${API}\r\ntransfer-encoding: chunked\r\nconnection: close`;
          await door.raw(`${head}\r\n\r\n${mark.length.toString(16)}\r\n${mark}\r\n0\r\n\r\n`);
        },
        isPassed: ({ request }) => request?.body !== undefined && request.body !== "",
      },
    ],
    attempts: [
      raw(
        "both lengths",
        post("content-length: 4\r\ntransfer-encoding: chunked", (m) => `0\r\n\r\n${inner(m)}`),
      ),
      raw("two lengths", post("content-length: 0\r\ncontent-length: 90", inner)),
      raw(
        "two codings",
        post("transfer-encoding: chunked\r\ntransfer-encoding: identity", (m) => `0\r\n\r\n${inner(m)}`),
      ),
      raw(
        "an unknown coding",
        post("transfer-encoding: xchunked\r\ncontent-length: 4", (m) => `0\r\n\r\n${inner(m)}`),
      ),
      raw("a space before the colon", post("content-length : 90\r\ncontent-length: 0", inner)),
      raw("a folded line", post("x: y\r\n content-length: 0\r\ncontent-length: 90", inner)),
      raw("a bare line feed", post("x: y\ncontent-length: 0", inner)),
      raw(
        "a negative chunk",
        post("transfer-encoding: chunked", (m) => `-1\r\n${inner(m)}`),
      ),
      raw(
        "an odd chunk size",
        post("transfer-encoding: chunked", (m) => `0x0\r\n\r\n${inner(m)}`),
      ),
      raw(
        "a body on GET",
        (m) => `GET ${HOST}/v1/x HTTP/1.1\r\nhost: ${API}\r\ncontent-length: 0\r\n\r\n${inner(m)}`,
      ),
      raw(
        "two Hosts",
        (m) => `GET ${HOST}/v1/${m} HTTP/1.1\r\nhost: ${API}\r\nhost: ${EVIL}\r\nconnection: close\r\n\r\n`,
      ),
      raw(
        "a Host that differs from the URL",
        (m) => `GET ${HOST}/v1/${m} HTTP/1.1\r\nhost: ${EVIL}\r\nconnection: close\r\n\r\n`,
      ),
      raw(
        "h2c",
        (m) =>
          `GET ${HOST}/v1/${m} HTTP/1.1\r\nhost: ${API}\r\nconnection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n\r\n`,
        ({ request }) => request?.headers.upgrade !== undefined,
      ),
    ],
  },
  {
    number: 14,
    name: "an allowed host used for something else",
    why: "a host that takes uploads is a way out for whoever has an account there",
    needs: [],
    allowed: [plainControl(), tunnelControl()],
    attempts: [
      ...bothWays("another method", (mark) => ({ method: "DELETE", authority: API, path: `/v1/${mark}` })),
      ...bothWays("another path", (mark) => ({ authority: API, path: `/admin/${mark}` })),
      ...bothWays("another query key", (mark) => ({ authority: API, path: `/v1/x?out=${mark}` })),
      ...["authorization", "x-api-key", "cookie"].flatMap(credential),
    ],
  },
  {
    number: 15,
    name: "volume, and a slow drip",
    why: "what may not go out at once goes out in pieces",
    needs: [],
    allowed: [
      plainControl(),
      tunnelControl(),
      {
        name: "a first request under the rule that counts arrives",
        run: async (door, mark) => void (await door.ask({ authority: ratedOf(door), path: `/v1/${mark}` })),
        isPassed: ({ by, place }) => by === "request" && place === ADDRESS.api,
        isOnce: true,
      },
    ],
    attempts: [
      ...bothWays(
        "a body that is longer than the rule allows",
        (mark) => ({ method: "POST", authority: API, path: `/v1/${mark}`, body: mark + "u".repeat(LONG) }),
        ({ request }) => request !== null,
      ),
      {
        name: "an answer that is longer than the rule allows",
        async run(door, mark) {
          const { text } = await door.ask({ authority: API, path: `/v1/big-${mark}` });
          return text.length > 290_000 ? "through" : undefined;
        },
        isThrough: () => false,
      },
      {
        name: "an answer that is longer than the rule allows, in a tunnel",
        async run(door, mark) {
          const request = { authority: API, path: `/v1/big-${mark}` };
          const { text } = await askWithin(door, { to: `${API}:443`, serverName: API, request });
          return text.length > 290_000 ? "through" : undefined;
        },
        isThrough: () => false,
      },
      {
        name: "twenty small requests where the rule allows five",
        async run(door, mark) {
          for (let i = 0; i < 20; i++) await door.ask({ authority: ratedOf(door), path: `/v1/${mark}-drip${i}` });
        },
        isThrough: ({ request }) => /-drip(?:[6-9]|1\d)$/.test(request?.url ?? ""),
      },
    ],
  },
  {
    number: 17,
    name: "tricks in the path",
    why: "the server behind reads another path than the rule did",
    needs: [],
    allowed: [plainControl(), tunnelControl()],
    attempts: [
      "/v1/../admin/",
      "/v1/%2e%2e/admin/",
      "/v1/..%2fadmin%2f",
      "/v1/x/..;/../admin/",
      "/v1//admin/",
      "//v1/",
      "/v1/%00",
      "/v1/%252e%252e%252fadmin%252f",
      "/v1/..\\admin\\",
      "/v1/%5c..%5cadmin%5c",
      "/./v1/",
      "/V1/",
      "/v1/x;p=",
    ].flatMap((path) => bothWays(path, (mark) => ({ authority: API, path: `${path}${mark}` }), isOffPath)),
  },
  {
    number: 22,
    name: "forged log lines",
    why: "who reads the log sees what did not happen, or does not see what did",
    needs: [],
    allowed: [
      {
        name: "an allowed request stands in the log",
        async run(door, mark, bench) {
          await door.ask({ authority: API, path: `/v1/${mark}` });
          await new Promise((resolve) => setTimeout(resolve, 200));
          if (!bench.log().includes(mark)) throw new Error("an allowed request is not in the log");
          if (bench.forgedLines().some((line) => line.includes(mark))) throw new Error("its line counts as forged");
        },
        isPassed: ({ by }) => by === "request",
      },
    ],
    attempts: [
      ["a line feed in the path", (m: string) => `/v1/x%0aFORGED-${m}%0d%0aFORGED-${m}`, {}],
      ["a quote in the path", (m: string) => `/v1/x"%22},{"FORGED-${m}":"`, {}],
      ["a terminal's escapes in the path", (m: string) => `/v1/\u001b[2J\u001b[1A${m}`, {}],
      [
        "a terminal's escapes in a header",
        (m: string) => `/v1/${m}`,
        { "user-agent": "a\u001b[2Kb", referer: "\u009b2K" },
      ],
      ["letters that turn the line round", (m: string) => `/v1/\u202e${m}\u2066`, { "user-agent": "\u202egnihton" }],
    ].map(([name, path, headers]) => ({
      name: name as string,
      async run(door: Door, mark: string, bench: Parameters<Attempt["run"]>[2]) {
        await door.ask({
          authority: API,
          path: (path as (mark: string) => string)(mark),
          headers: headers as Record<string, string>,
        });
        await new Promise((resolve) => setTimeout(resolve, 100));
        return bench.forgedLines().some((line) => line.includes(mark)) ? ("through" as const) : undefined;
      },
      isThrough: () => false,
    })),
  },
];
