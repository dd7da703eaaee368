import { chmodSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { rootCertificates } from "node:tls";

/**
 * Has programs inside trust the gateway's authority, under which it ends the TLS of their tunnels: two files, and the
 * variables by which Node, OpenSSL, curl, Python and git find them. All but Node's replace what a program trusts otherwise,
 * so the usual roots stand beside it, for hosts whose tunnel is spliced. Throws when there is no temporary directory to
 * write to: then no tunnel would work, and nobody would know why.
 */
export function layTrust(certificate: string): Record<string, string> {
  const directory = mkdtempSync(join(tmpdir(), "trust-"));
  chmodSync(directory, 0o755);
  const own = join(directory, "gateway.pem");
  const all = join(directory, "all.pem");
  writeFileSync(own, certificate, { mode: 0o444 });
  writeFileSync(all, [certificate, ...rootCertificates].join("\n"), { mode: 0o444 });
  return {
    NODE_EXTRA_CA_CERTS: own,
    SSL_CERT_FILE: all,
    CURL_CA_BUNDLE: all,
    REQUESTS_CA_BUNDLE: all,
    GIT_SSL_CAINFO: all,
  };
}
