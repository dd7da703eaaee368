import { createHash, createPrivateKey, createPublicKey } from "node:crypto";

/**
 * Credentials of the demo stack: of realistic form, from a fixed seed, never issued by anyone. They are made here and
 * not written in a file, so that no scanner of our repository has to be told to look away.
 */
export function madeUpCredentials() {
  const ssh = sshKey();
  return {
    claudeAccessToken: ["sk", "ant", "oat01", stream("claude-access", ALNUM, 95)].join("-"),
    claudeRefreshToken: ["sk", "ant", "ort01", stream("claude-refresh", ALNUM, 95)].join("-"),
    openaiKey: ["sk", "proj", stream("openai", ALNUM, 124)].join("-"),
    awsKeyId: ["AK", "IA", stream("aws-id", BASE32, 16)].join(""),
    awsSecret: stream("aws-secret", `${ALNUM}/+`, 40),
    sshPrivateKey: ssh.privateKey,
    sshPublicKey: ssh.publicKey,
    npmToken: ["npm", stream("npm", ALNUM, 36)].join("_"),
    netrcPassword: stream("netrc", ALNUM, 24),
    ghToken: ["gho", stream("gh", ALNUM, 36)].join("_"),
    githubToken: ["ghp", stream("github", ALNUM, 36)].join("_"),
  };
}
export type MadeUp = ReturnType<typeof madeUpCredentials>;

const ALNUM = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** Characters of an alphabet that follow from a label alone. */
function stream(label: string, alphabet: string, length: number): string {
  let text = "";
  for (let block = 0; text.length < length; block++) {
    for (const byte of digest(`${label}/${block}`)) text += alphabet[byte % alphabet.length] ?? "";
  }
  return text.slice(0, length);
}

function digest(label: string): Buffer {
  return createHash("sha256").update(`weakdoor demo stack, made up: ${label}`).digest();
}

/** An Ed25519 key in OpenSSH's own format (PROTOCOL.key), without a passphrase. */
function sshKey(): { privateKey: string; publicKey: string } {
  const seed = digest("ssh");
  const pkcs8 = Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), seed]);
  const key = createPrivateKey({ key: pkcs8, format: "der", type: "pkcs8" });
  const point = createPublicKey(key).export({ format: "der", type: "spki" }).subarray(-32);
  const publicBlob = Buffer.concat([field("ssh-ed25519"), field(point)]);
  const check = digest("ssh-check").subarray(0, 4);
  const secret = [check, check, publicBlob, field(Buffer.concat([seed, point])), field("dev@harbor-desk.example")];
  const length = secret.reduce((sum, part) => sum + part.length, 0);
  const padding = Buffer.from(Array.from({ length: (8 - (length % 8)) % 8 }, (_, i) => i + 1));
  const count = Buffer.from([0, 0, 0, 1]);
  const body = Buffer.concat([
    Buffer.from("openssh-key-v1\0"),
    field("none"),
    field("none"),
    field(""),
    count,
    field(publicBlob),
    field(Buffer.concat([...secret, padding])),
  ]);
  const lines = body.toString("base64").match(/.{1,70}/g) ?? [];
  const edge = (word: string) => ["-----", word, " OPENSSH PRIVATE ", "KEY", "-----"].join("");
  return {
    privateKey: `${[edge("BEGIN"), ...lines, edge("END")].join("\n")}\n`,
    publicKey: `ssh-ed25519 ${publicBlob.toString("base64")}`,
  };
}

/** A string of the SSH wire format: four bytes of length, then the bytes. */
function field(data: string | Uint8Array): Buffer {
  const bytes = Buffer.from(data);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}
