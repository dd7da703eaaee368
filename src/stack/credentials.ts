/** Tells from a name, never from a value, that a setting holds a credential, and from its form that it only refers to one. */

const WORDS = new Set(
  "token tokens secret secrets password passwd pwd passphrase pat credential credentials authorization cookie apikey dsn bearer".split(
    " ",
  ),
);
const KEYS = new Set(
  "api access secret private auth service signing encryption account client license deploy".split(" "),
);

/** `GITHUB_TOKEN`, `apiKey`, `X-Api-Key`, `--db-password`; not `PUBLIC_KEY`, `KEYBOARD`, `TOKENIZER`. */
export function isCredentialName(name: string): boolean {
  const words = name
    .replace(/([a-z0-9])([A-Z])/g, "$1 $2")
    .toLowerCase()
    .split(/[^a-z0-9]+/);
  if (words.includes("public") || words.at(-1) === "max" || words.at(-1) === "file" || words.at(-1) === "path") {
    return false;
  }
  return words.some((word, i) => WORDS.has(word) || (word === "key" && KEYS.has(words[i - 1] ?? "")));
}

/**
 * A value that names where a credential is instead of holding it: `${VAR}`, `$VAR`, `Bearer ${env:X}`, `${input:x}`,
 * `op://…`, `!command`. Empty is no literal either.
 */
export function isReference(value: string): boolean {
  const bare = value.replace(/^(Bearer|Basic|token)\s+/i, "").trim();
  return bare === "" || /^(\$\{[^}]*\}|\$[A-Za-z_]\w*|(op|vault|secret|keyring):\/\/\S+|![^\s].*)$/.test(bare);
}

const MASK = "…";

/** An argument list with the literal credentials taken out: `--token=…`, `-e NAME=…`, userinfo in URLs. */
export function maskArgs(args: readonly string[]): { args: string[]; masked: { index: number; name: string }[] } {
  const masked: { index: number; name: string }[] = [];
  const shown = args.map((arg, index) => {
    const assignment = /^(-{0,2}[A-Za-z_][\w.-]*)=(.*)$/s.exec(arg);
    if (assignment !== null) {
      const [, name = "", value = ""] = assignment;
      if (!isCredentialName(name) || isReference(value)) return maskUrl(arg);
      masked.push({ index, name });
      return `${name}=${MASK}`;
    }
    const flag = args[index - 1] ?? "";
    const isValueOfFlag = /^--?[A-Za-z]/.test(flag) && !flag.includes("=") && isCredentialName(flag);
    if (isValueOfFlag && !arg.startsWith("-") && !isReference(arg)) {
      masked.push({ index, name: flag });
      return MASK;
    }
    const url = maskUrl(arg);
    if (url !== arg) masked.push({ index, name: "URL" });
    return url;
  });
  return { args: shown, masked };
}

/** A URL without the literal credentials in it: userinfo, and query values with a credential's name. */
export function maskUrl(text: string): string {
  const query = text.replace(/([?&])([^=&#]+)=([^&#]*)/g, (whole, mark: string, name: string, value: string) =>
    isCredentialName(name) && !isReference(value) ? `${mark}${name}=${MASK}` : whole,
  );
  return query.replace(/^([a-z][a-z0-9+.-]*:\/\/)([^/?#@]*)@/i, (whole, scheme: string, userinfo: string) => {
    const [user = "", password] = userinfo.split(":");
    return password === undefined || isReference(password) ? whole : `${scheme}${user}:${MASK}@`;
  });
}
