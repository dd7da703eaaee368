import { crcBase62, crcHex, crcHexLittleEndian } from "./kinds/checksum.ts";

/**
 * Forms of credentials that stand out in any text: a prefix of their own, a length, and a checksum where the vendor gives them one. A
 * kind whose form much else has (a UUID, forty hex digits, a password) is not among them: what is told from here must be one.
 */
export type Token = {
  kind: string;
  /** Each at least four characters: what to look for first. */
  signs: readonly string[];
  /** The whole of it, at the beginning of a text. */
  form: RegExp;
  /** Beyond the form: a checksum, a structure, a date. */
  isGenuine?(this: void, value: string, nowMs: number): boolean;
};

const WORD = "0-9A-Za-z";

export const TOKENS: readonly Token[] = [
  {
    kind: "github-token",
    signs: ["ghp_", "gho_", "ghu_", "ghs_", "ghr_"],
    form: token(`gh[pousr]_[${WORD}]{36}`),
    isGenuine: (value) => crcBase62(value.slice(4, -6)) === value.slice(-6),
  },
  {
    kind: "github-fine-grained-token",
    signs: ["github_pat_"],
    form: token(`github_pat_[${WORD}]{22}_[${WORD}]{59}`),
  },
  {
    kind: "npm-token",
    signs: ["npm_"],
    form: token(`npm_[${WORD}]{36}`),
    isGenuine: (value) => crcBase62(value.slice(4, -6)) === value.slice(-6),
  },
  {
    kind: "cloudflare-token",
    signs: ["cfk_", "cfut_", "cfat_"],
    form: token(`cf(?:k|ut|at)_[${WORD}]{40}[0-9a-f]{8}`),
    isGenuine: (value) => crcHex(value.slice(value.indexOf("_") + 1, -8)) === value.slice(-8),
  },
  {
    kind: "grafana-token",
    signs: ["glsa_"],
    form: token(`glsa_[${WORD}]{32}_[0-9a-f]{8}`),
    isGenuine: (value) => crcHexLittleEndian(value.slice(0, -9)) === value.slice(-8),
  },
  { kind: "gitlab-token", signs: ["glpat-"], form: token(`glpat-[${WORD}_-]{20}`) },
  {
    kind: "slack-token",
    signs: ["xoxb-", "xoxp-", "xoxa-", "xoxs-", "xoxr-"],
    form: token(`xox[bpasr](?:-\\d{10,14}){2,3}-[${WORD}]{24,64}`),
  },
  { kind: "slack-app-token", signs: ["xapp-"], form: token("xapp-\\d-A[0-9A-Z]{8,14}-\\d{9,14}-[0-9a-f]{64}") },
  {
    kind: "slack-webhook",
    signs: ["hooks.slack.com/services/"],
    form: token(`hooks\\.slack\\.com/services/T[0-9A-Z]{8,12}/B[0-9A-Z]{8,12}/[${WORD}]{24}`),
  },
  { kind: "stripe-key", signs: ["sk_live_", "rk_live_"], form: token(`[sr]k_live_[${WORD}]{24,120}`) },
  {
    kind: "anthropic-key",
    signs: ["sk-ant-"],
    form: token(`sk-ant-(?:api|admin|oat|ort)\\d\\d-[${WORD}_-]{80,120}`),
  },
  {
    kind: "openai-project-key",
    signs: ["sk-proj-", "sk-svcacct-", "sk-admin-"],
    form: token(`sk-(?:proj|svcacct|admin)-[${WORD}_-]{20,90}T3BlbkFJ[${WORD}_-]{20,90}`),
  },
  { kind: "google-api-key", signs: ["AIza"], form: token(`AIza[${WORD}_-]{35}`) },
  { kind: "huggingface-token", signs: spread("hf_"), form: token("hf_[A-Za-z]{34}") },
  { kind: "sendgrid-key", signs: spread("SG."), form: token(`SG\\.[${WORD}_-]{22}\\.[${WORD}_-]{43}`) },
  { kind: "aws-access-key-id", signs: ["AKIA", "ASIA"], form: token("A[KS]IA[A-Z2-7]{16}") },
  { kind: "aws-session-token", signs: ["IQoJb3JpZ2lu"], form: token(`IQoJb3JpZ2lu[${WORD}+/]{200,2000}={0,2}`) },
  { kind: "pypi-token", signs: ["pypi-AgEIcHlwaS5vcmc"], form: token(`pypi-AgEIcHlwaS5vcmc[${WORD}_-]{60,400}`) },
  { kind: "groq-key", signs: ["gsk_"], form: token(`gsk_[${WORD}]{52}`) },
  { kind: "digitalocean-token", signs: ["dop_v1_"], form: token("dop_v1_[0-9a-f]{64}") },
  { kind: "vault-token", signs: ["hvs."], form: token(`hvs\\.[${WORD}_-]{90,120}`) },
  { kind: "linear-key", signs: ["lin_api_"], form: token(`lin_api_[${WORD}]{40}`) },
  { kind: "notion-token", signs: ["ntn_"], form: token(`ntn_\\d{11}[${WORD}]{35}`) },
  { kind: "shopify-token", signs: ["shpat_"], form: token("shpat_[0-9a-f]{32}") },
  { kind: "docker-token", signs: ["dckr_pat_"], form: token(`dckr_pat_[${WORD}_-]{27}`) },
  {
    kind: "jwt",
    signs: Array.from("abcdefghijklmnopqrstuvwxyz", (letter) => encoded(`{"${letter}`).slice(0, 4)),
    form: token(`eyJ[${WORD}_-]{10,2000}\\.eyJ[${WORD}_-]{10,8000}\\.[${WORD}_-]{32,1400}`),
    isGenuine: isStillGood,
  },
  {
    kind: "private-key",
    signs: ["-----BEGIN"],
    // In a form a plus stands for a blank.
    form: /^-----BEGIN[ +](?:[A-Z0-9]{2,10}[ +])?PRIVATE[ +]KEY-----[A-Za-z0-9+/=\s]{60,12000}-----END[A-Z0-9 +]{12,31}-----/,
    isGenuine: isPrivateKey,
  },
];

/** Not followed by what it could go on with. */
function token(form: string): RegExp {
  return new RegExp(`^${form}(?![${WORD}_-])`);
}

/** A sign of three characters, with each that may follow it. */
function spread(sign: string): string[] {
  return Array.from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", (next) => sign + next);
}

function encoded(text: string): string {
  return Buffer.from(text).toString("base64url");
}

/** One that is over opens nothing, and one that is never over is an example in somebody's manual. */
function isStillGood(value: string, nowMs: number): boolean {
  const [head = "", payload = ""] = value.split(".");
  const { alg } = objectOf(head);
  const { exp } = objectOf(payload);
  return typeof alg === "string" && alg !== "none" && typeof exp === "number" && exp * 1_000 > nowMs;
}

function objectOf(part: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, "base64url").toString("utf8"));
    return typeof value === "object" && value !== null ? { ...value } : {};
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return {};
    throw thrown;
  }
}

const OPENSSH = Buffer.from("openssh-key-v1\0");
const SEQUENCE = 0x30;

/** OpenSSH's own form, or DER that is as long as it says: a frame with dots in it is none. */
function isPrivateKey(value: string): boolean {
  const body = Buffer.from(value.replaceAll(/-----[^-]+-----|\s/g, ""), "base64");
  if (body.subarray(0, OPENSSH.length).equals(OPENSSH)) return true;
  if (body.length < 40 || body[0] !== SEQUENCE) return false;
  const first = body[1] ?? 0;
  // ITU-T X.690, 8.1.3: a length of up to 127, or how many bytes of length follow.
  const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
  const length = lengthBytes === 0 ? first : lengthBytes > 2 ? 0 : body.readUIntBE(2, lengthBytes);
  return length + 2 + lengthBytes === body.length;
}
