import type { KeyObject } from "node:crypto";
import type { Draw } from "./kind.ts";

/**
 * OpenSSH's own key file (PROTOCOL.key): magic, cipher and KDF "none", one public key, then the private part with two
 * equal check integers, the comment and padding 1, 2, 3… Only Ed25519 and RSA without a passphrase; undefined for others.
 */
export function openssh(
  original: string,
  rsa: () => KeyObject,
  ed25519: () => KeyObject,
  draw: Draw,
): string | undefined {
  const body = Buffer.from(original.replaceAll(/-----[^-]+-----|\s/g, ""), "base64");
  if (!body.subarray(0, 15).equals(MAGIC) || body.toString("latin1", 19, 23) !== "none") return undefined;
  const head = body.toString("latin1");
  if (head.includes("ssh-ed25519")) return frame(ed25519Parts(ed25519()), draw);
  if (head.includes("ssh-rsa")) return frame(rsaParts(rsa()), draw);
  return undefined;
}

/** The public half of such a file as it stands in a `.pub` file, base64; undefined when it is no such file. */
export function opensshPublic(pem: string): string | undefined {
  if (!pem.startsWith("-----BEGIN OPENSSH PRIVATE KEY-----")) return undefined;
  const body = Buffer.from(pem.replaceAll(/-----[^-]+-----|\s/g, ""), "base64");
  let at = MAGIC.length;
  // Cipher, KDF and its options stand before the number of keys.
  for (let field = 0; field < 3 && at + 4 <= body.length; field++) at += 4 + body.readUInt32BE(at);
  at += 4;
  if (at + 4 > body.length) return undefined;
  const blob = body.subarray(at + 4, at + 4 + body.readUInt32BE(at));
  return blob.length < 32 ? undefined : blob.toString("base64");
}

const MAGIC = Buffer.from("openssh-key-v1\0", "latin1");

type Parts = { publicKey: Buffer; privateFields: Buffer };

function frame(parts: Parts, draw: Draw): string {
  const check = Buffer.alloc(4);
  check.writeUInt32BE(draw.below(2 ** 32));
  const unpadded = Buffer.concat([
    check,
    check,
    parts.privateFields,
    string(Buffer.from(`dev@${draw.chars("abcdefghkmnpqrst", 8)}`)),
  ]);
  const padding = Buffer.from([1, 2, 3, 4, 5, 6, 7].slice(0, (8 - (unpadded.length % 8)) % 8));
  const one = Buffer.from([0, 0, 0, 1]);
  const none = string(Buffer.from("none"));
  const file = [
    MAGIC,
    none,
    none,
    string(Buffer.alloc(0)),
    one,
    string(parts.publicKey),
    string(Buffer.concat([unpadded, padding])),
  ];
  const lines =
    Buffer.concat(file)
      .toString("base64")
      .match(/.{1,70}/g) ?? [];
  return ["-----BEGIN OPENSSH PRIVATE KEY-----", ...lines, "-----END OPENSSH PRIVATE KEY-----", ""].join("\n");
}

function ed25519Parts(key: KeyObject): Parts {
  const { x = "", d = "" } = key.export({ format: "jwk" });
  const point = Buffer.from(x, "base64url");
  const seed = Buffer.from(d, "base64url");
  const name = string(Buffer.from("ssh-ed25519"));
  return {
    publicKey: Buffer.concat([name, string(point)]),
    privateFields: Buffer.concat([name, string(point), string(Buffer.concat([seed, point]))]),
  };
}

function rsaParts(key: KeyObject): Parts {
  const jwk = key.export({ format: "jwk" });
  const field = (name: "n" | "e" | "d" | "qi" | "p" | "q") => mpint(Buffer.from(jwk[name] ?? "", "base64url"));
  const name = string(Buffer.from("ssh-rsa"));
  return {
    publicKey: Buffer.concat([name, field("e"), field("n")]),
    privateFields: Buffer.concat([name, field("n"), field("e"), field("d"), field("qi"), field("p"), field("q")]),
  };
}

function string(bytes: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/** A positive number, with a zero byte before a set top bit. */
function mpint(bytes: Buffer): Buffer {
  return string((bytes[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.alloc(1), bytes]) : bytes);
}
