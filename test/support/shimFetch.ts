import { once } from "node:events";
import type { IncomingHttpHeaders } from "node:http2";
import { Readable } from "node:stream";
import type { FakeShim } from "./fakeShim.ts";

const OF_THE_HOP = ["connection", "content-length", "host", "transfer-encoding"];

/** The `fetch` that a vendor's SDK is given in a test: over the channel, streaming both ways, as a program in the sandbox would. */
export function fetchThrough(shim: FakeShim): typeof fetch {
  return async (input, init) => {
    const url = new URL(input instanceof Request ? input.url : input);
    const headers = Object.fromEntries(new Headers(init?.headers));
    for (const name of OF_THE_HOP) delete headers[name];
    const stream = shim.session.request({
      ":method": init?.method ?? "GET",
      ":scheme": "http",
      ":authority": url.host,
      ":path": `${url.pathname}${url.search}`,
      ...headers,
    });
    init?.signal?.addEventListener("abort", () => stream.close());
    stream.end(typeof init?.body === "string" ? init.body : "");
    const [answer] = (await once(stream, "response")) as [IncomingHttpHeaders & { ":status": number }];
    const { ":status": status, ...rest } = answer;
    const pairs = Object.entries(rest).map(([name, value]): [string, string] => [name, String(value)]);
    return new Response(Readable.toWeb(stream) as ReadableStream, { status, headers: pairs });
  };
}
