import { once } from "node:events";
import { duplexPair } from "node:stream";
import { connect } from "node:tls";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { helloFaultOf, readClientHello } from "../../../src/egress/tunnel/clientHello.ts";
import { peekGreeting } from "../../../src/egress/tunnel/peek.ts";
import { clientHello, inRecords, nameExtension } from "../../support/clientHello.ts";

describe("a greeting is read as it was written", () => {
  test("OpenSSL's own, however it is cut into records and whatever comes after it", async () => {
    const real = await opensslHello("api.example");
    expect(readClientHello(real)).toEqual({
      status: "whole",
      hello: { serverNames: ["api.example"], protocols: ["h2", "x"], isEncrypted: false },
    });
    const message = real.subarray(5);
    for (const size of [1, 3, 100, message.length - 1]) {
      const cut = inRecords(message, size);
      expect(readClientHello(Buffer.concat([cut, Buffer.from("more")]))).toMatchObject({ status: "whole" });
    }
    expect(readClientHello(await opensslHello(undefined))).toMatchObject({
      hello: { serverNames: [], protocols: ["h2", "x"] },
    });
  });

  test("each byte that is still to come is waited for", async () => {
    const real = await opensslHello("api.example");
    for (let length = 0; length < real.length; length++) {
      expect(readClientHello(real.subarray(0, length)), `${length} bytes`).toEqual({ status: "partial" });
    }
  });

  test.each([
    ["an SSH banner", Buffer.from("SSH-2.0-x\r\n"), "hello-not-tls"],
    ["plain HTTP", Buffer.from("GET / HTTP/1.1\r\n\r\n"), "hello-not-tls"],
    ["a record of SSL 2", Buffer.from([0x80, 0x2e, 1, 3, 1]), "hello-not-tls"],
    ["an alert first", Buffer.from([21, 3, 3, 0, 2, 2, 0]), "hello-not-tls"],
    ["another version's record", Buffer.from([22, 4, 1, 0, 9]), "hello-not-tls"],
    ["a record of no bytes", Buffer.from([22, 3, 1, 0, 0]), "hello-malformed"],
    ["a record that is too long", Buffer.from([22, 3, 1, 0x40, 1]), "hello-malformed"],
    ["another message", Buffer.from([22, 3, 1, 0, 4, 2, 0, 0, 0]), "hello-malformed"],
    ["an alert in between", Buffer.from([22, 3, 1, 0, 1, 1, 21, 3, 1, 0, 1, 0]), "hello-malformed"],
    ["a message of no bytes", Buffer.from([22, 3, 1, 0, 4, 1, 0, 0, 0]), "hello-malformed"],
    ["something behind the extensions", clientHello({ names: ["api.example"], behind: "x" }), "hello-malformed"],
    ["a name of another kind", clientHello({ extensions: [nameExtension(["api.example"], 1)] }), "hello-malformed"],
    [
      "a list that is longer than it says",
      clientHello({ extensions: [[0, Buffer.from([0, 1, 0, 0])]] }),
      "hello-malformed",
    ],
    [
      "a list of protocols that is longer than it says",
      clientHello({ names: ["api.example"], extensions: [[16, Buffer.from([0, 9, 2, 104, 50])]] }),
      "hello-malformed",
    ],
  ])("%s is refused", (_, bytes, reason) => {
    expect(readClientHello(bytes)).toEqual({ status: "refused", reason });
  });

  test("no bytes whatever make it throw (5,000 cases)", () => {
    const base = clientHello({ names: ["api.example"] });
    const changed = fc
      .array(fc.tuple(fc.nat(base.length - 1), fc.integer({ min: 0, max: 255 })), { maxLength: 6 })
      .map((changes) => {
        const copy = Buffer.from(base);
        for (const [at, value] of changes) copy[at] = value;
        return copy;
      });
    const any = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes));
    fc.assert(
      fc.property(fc.oneof(changed, any), (bytes) => {
        expect(["whole", "partial", "refused"]).toContain(readClientHello(bytes).status);
      }),
      { numRuns: 5_000 },
    );
  });
});

describe("only a greeting that names the rule's host, and hides nothing, is one for a tunnel", () => {
  const ech = [0xfe0d, Buffer.alloc(40)] as const;
  test.each([
    [{ names: ["api.example"] }, undefined],
    [{ names: ["API.Example"] }, undefined],
    [{ names: [] }, "hello-no-name"],
    [{ names: ["evil.example"] }, "hello-name-differs"],
    [{ names: ["api.example."] }, "hello-name-differs"],
    [{ names: ["api.example\0.evil.example"] }, "hello-name-differs"],
    [{ names: ["x.api.example"] }, "hello-name-differs"],
    [{ names: ["api.example", "evil.example"] }, "hello-names"],
    [{ names: ["api.example", "api.example"] }, "hello-names"],
    [{ extensions: [nameExtension(["api.example"]), nameExtension(["evil.example"])] }, "hello-names"],
    [{ names: ["api.example"], extensions: [ech] }, "hello-encrypted"],
    [{ names: ["api.example"], extensions: [[0xffce, Buffer.alloc(9)] as const] }, "hello-encrypted"],
  ])("%j: %s", (parts, fault) => {
    const peeked = readClientHello(clientHello(parts));
    if (peeked.status !== "whole") throw new Error(peeked.status);
    expect(helloFaultOf(peeked.hello, "api.example")).toBe(fault);
  });
});

describe("the peek takes nothing away", () => {
  test("what was read is still there, with what came behind it", async () => {
    const [far, near] = duplexPair();
    const hello = clientHello({ names: ["api.example"] });
    const sent = Buffer.concat([hello, Buffer.from("and more")]);
    const greeting = peekGreeting(near, 5_000);
    far.write(sent.subarray(0, 20));
    far.end(sent.subarray(20));
    expect(await greeting).toMatchObject({ status: "greeted", hello: { serverNames: ["api.example"] } });
    const chunks: Buffer[] = [];
    for await (const chunk of near) chunks.push(chunk as Buffer);
    expect(Buffer.concat(chunks)).toEqual(sent);
  });

  test("a drip is given up on at the deadline, a flood at 16 KiB, an end at once", async () => {
    const hello = clientHello({ names: ["api.example"], extensions: [[0x1234, Buffer.alloc(20_000)]] });
    const [drip, dripped] = duplexPair();
    drip.write(hello.subarray(0, 30));
    expect(await peekGreeting(dripped, 50)).toMatchObject({ status: "refused", reason: "hello-too-slow" });
    const [flood, flooded] = duplexPair();
    flood.write(hello);
    expect(await peekGreeting(flooded, 5_000)).toMatchObject({ status: "refused", reason: "hello-too-long" });
    const [early, left] = duplexPair();
    early.end(hello.subarray(0, 30));
    expect(await peekGreeting(left, 5_000)).toMatchObject({ status: "refused", reason: "hello-broken-off" });
  });
});

async function opensslHello(servername: string | undefined): Promise<Buffer> {
  const [client, server] = duplexPair();
  const socket = connect({
    socket: client,
    ALPNProtocols: ["h2", "x"],
    ...(servername === undefined ? {} : { servername }),
  });
  socket.on("error", () => undefined);
  const [bytes] = (await once(server, "data")) as [Buffer];
  socket.destroy();
  return bytes;
}
