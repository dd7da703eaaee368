import { createServer, type Server, type Socket } from "node:net";
import { z } from "zod";
import type { Role } from "../sandbox/sandbox.ts";
import { jsonOf } from "./body.ts";

/**
 * The gateway process's door: a Unix socket in the run directory. Whoever comes in says in one line of JSON which sandbox
 * it brings and shows the token that CONTROL announced for it; then the raw bytes of the sandbox follow. Any other word and
 * the connection is gone without an answer.
 */
export const Ticket = z.strictObject({
  token: z.string().length(64),
  sandbox: z.string().min(1).max(200),
  role: z.enum(["target", "lab", "scratch"]),
});
export type Ticket = z.infer<typeof Ticket>;

type Door = {
  server: Server;
  /** Opens the door once for this ticket, for ADMIT_MS. */
  announce(ticket: Ticket): void;
};

const ADMIT_MS = 5_000;
const LINE_BYTES_MAX = 1_024;
const STRANGERS_MAX = 32;

export function openDoor(admit: (socket: Socket, sandbox: string, role: Role) => void): Door {
  const awaited = new Map<string, Ticket>();
  const server = createServer({ allowHalfOpen: false }, (socket) => {
    // The other end is CONTROL; when it breaks, the sandbox's channel is gone, and that is seen where it is served.
    socket.on("error", () => socket.destroy());
    readLine(socket, (line) => {
      const ticket = Ticket.safeParse(jsonOf(line)).data;
      const known = ticket === undefined ? undefined : awaited.get(ticket.token);
      if (ticket === undefined || known?.sandbox !== ticket.sandbox || known.role !== ticket.role)
        return socket.destroy();
      awaited.delete(ticket.token);
      admit(socket, known.sandbox, known.role);
    });
  });
  server.maxConnections = STRANGERS_MAX;
  return {
    server,
    announce(ticket) {
      awaited.set(ticket.token, ticket);
      setTimeout(() => awaited.delete(ticket.token), ADMIT_MS).unref();
    },
  };
}

/** Hands on the bytes before the first newline and puts back what follows it; a peer that writes none in time is cut off. */
function readLine(socket: Socket, take: (line: Buffer) => void): void {
  let held = Buffer.alloc(0);
  const late = setTimeout(() => socket.destroy(), ADMIT_MS);
  const onData = (chunk: Buffer) => {
    held = Buffer.concat([held, chunk]);
    const end = held.indexOf(0x0a);
    if (end < 0 && held.length <= LINE_BYTES_MAX) return;
    clearTimeout(late);
    socket.off("data", onData);
    if (end < 0 || end > LINE_BYTES_MAX) return void socket.destroy();
    socket.pause();
    if (held.length > end + 1) socket.unshift(held.subarray(end + 1));
    take(held.subarray(0, end));
  };
  socket.on("data", onData).once("close", () => clearTimeout(late));
}
