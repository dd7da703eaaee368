import { credentialField } from "../fields.ts";
import { type Finder, type Spot, spotsOf } from "../strip.ts";
import { lines } from "./lines.ts";

/** `export`, `ENV`, `ARG`, `set`, PowerShell's `$env:` and fish's `set -x` before a name. */
const ASSIGNMENT =
  /^([ \t]*(?:(?:export|declare -x|typeset -x|setenv|ENV|ARG|set|set -gx?|set -x|-|\$env:)[ \t]*)?)(\/\/[^=\s]+(?==)|"?[A-Za-z_@][\w./:@-]*?"?)([ \t]*(?:=|:|[ \t])[ \t]*)(.*?)([ \t]*[,;]?)$/i;

/** No setting is longer; what is, patterns read. */
const LINE_MAX = 20_000;

/**
 * `NAME=value` files: dotenv, .envrc, INI with its sections, properties, .npmrc, git's own config. A value is what stands after
 * the first `=` or `:` without its quotes, and, when it is not quoted, without a comment after it.
 */
export const assignments: Finder = (text, file) => {
  const spots: Spot[] = [];
  let section = "";
  for (const { start, text: line, number } of lines(text)) {
    if (line.length > LINE_MAX) continue;
    const header = /^[ \t]*\[([^\]]*)\]/.exec(line);
    if (header !== null) section = header[1] ?? "";
    const match = header === null ? ASSIGNMENT.exec(line) : null;
    if (match === null || /^[ \t]*([#;]|\/\/(?!.*:_))/.test(line)) continue;
    const [, lead = "", name = "", equals = "", rest = ""] = match;
    const isEnv = /[=:]/.test(equals) || /^[ \t]*(ENV|ARG|setenv|set)/i.test(lead);
    if (!isEnv) continue;
    const path = [...(section === "" ? [] : [section]), name.replaceAll('"', "")];
    const field = credentialField(file, [section, name.replace(/^.*:(?=_)/, "").replaceAll('"', "")].filter(Boolean));
    const value = unquoted(rest);
    const at = start + lead.length + name.length + equals.length + value.skipped;
    const scalar = {
      start: at,
      end: at + value.text.length,
      value: value.text,
      encode: (written: string) => written,
    };
    const kind = gitHeader(path.at(-1) ?? "", value.text) ?? field?.kind;
    spots.push(
      ...spotsOf(
        text,
        scalar,
        kind,
        `${path.join(".")} line ${number}`.replaceAll(/:\/\/[^ ]*@/g, "://…@"),
        field?.isSure,
      ),
    );
  }
  return spots;
};

/** git's `http.extraheader = Authorization: basic …`. */
function gitHeader(name: string, value: string): string | undefined {
  return /extraheader$/i.test(name) && /authorization|token|cookie/i.test(value) ? "token" : undefined;
}

function unquoted(rest: string): { text: string; skipped: number } {
  const quoted = /^(["'])((?:\\.|(?!\1).)*)\1/.exec(rest);
  if (quoted !== null) return { text: quoted[2] ?? "", skipped: 1 };
  const extra = /^authorization:[ \t]*/i.exec(rest)?.[0].length ?? 0;
  return { text: rest.slice(extra).replace(/[ \t]+[#;].*$/, ""), skipped: extra };
}
