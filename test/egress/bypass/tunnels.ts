import type { Attempt, BypassCase, Withdrawal } from "./case.ts";
import type { Door } from "./door.ts";
import { plainControl } from "./names.ts";
import { ADDRESS, API, EVIL, SOCKETS, SPLICED } from "./places.ts";
import {
  askWithin,
  askWithinHttp2,
  bothWays,
  greetingWithEch,
  http2Control,
  keptOpen,
  tunnelControl,
  type Within,
} from "./tls.ts";
import type { Sighting } from "./world.ts";

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

/** What the greeting, `:authority` and Host say; whoever is not named is not there. */
const frontedHttp2 = (name: string, serverName: string, headers: Readonly<Record<string, string>>): Attempt => ({
  name: `${name}, over HTTP/2`,
  run: async (door, mark) =>
    void (await askWithinHttp2(door, { to: `${API}:443`, serverName }, { ":path": `/v1/${mark}`, ...headers })),
  isThrough: ({ request, text }) =>
    request !== null && (text.includes(EVIL) || request.headers.host !== API || request.serverName !== API),
});

const upgradeHeaders = (mark: string) => ({
  connection: "Upgrade",
  upgrade: "websocket",
  "sec-websocket-version": "13",
  "sec-websocket-key": Buffer.from(mark.slice(0, 16)).toString("base64"),
});
const isUpgraded = ({ request }: Sighting) => request?.headers.upgrade !== undefined;

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
    allowed: [tunnelControl(), http2Control()],
    attempts: [
      frontedHttp2("another :authority", API, { ":authority": EVIL }),
      frontedHttp2("another port in :authority", API, { ":authority": `${API}:8443` }),
      frontedHttp2("another Host beside :authority", API, { ":authority": API, host: EVIL }),
      frontedHttp2("another Host and no :authority", API, { host: EVIL }),
      frontedHttp2("another name in the greeting", EVIL, { ":authority": API }),
      frontedHttp2("another name in the greeting and in :authority", EVIL, { ":authority": EVIL }),
      frontedHttp2("another name in the greeting and in Host", EVIL, { ":authority": API, host: EVIL }),
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
    allowed: [
      plainControl(),
      tunnelControl(),
      {
        name: "one that a rule names arrives",
        async run(door, mark) {
          const request = { authority: SOCKETS, path: `/v1/${mark}`, headers: upgradeHeaders(mark) };
          await askWithin(door, { to: `${SOCKETS}:443`, serverName: SOCKETS, request });
        },
        isPassed: isUpgraded,
      },
    ],
    attempts: [
      ...bothWays(
        "an upgrade of an allowed request",
        (mark) => ({ authority: API, path: `/v1/${mark}`, headers: upgradeHeaders(mark) }),
        isUpgraded,
      ),
      within(
        "an upgrade to another path of a host that may have one",
        (mark) => ({
          to: `${SOCKETS}:443`,
          serverName: SOCKETS,
          request: { authority: SOCKETS, path: `/admin/${mark}`, headers: upgradeHeaders(mark) },
        }),
        isUpgraded,
      ),
      within(
        "an upgrade to another protocol there",
        (mark) => ({
          to: `${SOCKETS}:443`,
          serverName: SOCKETS,
          request: {
            authority: SOCKETS,
            path: `/v1/${mark}`,
            headers: { ...upgradeHeaders(mark), upgrade: "other" },
          },
        }),
        isUpgraded,
      ),
    ],
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
    allowed: [tunnelControl(), tunnelControl(SPLICED)],
    attempts: [
      {
        name: "a second request in a tunnel that was open before",
        async run(door, mark, { withdrawals }) {
          for (const withdrawal of withdrawals) await outlive(door, mark, withdrawal);
        },
        isThrough: ({ place }) => place === ADDRESS.api,
      },
    ],
  },
];

/** Opens, takes back, asks again; and where it can be given back, an open tunnel and a new one carry requests again. */
async function outlive(door: Door, mark: string, { name, take, giveBack }: Withdrawal): Promise<void> {
  const hosts = [API, SPLICED];
  const open = await Promise.all(hosts.map((host) => opened(door, host)));
  for (const ask of open) if ((await ask("/v1/before")) !== 200) throw new TypeError(`before ${name} nothing passes`);
  await take();
  for (const host of hosts) {
    const again = await door.tunnel(`${host}:443`);
    if (again.status === "open") throw new TypeError(`a new tunnel is let in after ${name}: nothing was taken back`);
  }
  for (const ask of open) await ask(`/v1/${mark}-after-${name.replaceAll(" ", "-")}`);
  if (giveBack === null) return;
  await giveBack();
  for (const host of hosts) {
    const code = await (await opened(door, host))("/v1/given-back");
    if (code !== 200) throw new TypeError(`what ${name} took was given back, and ${code} was answered`);
  }
}

async function opened(door: Door, host: string): Promise<(path: string) => Promise<number>> {
  const ask = await keptOpen(door, host);
  if (ask === null) throw new TypeError(`no tunnel to ${host} opens`);
  return ask;
}
