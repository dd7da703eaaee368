import type { webcrypto } from "node:crypto";
import "reflect-metadata";
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  Extension,
  PemConverter,
  SubjectAlternativeNameExtension,
  type X509Certificate,
  X509CertificateGenerator,
} from "@peculiar/x509";

/** An authority of a test's own, and certificates of every kind under it. */
export type TestAuthority = {
  certificate: string;
  issue(over?: Partial<Leaf>): Promise<{ key: string; cert: string }>;
};

export type Leaf = {
  host: string;
  /** From now on. */
  fromMs: number;
  untilMs: number;
  key: "P-256" | "RSA-1024" | "RSA-2048";
  hash: "SHA-1" | "SHA-256";
  /** Without one, only the common name says who it is. */
  hasAlternativeName: boolean;
  /** Of an authority below this one, that may be none, or one for another name only. */
  through: "nobody" | "a leaf" | "another name's authority" | "this name's authority" | "an expired authority";
  /** What its key may be used for; null: nothing is said. */
  usage: "server" | "client" | "code" | null;
  /** One that nobody knows, and that must be understood (RFC 5280, 4.2). */
  hasCriticalUnknown: boolean;
};

const DAY_MS = 86_400_000;
const { subtle } = globalThis.crypto;

export async function testAuthority(name = "an authority"): Promise<TestAuthority> {
  const algorithm = rsa(2048, "SHA-256");
  const keys = await subtle.generateKey(algorithm, true, ["sign", "verify"]);
  // A key is for one hash here: the same key once more, for the old one.
  const exported = await subtle.exportKey("pkcs8", keys.privateKey);
  const overSha1 = await subtle.importKey("pkcs8", exported, rsa(2048, "SHA-1"), false, ["sign"]);
  const root = await X509CertificateGenerator.createSelfSigned({
    name: `CN=${name}`,
    ...times(-DAY_MS, DAY_MS),
    signingAlgorithm: algorithm,
    keys,
    extensions: [new BasicConstraintsExtension(true, undefined, true)],
  });

  const sign = (
    issuer: string,
    signingKey: webcrypto.CryptoKey,
    publicKey: webcrypto.CryptoKey,
    leaf: Leaf,
    more: Extension[] = [],
  ) =>
    X509CertificateGenerator.create({
      subject: `CN=${leaf.host}`,
      issuer,
      ...times(leaf.fromMs, leaf.untilMs),
      signingAlgorithm: signingKey.algorithm.name === "ECDSA" ? EC : rsa(2048, leaf.hash),
      publicKey,
      signingKey,
      extensions: [
        ...(leaf.hasAlternativeName
          ? [new SubjectAlternativeNameExtension([{ type: "dns", value: leaf.host }])]
          : []),
        ...(leaf.usage === null ? [] : [new ExtendedKeyUsageExtension([USAGES[leaf.usage]])]),
        ...(leaf.hasCriticalUnknown ? [new Extension("1.3.6.1.4.1.99999.1", true, Buffer.from([5, 0]))] : []),
        ...more,
      ],
    });
  return {
    certificate: root.toString("pem"),
    async issue(over = {}) {
      const leaf: Leaf = { ...USUAL, ...over };
      const own = await generate(leaf.key);
      const chain: X509Certificate[] = [];
      if (leaf.through !== "nobody") {
        const { extensions, over: odd } = betweenOf(leaf.through);
        const between = await generate("P-256");
        const middle = { ...USUAL, host: "between.example", hasAlternativeName: false, ...odd };
        const below = await sign(root.subject, keys.privateKey, between.publicKey, middle, extensions);
        chain.push(await sign(below.subject, between.privateKey, own.publicKey, leaf), below);
      } else {
        const signer = leaf.hash === "SHA-1" ? overSha1 : keys.privateKey;
        chain.push(await sign(root.subject, signer, own.publicKey, leaf));
      }
      const key = PemConverter.encode(await subtle.exportKey("pkcs8", own.privateKey), "PRIVATE KEY");
      return { key, cert: chain.map((one) => one.toString("pem")).join("\n") };
    },
  };
}

const USUAL: Leaf = {
  host: "api.example",
  fromMs: -DAY_MS,
  untilMs: DAY_MS,
  key: "P-256",
  hash: "SHA-256",
  hasAlternativeName: true,
  through: "nobody",
  usage: null,
  hasCriticalUnknown: false,
};

const USAGES = {
  server: ExtendedKeyUsage.serverAuth,
  client: ExtendedKeyUsage.clientAuth,
  code: ExtendedKeyUsage.codeSigning,
} as const;

/** RFC 5280, 4.2.1.10: an authority for this name, and names below it, alone. */
function onlyFor(host: string): Extension {
  const name = Buffer.from(host);
  const wrap = (tag: number, ...parts: Buffer[]) => {
    const content = Buffer.concat(parts);
    return Buffer.concat([Buffer.from([tag, content.length]), content]);
  };
  return new Extension("2.5.29.30", true, wrap(0x30, wrap(0xa0, wrap(0x30, wrap(0x82, name)))));
}

/** What makes of the certificate between the two an authority, or none. */
function betweenOf(through: Exclude<Leaf["through"], "nobody">): { extensions: Extension[]; over: Partial<Leaf> } {
  const authority = new BasicConstraintsExtension(true, undefined, true);
  switch (through) {
    case "a leaf":
      return { extensions: [], over: {} };
    case "another name's authority":
      return { extensions: [authority, onlyFor("other.example")], over: {} };
    case "this name's authority":
      return { extensions: [authority, onlyFor("api.example")], over: {} };
    case "an expired authority":
      return { extensions: [authority], over: { untilMs: -60_000 } };
  }
}
const EC = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };

function generate(kind: Leaf["key"]) {
  const algorithm = kind === "P-256" ? EC : rsa(Number(kind.slice(4)), "SHA-256");
  return subtle.generateKey(algorithm, true, ["sign", "verify"]);
}

function times(fromMs: number, untilMs: number) {
  return { notBefore: new Date(Date.now() + fromMs), notAfter: new Date(Date.now() + untilMs) };
}

function rsa(modulusLength: number, hash: string) {
  return { name: "RSASSA-PKCS1-v1_5", modulusLength, publicExponent: new Uint8Array([1, 0, 1]), hash };
}
