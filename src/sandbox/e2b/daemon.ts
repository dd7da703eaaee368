import { type ClientRequest, Agent as HttpAgent, request as httpRequest, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { text } from "node:stream/consumers";
import { OperatorError } from "../../base/errors.ts";

/** A virtual machine of E2B's that runs, and what it takes to speak to the daemon in it (envd). */
export type Machine = {
  id: string;
  /** Of the daemon, without a slash at the end. */
  url: string;
  /** Both are secrets of this machine alone. */
  accessToken?: string | undefined;
  trafficToken?: string | undefined;
};

/** One connection for the output, others for input: what is written must not wait for what is read. */
export type Daemon = {
  call(path: string, options: CallOptions): { outgoing: ClientRequest; answer: Promise<IncomingMessage> };
  /** One message there and one back. Throws OperatorError when the daemon refuses. */
  unary(path: string, message: unknown, signal?: AbortSignal): Promise<void>;
  close(): void;
};

export type CallOptions = { headers: Record<string, string | number>; signal?: AbortSignal };

const DAEMON_PORT = 49_983;
const ANSWER_CHARS_MAX = 500;

/** Each call names its machine in headers, so that one address can stand for all of them (a self-hosted cluster, a test). */
export function openDaemon(machine: Machine): Daemon {
  const isSecure = machine.url.startsWith("https:");
  const agent = isSecure ? new HttpsAgent({ keepAlive: true }) : new HttpAgent({ keepAlive: true });
  const own = {
    "e2b-sandbox-id": machine.id,
    "e2b-sandbox-port": DAEMON_PORT,
    ...(machine.accessToken === undefined ? {} : { "x-access-token": machine.accessToken }),
    ...(machine.trafficToken === undefined ? {} : { "e2b-traffic-access-token": machine.trafficToken }),
  };
  const call: Daemon["call"] = (path, { headers, signal }) => {
    const options = {
      method: "POST",
      agent,
      headers: { ...own, ...headers },
      ...(signal === undefined ? {} : { signal }),
    };
    const send = isSecure ? httpsRequest : httpRequest;
    const outgoing = send(new URL(path, machine.url), options);
    // Many small writes, each of which somebody waits for.
    outgoing.setNoDelay(true);
    const answer = new Promise<IncomingMessage>((resolve, reject) => {
      outgoing.once("response", resolve);
      outgoing.on("error", reject);
    });
    return { outgoing, answer };
  };
  return {
    call,
    async unary(path, message, signal) {
      const { outgoing, answer } = call(path, {
        headers: { "content-type": "application/json", "connect-protocol-version": "1" },
        ...(signal === undefined ? {} : { signal }),
      });
      outgoing.end(JSON.stringify(message));
      await accepted(await answer, path);
    },
    close: () => agent.destroy(),
  };
}

/** Reads the answer to its end, so that its connection is free for the next. Throws OperatorError for any status but 2xx. */
export async function accepted(answer: IncomingMessage, what: string): Promise<string> {
  const body = await text(answer);
  const status = answer.statusCode ?? 0;
  if (status >= 200 && status < 300) return body;
  // 502 is what E2B's proxy says of a machine that is gone.
  const hint =
    status === 502 ? "its machine is gone: its lease ran out, or somebody killed it" : "see E2B's status page";
  throw new OperatorError(`E2B's daemon answered ${status} to ${what}: ${body.slice(0, ANSWER_CHARS_MAX)}`, hint);
}
