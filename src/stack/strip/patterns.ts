import { isCredentialName, kindOfName } from "./fields.ts";
import { isPath, isReference } from "./reference.ts";
import { lineNumbers, type Spot } from "./strip.ts";
import { breakDown, cookieParts, type Part, pemParts, plain, urlParts } from "./value.ts";

/** Forms that are credentials wherever they stand. Prefixes and lengths are the vendors' own. */
const TOKENS: readonly [kind: string, form: RegExp][] = [
  ["github-token", /\bgh[pousr]_[0-9A-Za-z]{36,}/g],
  ["github-fine-grained-token", /\bgithub_pat_[0-9A-Za-z_]{40,}/g],
  ["gitlab-token", /\bgl(?:pat|dt|rt|cbt|ptt|ft|imt|agent|oas|soat|ffct)-[0-9A-Za-z_.-]{20,}/g],
  ["npm-token", /\bnpm_[0-9A-Za-z]{36}/g],
  ["pypi-token", /\bpypi-AgE[0-9A-Za-z_-]{60,}/g],
  ["anthropic-key", /\bsk-ant-[a-z]+\d\d-[0-9A-Za-z_-]{20,}/g],
  ["openai-project-key", /\bsk-(?:proj|svcacct|admin)-[0-9A-Za-z_-]{20,}/g],
  ["openai-key", /\bsk-[0-9A-Za-z]{32,}/g],
  ["token", /\bsk-(?:or-v1|lf|ctx7|cp)-[0-9A-Za-z-]{24,}/g],
  ["aws-access-key-id", /\bA[KS]IA[A-Z2-7]{16}\b/g],
  ["aws-session-token", /\b(?:IQoJb3JpZ2lu|FwoGZXIvYXdz)[0-9A-Za-z+/=]{80,}/g],
  ["google-api-key", /\bAIza[0-9A-Za-z_-]{35}/g],
  ["google-oauth", /\b(?:ya29\.[0-9A-Za-z_.-]{20,}|GOCSPX-[0-9A-Za-z_-]{20,}|1\/\/0[0-9A-Za-z_-]{30,})/g],
  ["huggingface-token", /\bhf_[A-Za-z]{30,}/g],
  ["slack-token", /\bxox[a-z]-(?:\d+-)*[0-9A-Za-z-]{20,}/g],
  ["slack-app-token", /\bxapp-\d-[0-9A-Z]+-\d+-[0-9a-f]{40,}/g],
  ["slack-webhook", /(?<=hooks\.slack\.com\/services\/)T[0-9A-Z]+\/B[0-9A-Z]+\/[0-9A-Za-z]{20,}/g],
  ["token", /(?<=discord(?:app)?\.com\/api\/webhooks\/\d+\/)[0-9A-Za-z_-]{40,}/g],
  ["stripe-key", /\b(?:[sr]k_(?:live|test)_|whsec_)[0-9A-Za-z]{20,}/g],
  ["sendgrid-key", /\bSG\.[0-9A-Za-z_-]{16,}\.[0-9A-Za-z_-]{16,}/g],
  ["cloudflare-token", /\bcf(?:k|ut|at)_[0-9A-Za-z]{40,}/g],
  ["grafana-token", /\bglsa_[0-9A-Za-z]{32}_[0-9a-f]{8}/g],
  [
    "service-token",
    /\b(?:gsk_[0-9A-Za-z]{40,}|hvs\.[0-9A-Za-z_-]{60,}|do[opr]_v1_[0-9a-f]{64}|dapi[0-9a-f]{32}|ntn_\d{11}[0-9A-Za-z]{35}|lin_api_[0-9A-Za-z]{40}|ops_eyJ[0-9A-Za-z_=-]{60,}|shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}|xai-[0-9A-Za-z]{60,}|pplx-[0-9A-Za-z]{40,}|sbp_[0-9a-f]{40}|sntrys_[0-9A-Za-z_=+/-]{40,}|dckr_[op]at_[0-9A-Za-z_-]{27,}|figd_[0-9A-Za-z_-]{40,}|PMAK-[0-9a-f]{24}-[0-9a-f]{34}|tvly-[0-9A-Za-z-]{20,}|r8_[0-9A-Za-z]{37}|ATATT3[0-9A-Za-z_=-]{100,}|ATBB[0-9A-Za-z]{32}|EAAC[0-9A-Za-z]{60,}|AGE-SECRET-KEY-1[0-9A-Z]{58})/g,
  ],
  ["jwt", /\beyJ[0-9A-Za-z_-]{8,4000}\.eyJ[0-9A-Za-z_-]{8,8000}\.[0-9A-Za-z_-]{8,}/g],
];

const HEADER =
  /\b(?:proxy-)?authorization\\*["']?[ \t]*[:=,][ \t]*\\*["']?(bearer|basic|token|bot|apikey)?[ \t]+([^\s"'`\\,;<>(){}$]{6,})/gi;
const NAMED_HEADER =
  /\b(?:x-api-key|x-auth-token|x-access-token|api-key|private-token|x-goog-api-key|x-vault-token|job-token|deploy-token)\\*["']?[ \t]*:[ \t]*\\*["']?([^\s"'`\\,;<>(){}$]{6,})/gi;
const COOKIE = /\b(?:set-)?cookie\\*["']?:[ \t]*\\*["']?([^\r\n"'\\]{6,})/gi;
const BEARER = /\bBearer[ \t]+([0-9A-Za-z_.~+/-]{16,}=*)/g;
const FLAG =
  /(?:^|[\s"'`(])(--?[A-Za-z][\w-]*)(?:=|[ \t]+|\\*["'][ \t]*,[ \t]*\\*["'])(\\*["']?)([^\s"'`\\,;|&<>(){}]+)\2/g;
const USER_PASSWORD = /(?:^|\s)(?:-u|--user|--proxy-user)(?:=|[ \t]+)\\*["']?[^\s:"'\\]+:([^\s"'`\\$]{3,})/g;
const SHORT_PASSWORD =
  /\b(?:sshpass[ \t]+-p[ \t]*|mysql(?:dump|admin)?\b[^\n|;&]{0,200}?[ \t]-p)\\*["']?([^\s"'`\\$-][^\s"'`\\$]{2,})/g;
const ENVIRONMENT = /(?:^|[\s"'`;&(])([A-Z][A-Z0-9_]{2,})=(\\*["']?)([^\s"'`\\;&|<>()]+)\2/g;
const QUOTED = /(\\*["'])?\b([A-Za-z_][\w.-]{2,60})\1[ \t]*(?::=|=>|[:=])[ \t]*(\\*["'`])([^\s"'`\\]{6,})\3/g;
const BARE = /(?:^|[\s,;{"'`])([A-Za-z_][\w-]{2,60})[ \t]*[:=][ \t]*([^\s"'`\\,;<>(){}[\]$]{8,})(?=$|[\s,;"'`\\])/gm;
const CONNECTION =
  /\b(?:password|pwd|accountkey|sharedaccesskey|sharedaccesssignature)[ \t]*=[ \t]*([^\s;"'`<>\\]{3,})(?=;|["'\s]|$)/gi;

/** What shows itself as a credential in any text. Rather one too many in a shell history than one left; source code is kept readable. */
export function patterns(text: string, file: string): Spot[] {
  const isSource = SOURCE.test(file);
  const parts: Part[] = [...pemParts(text), ...urlParts(text)];
  const add = (match: RegExpExecArray, value: string | undefined, kind: string, isLoose = true) => {
    if (value === undefined || (isLoose && (isReference(value) || isPath(value) || !/[A-Za-z0-9]/.test(value))))
      return;
    if (isSource && MEMBER.test(value)) return;
    const start = match.index + match[0].lastIndexOf(value);
    for (const part of breakDown(value, kind))
      parts.push({ ...part, start: part.start + start, end: part.end + start });
  };
  for (const [kind, form] of TOKENS)
    for (const match of text.matchAll(form)) parts.push(plain(match.index, match[0], kind));
  for (const match of text.matchAll(HEADER)) add(match, `${match[2]}`, "token");
  for (const match of text.matchAll(NAMED_HEADER)) add(match, match[1], "token");
  for (const match of text.matchAll(BEARER)) add(match, match[1], "token");
  for (const match of text.matchAll(COOKIE)) {
    const start = match.index + match[0].lastIndexOf(match[1] ?? "");
    for (const part of cookieParts(match[1] ?? "").filter(({ secrets }) => isRandomLooking(secrets[0]?.value ?? "")))
      parts.push({ ...part, start: part.start + start, end: part.end + start });
  }
  if (LOCK.test(file)) return placed(text, parts);
  for (const match of text.matchAll(FLAG))
    if (isCredentialName(match[1] ?? "") && !/^-[a-z]$/.test(match[1] ?? ""))
      add(match, match[3], kindOfName(match[1] ?? ""));
  for (const match of text.matchAll(USER_PASSWORD)) add(match, match[1], "password");
  for (const match of text.matchAll(SHORT_PASSWORD)) add(match, match[1], "password");
  for (const match of text.matchAll(ENVIRONMENT))
    if (isCredentialName(match[1] ?? "")) add(match, match[3], kindOfName(match[1] ?? ""));
  for (const match of text.matchAll(CONNECTION)) if (isNoCode(match[1] ?? "")) add(match, match[1], "password");
  for (const match of text.matchAll(QUOTED))
    if (isCredentialName(match[2] ?? "") && isNoCode(match[4] ?? ""))
      add(match, match[4], kindOfName(match[2] ?? ""));
  if (!isSource)
    for (const match of text.matchAll(BARE))
      if (isCredentialName(match[1] ?? "") && isRandomLooking(match[2] ?? ""))
        add(match, match[2], kindOfName(match[1] ?? ""));
  return placed(text, parts);
}

function placed(text: string, parts: readonly Part[]): Spot[] {
  const lineOf = lineNumbers(text);
  return parts.map((part) => ({ ...part, place: `line ${lineOf(part.start)}`, by: "pattern" }));
}

/** Names and versions of packages, where `cookie` is a package: only what is a credential by its own form is one here. */
export const LOCK = /(^|[/-])(lock\.(json|ya?ml)|.*\.lock|go\.sum|npm-shrinkwrap\.json|bun\.lockb?)$/;

/** Where a literal stands in quotes, and a bare word is a name. */
const SOURCE =
  /\.(m?[jt]sx?|c[jt]s|py|go|rs|java|kt|scala|swift|c|h|cc|cpp|hpp|cs|rb|php|lua|dart|ex|exs|clj|vue|svelte|d\.ts|proto|graphql|sql|css|scss|html?)$/i;

const MEMBER = /^[A-Za-z_$][A-Za-z_$]*(\.[A-Za-z_$]+)+$/;

/** A member access, a type or a path of names is source code and no value. */
function isNoCode(value: string): boolean {
  return (
    !/^[A-Za-z_$][\w$]*(\.[A-Za-z_$][\w$]*)+$|^[a-z]+([A-Z_-]?[a-z]+)*$|^[A-Z_]+$/.test(value) ||
    /\d/.test(value.replace(/\.\w*$/, ""))
  );
}

/** Letters with digits or signs, as a value that no keyword or variable would be. */
function isRandomLooking(value: string): boolean {
  return /\d/.test(value) && /[A-Za-z]/.test(value) && isNoCode(value) && !/^[\d.:T-]+Z?$|^v?\d+(\.\d+)+/.test(value);
}
