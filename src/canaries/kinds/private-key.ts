import { generateKeyPairSync, type KeyObject } from "node:crypto";
import type { Draw, Kind } from "./kind.ts";
import { openssh } from "./openssh.ts";
import { sameShape } from "./shapes.ts";

const FORM = /^-----BEGIN ((?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?)-----\r?\n[^]*?\r?\n-----END \1-----\r?\n?$/;

/**
 * A private key in PEM. A fake is a real key of the same type, made now and never used, so that a tool which parses it
 * goes on. Encrypted keys, PGP blocks and types that we cannot make keep their frame and get random characters.
 */
export const privateKey: Kind = {
  name: "private-key",
  code: 60,
  form: FORM,
  shape: `-----BEGIN PRIVATE KEY-----\n${"A".repeat(64)}\n-----END PRIVATE KEY-----\n`,
  make(original, draw) {
    const newline = original.includes("\r\n") ? "\r\n" : "\n";
    const made = sameTypeOfKey(FORM.exec(original)?.[1] ?? "", original, draw) ?? randomBody(original, draw);
    const trimmed = made.replaceAll("\r\n", "\n").trimEnd() + (original.endsWith("\n") ? "\n" : "");
    return trimmed.replaceAll("\n", newline);
  },
};

/** undefined when a key of this type cannot be made. */
function sameTypeOfKey(label: string, original: string, draw: Draw): string | undefined {
  if (/ENCRYPTED/.test(original)) return undefined;
  const bodyLength = original.length;
  switch (label) {
    case "RSA PRIVATE KEY":
      return text(rsa(bodyLength).export({ type: "pkcs1", format: "pem" }));
    case "EC PRIVATE KEY":
      return text(ec().export({ type: "sec1", format: "pem" }));
    case "PRIVATE KEY":
      return text(pkcs8(bodyLength).export({ type: "pkcs8", format: "pem" }));
    case "OPENSSH PRIVATE KEY":
      return openssh(original, () => rsa(bodyLength), ed25519, draw);
    default:
      return undefined;
  }
}

/** A PKCS#8 Ed25519 key is 119 characters long, one on P-256 about 240, RSA from 900 on. */
function pkcs8(length: number): KeyObject {
  if (length < 160) return ed25519();
  return length < 500 ? ec() : rsa(length);
}

function ed25519(): KeyObject {
  return generateKeyPairSync("ed25519").privateKey;
}

function ec(): KeyObject {
  return generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
}

/** Not above 2048 bits, which takes 0.1 s; one of 4096 takes seconds and tells a reader no more. */
function rsa(length: number): KeyObject {
  return generateKeyPairSync("rsa", { modulusLength: length < 1000 ? 1024 : 2048 }).privateKey;
}

function text(exported: string | Buffer): string {
  return exported.toString();
}

function randomBody(original: string, draw: Draw): string {
  return original.replaceAll(/^[A-Za-z0-9+/=]{16,}\r?$/gm, (line) => sameShape(line, draw));
}
