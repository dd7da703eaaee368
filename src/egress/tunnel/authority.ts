import { createSecureContext, type SecureContext } from "node:tls";
import type { Clock } from "../../base/clock.ts";
import { messageOf } from "../../base/errors.ts";

/**
 * The certificate authority of one cycle: made in the gateway process, trusted in this cycle's lab and nowhere else, gone
 * with the process. Its key cannot be exported, and nothing is written to a disk.
 */
export type CertificateAuthority = {
  /** PEM, for those who are to trust it. */
  readonly certificate: string;
  /** What a server of this name shows; made once. */
  contextFor(host: string): Promise<SecureContext>;
};

/** As `parts` of the gateway ask for it: whether there is one is seen only when it is made. */
export type AuthorityAtHand =
  | { status: "made"; authority: CertificateAuthority }
  | { status: "missing"; why: string };

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const DAY_MS = 86_400_000;
/** A guest's clock may be behind, a microVM's above all; and no cycle lasts a week. */
const BEFORE_MS = DAY_MS;
const AFTER_MS = 7 * DAY_MS;

/** Made when it is first asked for. Whatever keeps it from being made stops the tunnels that need one, and nothing else. */
export function authorityAtHand(clock: Clock, make = createAuthority): () => Promise<AuthorityAtHand> {
  let made: Promise<AuthorityAtHand> | undefined;
  return () => {
    made ??= make(clock).then(
      (authority) => ({ status: "made", authority }),
      (thrown: unknown) => ({ status: "missing", why: messageOf(thrown) }),
    );
    return made;
  };
}

/** Loads the library only when an authority is made: it takes a quarter of a second and 20 MB. */
export async function createAuthority(clock: Clock): Promise<CertificateAuthority> {
  // Decorators in the library ask for it, and it must be there first.
  await import("reflect-metadata");
  const x509 = await import("@peculiar/x509");
  const { subtle } = globalThis.crypto;
  const notBefore = new Date(clock.now().getTime() - BEFORE_MS);
  const notAfter = new Date(clock.now().getTime() + AFTER_MS);
  const keys = await subtle.generateKey(ALGORITHM, false, ["sign", "verify"]);
  const root = await x509.X509CertificateGenerator.createSelfSigned({
    name: "CN=weakdoor gateway of one cycle",
    notBefore,
    notAfter,
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      // RFC 5280: it signs servers' certificates and no further authorities.
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });

  const issue = async (host: string): Promise<SecureContext> => {
    const own = await subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
    const leaf = await x509.X509CertificateGenerator.create({
      // A common name has room for 64 characters only; who is meant stands in the alternative name.
      subject: "CN=weakdoor",
      issuer: root.subject,
      notBefore,
      notAfter,
      signingAlgorithm: ALGORITHM,
      publicKey: own.publicKey,
      signingKey: keys.privateKey,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
        new x509.SubjectAlternativeNameExtension([{ type: "dns", value: host }]),
        await x509.AuthorityKeyIdentifierExtension.create(keys.publicKey),
      ],
    });
    const key = x509.PemConverter.encode(await subtle.exportKey("pkcs8", own.privateKey), "PRIVATE KEY");
    return createSecureContext({ key, cert: leaf.toString("pem"), minVersion: "TLSv1.2" });
  };
  const issued = new Map<string, Promise<SecureContext>>();
  return {
    certificate: root.toString("pem"),
    contextFor(host) {
      const context = issued.get(host) ?? issue(host);
      issued.set(host, context);
      return context;
    },
  };
}
