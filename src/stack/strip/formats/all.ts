import type { Finder } from "../strip.ts";
import { assignments } from "./assignments.ts";
import { json, jsonLines } from "./json.ts";
import { htpasswd, netrc, pgpass, wholeFile } from "./lines.ts";
import { toml } from "./toml.ts";
import { yaml } from "./yaml.ts";

/** Which reader a file gets, by the end of its path; the first that fits. */
const FORMATS: readonly { file: RegExp; format: string; find: Finder }[] = [
  { file: /(^|\/)[._]netrc$/i, format: "netrc", find: netrc },
  { file: /(^|\/)(\.pgpass|pgpass\.conf)$/, format: "pgpass", find: pgpass },
  { file: /(^|\/)\.?htpasswd$/, format: "htpasswd", find: htpasswd },
  {
    file: /(^|\/)\.vault-token$|\/huggingface\/token$|\/\.config\/op\/token$/,
    format: "whole file",
    find: wholeFile,
  },
  { file: /\.(jsonl|ndjson)$/, format: "json lines", find: jsonLines },
  {
    file: /\.(json|jsonc|json5|code-workspace|tfstate|webmanifest|har|ipynb)$|\.tfrc\.json$|\.dockerconfigjson$|\.dockercfg$/,
    format: "json",
    find: json,
  },
  { file: /\.(json|ya?ml|toml)\.(bak|old|orig|backup|save|tmp)$|\.(jsonc?)~$/, format: "json", find: json },
  { file: /\.toml$/, format: "toml", find: toml },
  { file: /\.ya?ml$|\.kube\/config$|kubeconfig$/, format: "yaml", find: yaml },
  {
    file: /(^|\/)\.env[^/]*$|\.env$|\.envrc$|\.(ini|cfg|conf|cnf|properties|tfvars|service)$|\.(aws)\/(credentials|config)$|(^|\/)\.?(npmrc|pypirc|gitconfig|my\.cnf|s3cfg|boto|sentryclirc|yarnrc|condarc|gemrc|terraformrc|editorconfig)$|\.git\/config$|\.config\/git\/config$|environment$|(^|\/)rclone\.conf$|(^|\/)Dockerfile[^/]*$|\.dockerfile$|(^|\/)Containerfile$|(^|\/)\.(bash|zsh)(rc|env|_profile|profile|_login)$|(^|\/)\.profile$|\.sh$/i,
    format: "assignments",
    find: assignments,
  },
];

/** undefined for a file whose form we do not know: patterns alone read it. */
export function formatOf(file: string): { format: string; find: Finder } | undefined {
  return FORMATS.find((row) => row.file.test(file));
}
