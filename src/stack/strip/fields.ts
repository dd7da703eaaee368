/** The one table that says which fields hold credentials: by name, and for each product where its names do not tell. */

const STRONG = new Set(
  "token tokens secret secrets password passwd pwd pass passphrase passcode pat credential credentials authorization apikey dsn bearer cookie cookies jwt otp totp pin authtoken accesstoken secretkey privatekey accesskey passwort connectionstring connstr signature xsrf csrf sid oauthtoken".split(
    " ",
  ),
);
const BEFORE_KEY = new Set(
  "api access secret private auth service signing encryption account client license deploy master storage ssh session app admin shared subscription".split(
    " ",
  ),
);

/** `PGPASSWORD`, `dbpasswd`, `authtoken`. */
const RUN_TOGETHER = /(password|passwd|passphrase|apikey|secret|accesskey|secretkey|token|credentials)$/;

/** A name that ends so is about a credential and does not hold one. */
const ABOUT = new Set(
  "max min file filename path dir directory url uri endpoint type count limit length size ttl expiry expires expiration timeout enabled required policy env var ref store storage helper helpers scheme format header headers prefix suffix algorithm provider budget usage name names hint mode scopes scope age days hours minutes seconds ms at in style source kind field label description".split(
    " ",
  ),
);
const COUNTED =
  /^(max|min|num|total|input|output|prompt|completion|context|used|cached?|reasoning|thinking|per|n|estimated|creation|read)$/;

/** `GITHUB_TOKEN`, `apiKey`, `X-Api-Key`, `--db-password`; not `PUBLIC_KEY`, `max_tokens`, `token_endpoint`. */
export function isCredentialName(name: string): boolean {
  const words = wordsOf(name);
  const last = words.at(-1) ?? "";
  if (words.includes("public") || ABOUT.has(last)) return false;
  if (last === "id" && !/^(key|secret|session)$/.test(words.at(-2) ?? "")) return false;
  if ((last === "tokens" || last === "token") && words.some((word) => COUNTED.test(word))) return false;
  if (last === "auth" && words.length === 1) return true;
  return words.some(
    (word, i) =>
      STRONG.has(word) || RUN_TOGETHER.test(word) || (word === "key" && BEFORE_KEY.has(words[i - 1] ?? "")),
  );
}

function wordsOf(name: string): string[] {
  return name
    .replaceAll(/([a-z0-9])([A-Z])/g, "$1 $2")
    .replaceAll(/([A-Z])([A-Z][a-z])/g, "$1 $2")
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== "");
}

/** A field of one product, by the end of the file's path and the path inside it, parts joined by `/`. */
type ProductField = { file: RegExp; path: RegExp; kind: string };

const PRODUCTS: readonly ProductField[] = [
  {
    file: /\.claude\/\.credentials\.json$/,
    path: /(^|\/)(accessToken|refreshToken|clientSecret|clientId)$/,
    kind: "token",
  },
  {
    file: /\.claude\.json$/,
    path: /^(primaryApiKey|customApiKeyResponses\/.*|oauthAccount\/(accountUuid|organizationUuid|emailAddress)|userID)$/,
    kind: "token",
  },
  {
    file: /\.codex\/\.?(auth|credentials)\.json$/,
    path: /(^|\/)(OPENAI_API_KEY|access_token|refresh_token|id_token|account_id)$/,
    kind: "token",
  },
  {
    file: /\.gemini\/(oauth_creds|mcp-oauth-tokens|a2a-oauth-tokens)\.json$/,
    path: /(^|\/)(access_token|refresh_token|id_token|accessToken|refreshToken)$/,
    kind: "token",
  },
  {
    file: /\.docker\/config\.json$|(^|\/)config\.json$/,
    path: /^auths\/.*\/(auth|identitytoken|registrytoken|password)$/,
    kind: "password",
  },
  { file: /(^|\/)\.?(dockercfg|dockerconfigjson)$/, path: /\/(auth|password)$/, kind: "password" },
  {
    file: /\.kube\/config$|kubeconfig/,
    path: /\/user\/(client-key-data|token|password|auth-provider\/config\/.*)$/,
    kind: "token",
  },
  { file: /gh\/hosts\.ya?ml$/, path: /\/oauth_token$/, kind: "github-token" },
  { file: /github-copilot\/(hosts|apps)\.json$/, path: /\/oauth_token$/, kind: "github-token" },
  { file: /\.aws\/(credentials|config)$/, path: /\/aws_access_key_id$/, kind: "aws-access-key-id" },
  { file: /\.aws\/(credentials|config)$/, path: /\/aws_secret_access_key$/, kind: "aws-secret-access-key" },
  { file: /\.aws\/(credentials|config)$/, path: /\/aws_session_token$/, kind: "aws-session-token" },
  { file: /opencode\/(auth|mcp-auth)\.json$/, path: /\/(key|access|refresh|token)$/, kind: "token" },
  { file: /\.npmrc$/, path: /(_auth|_authToken|_password)$/, kind: "npm-token" },
  { file: /\.yarnrc(\.yml)?$/, path: /npmAuth(Token|Ident)$/, kind: "npm-token" },
  {
    file: /application_default_credentials\.json$|service[-_]?account.*\.json$/,
    path: /^(private_key|private_key_id|client_secret|refresh_token)$/,
    kind: "token",
  },
];

/** Fields whose every child is one: the data of a Kubernetes Secret, the values of an MCP server's `headers`. */
const SECRET_CONTAINERS = /(^|\/)(secrets|stringData)\/[^/]+$/;

/**
 * The kind of credential that a field holds, undefined when its name and place do not say that it holds one. `isSure`
 * when the product's own table says so: then any value is one, also one that looks like a path or a plain word.
 */
export function credentialField(
  file: string,
  path: readonly string[],
): { kind: string; isSure: boolean } | undefined {
  const joined = path.join("/");
  for (const product of PRODUCTS) {
    if (product.file.test(file) && product.path.test(joined)) return { kind: product.kind, isSure: true };
  }
  const name = path.findLast((part) => !/^\d+$/.test(part)) ?? "";
  if (isCredentialName(name)) return { kind: kindOfName(name), isSure: false };
  if (SECRET_CONTAINERS.test(joined)) return { kind: "secret", isSure: false };
  return undefined;
}

/** What to call a credential whose form does not tell. */
export function kindOfName(name: string): string {
  const lower = name.toLowerCase();
  if (/secret_?access_?key/.test(lower)) return "aws-secret-access-key";
  if (/pass|pwd|pin$/.test(lower)) return "password";
  if (/cookie|sid$/.test(lower)) return "cookie";
  if (/dsn|conn/.test(lower)) return "database-url";
  if (/key/.test(lower)) return "api-key";
  return /secret/.test(lower) ? "secret" : "token";
}
