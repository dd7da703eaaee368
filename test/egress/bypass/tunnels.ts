import type { Attempt, BypassCase } from "./case.ts";
import { plainControl } from "./names.ts";
import { ADDRESS, API, EVIL, SPLICED } from "./places.ts";
import { askWithin, bothWays, greetingWithEch, keptOpen, tunnelControl, type Within } from "./tls.ts";

/** What is in a tunnel, once it is open. */
const within = (name: string, of: (mark: string) => Within, isThrough?: Attempt["isThrough"]): Attempt => ({
  name,
  run: async (door, mark) => void (await askWithin(door, of(mark))),
  ...(isThrough === undefined ? {} : { isThrough }),
});

const named = (host: string, serverName: string) =>
  within(
    `a tunnel to ${host} with ${serverName === "" ? "no name" : `the name ${serverName}`} in the greeting`,
    (mark) => ({ to: `${host}:443`, serverName, request: { authority: host, path: `/v1/${mark}` } }),
    ({ request }) => request?.serverName !== host,
  );

const bytesIn = (name: string, host: string, bytes: (mark: string) => Promise<Buffer> | Buffer): Attempt => ({
  name,
  async run(door, mark) {
    const tunnel = await door.tunnel(`${host}:443`);
    if (tunnel.status === "refused") return;
    tunnel.stream.on("error", () => undefined).resume();
    tunnel.stream.write(await bytes(mark));
    await new Promise((resolve) => {
      const timer = setTimeout(resolve, 300);
      tunnel.stream.once("close", () => {
        clearTimeout(timer);
        resolve(undefined);
      });
    });
    tunnel.stream.destroy();
  },
});

const fronted = (name: string, authority: string, path: (mark: string) => string) =>
  within(
    name,
    (mark) => ({ to: `${API}:443`, serverName: API, request: { authority, path: path(mark) } }),
    ({ request }) => request !== null && (request.headers.host !== API || !request.url.startsWith("/v1/")),
  );

export const TUNNEL_CASES: readonly BypassCase[] = [
  {
    number: 6,
    name: "a greeting that names another host than the tunnel",
    why: "the front of many hosts goes by the greeting's name, and the rule went by the tunnel's",
    needs: [],
    allowed: [tunnelControl(), tunnelControl(SPLICED)],
    attempts: [API, SPLICED].flatMap((host) => [
      named(host, EVIL),
      named(host, ""),
      named(host, `${host}.${EVIL}`),
      named(host, `a.${host}`),
    ]),
  },
  {
    number: 7,
    name: "an inner host that differs (domain fronting)",
    why: "the front of many hosts goes by the inner name",
    needs: [],
    allowed: [tunnelControl()],
    attempts: [
      fronted("another Host", EVIL, (mark) => `/v1/${mark}`),
      fronted("another port in Host", `${API}:8443`, (mark) => `/v1/${mark}`),
      fronted("a whole URL of another host", API, (mark) => `https://${EVIL}/v1/${mark}`),
      within(
        "two Hosts",
        (mark) => ({
          to: `${API}:443`,
          serverName: API,
          request: { authority: API, path: `/v1/${mark}`, headers: { Host: EVIL } },
        }),
        ({ text }) => text.includes(EVIL),
      ),
      within(
        "another host in X-Forwarded-Host",
        (mark) => ({
          to: `${API}:443`,
          serverName: API,
          request: { authority: API, path: `/v1/${mark}`, headers: { "x-forwarded-host": EVIL } },
        }),
        ({ text }) => text.includes(EVIL),
      ),
    ],
  },
  {
    number: 8,
    name: "an encrypted greeting (ECH)",
    why: "the real name is in a part that only the far end can read",
    needs: [],
    allowed: [tunnelControl(), tunnelControl(SPLICED)],
    attempts: [API, SPLICED].map((host) => bytesIn(`to ${host}`, host, (mark) => greetingWithEch(host, mark))),
  },
  {
    number: 13,
    name: "a WebSocket",
    why: "after the upgrade there are frames both ways, and no request to decide about",
    needs: [],
    allowed: [plainControl(), tunnelControl()],
    attempts: bothWays(
      "an upgrade of an allowed request",
      (mark) => ({
        authority: API,
        path: `/v1/${mark}`,
        headers: {
          connection: "Upgrade",
          upgrade: "websocket",
          "sec-websocket-version": "13",
          "sec-websocket-key": Buffer.from(mark.slice(0, 16)).toString("base64"),
        },
      }),
      ({ request }) => request?.headers.upgrade !== undefined,
    ),
  },
  {
    number: 16,
    name: "something else than TLS in a tunnel",
    why: "a tunnel is a way for any protocol, SSH first of all",
    needs: [],
    allowed: [tunnelControl(), tunnelControl(SPLICED)],
    attempts: [API, SPLICED].flatMap((host) => [
      bytesIn(`SSH to ${host}`, host, (mark) => Buffer.from(`SSH-2.0-${mark}\r\n`)),
      bytesIn(`HTTP without TLS to ${host}`, host, (mark) => Buffer.from(`GET /v1/${mark} HTTP/1.1\r\n\r\n`)),
      bytesIn(`a broken greeting to ${host}`, host, (mark) =>
        Buffer.concat([Buffer.from([0x16, 3, 1, 0, 60, 1, 0, 0, 56]), Buffer.from(mark.repeat(4))]),
      ),
    ]),
  },
  {
    number: 23,
    name: "a tunnel that outlives its permission",
    why: "what was decided once goes on when nobody would decide it so any more",
    needs: ["withdrawal"],
    allowed: [tunnelControl()],
    attempts: [
      {
        name: "a second request in a tunnel that was open before",
        async run(door, mark, { withdraw }) {
          const ask = await keptOpen(door);
          if (ask === null) throw new TypeError("the control's tunnel opened, and this one did not");
          await ask(`/v1/before`);
          await withdraw?.();
          const again = await door.tunnel(`${API}:443`);
          if (again.status === "open") throw new TypeError("a new tunnel is still let in: nothing was taken back");
          await ask(`/v1/${mark}`);
        },
        isThrough: ({ place }) => place === ADDRESS.api,
      },
    ],
  },
];
