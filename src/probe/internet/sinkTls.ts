import type { Socket } from "node:net";
import { type SecureContext, TLSSocket } from "node:tls";
import type { CertificateAuthority } from "../../egress/tunnel/authority.ts";

/** A certificate is made for each name; whoever is in the sandbox decides how many they are. */
const NAMES_MAX = 200;

/** Takes a connection that has begun to speak TLS, with what it has said so far, and gives what is said within. */
export type Within = (socket: Socket, said: Buffer) => Socket;

/** The server of every name, under `authority`: what a client of the simulated internet is told to trust. */
export function withinTls(authority: CertificateAuthority): Within {
  const names = new Set<string>();
  return (socket, said) => {
    // What is in its buffer is read first, and while it flows nothing stays there.
    socket.pause();
    socket.unshift(said);
    return new TLSSocket(socket, {
      isServer: true,
      SNICallback(name, done) {
        if (names.size >= NAMES_MAX && !names.has(name)) return done(new Error("more names than are signed for"));
        names.add(name);
        void show(authority, name, done);
      },
    });
  };
}

type Done = (error: Error | null, context?: SecureContext) => void;

async function show(authority: CertificateAuthority, name: string, done: Done): Promise<void> {
  let context: SecureContext;
  try {
    context = await authority.contextFor(name);
  } catch (thrown) {
    return done(thrown instanceof Error ? thrown : new Error(String(thrown)));
  }
  done(null, context);
}

/** RFC 8446, 5.1: the first byte of a record that holds a handshake. */
export function isTls(said: Buffer): boolean {
  return said[0] === 0x16;
}
