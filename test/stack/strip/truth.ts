import { randomBytes } from "node:crypto";
import { fakeMaker } from "../../../src/canaries/fakes.ts";
import { KINDS } from "../../../src/canaries/kinds/all.ts";

/** Files with made-up credentials in known places, so that what a stripper misses can be counted. */
export type Truth = { files: Record<string, string>; planted: { value: string; file: string }[] };

type Template = { file: string; fields: readonly string[]; text: (values: readonly string[]) => string };

/** `short` passwords and tokens of every vendor's form, in each field. */
export function truth(seed: number): Truth {
  const source = fakeMaker({
    masterKey: randomBytes(32),
    cycle: `truth-${seed}`,
    clock: { now: () => new Date("2026-11-21T00:00:00Z"), monotonicMs: () => 0 },
  });
  let made = 0;
  const value = (kind: string): string => {
    made++;
    if (kind === "short") return `k${randomBytes(3).toString("hex")}Q`;
    if (kind === "special") return `p@ss/${randomBytes(5).toString("hex")}+9`;
    if (kind === "phrase") return `Zr7-${randomBytes(4).toString("hex")}_${randomBytes(3).toString("hex")}`;
    return source.fakeFor("", kind, { cycle: "truth", file: `f${made}` }).value;
  };
  const files: Record<string, string> = {};
  const planted: Truth["planted"] = [];
  for (const template of TEMPLATES) {
    const values = template.fields.map(value);
    files[template.file] = template.text(values);
    for (const planting of values) planted.push({ value: planting, file: template.file });
  }
  return { files, planted };
}

const b64 = (text: string) => Buffer.from(text).toString("base64");
const json = (value: unknown) => `${JSON.stringify(value, undefined, 2)}\n`;
const vendors = KINDS.map((kind) => kind.name).filter(
  (name) => !["generic", "uuid", "hex", "private-key", "aws-secret-access-key", "slack-webhook"].includes(name),
);

const TEMPLATES: readonly Template[] = [
  {
    file: ".env",
    fields: ["short", "phrase", "uuid", "hex", "openai-project-key"],
    text: (v) =>
      `# local\r\nDB_PASSWORD=${v[0]}\r\nexport JWT_SECRET="${v[1]}" # keep\r\nCLIENT_SECRET='${v[2]}'\r\nSESSION_KEY=${v[3]}\r\nOPENAI_API_KEY=${v[4]}\r\nPORT=3000\r\nTOKEN_REF=\${OTHER}\r\n`,
  },
  {
    file: ".envrc",
    fields: ["short", "aws-secret-access-key"],
    text: (v) => `export PGPASSWORD=${v[0]}\nexport AWS_SECRET_ACCESS_KEY=${v[1]}\nPATH_add bin\n`,
  },
  {
    file: "db.yaml",
    fields: ["short", "phrase", "phrase", "short", "private-key"],
    text: (v) =>
      `db:\n  password: ${v[0]}\n  quoted: {secret: "${v[1]}"}\n  single_token: '${v[2]}'\n  url: postgres://app:${v[3]}@db.example.invalid:5432/app\n  vaulted_password: !vault secret/data/db\ntls:\n  private_key: |\n    ${(v[4] ?? "").trim().split("\n").join("\n    ")}\n  after: here\n`,
  },
  {
    file: "k8s-secret.yaml",
    fields: ["phrase", "phrase"],
    text: (v) =>
      `apiVersion: v1\nkind: Secret\ndata:\n  mail: ${b64(`user:${v[0]}`)}\nstringData:\n  smtp: ${v[1]}\n`,
  },
  {
    file: "docker-compose.yml",
    fields: ["phrase", "short"],
    text: (v) =>
      `services:\n  db:\n    image: postgres:16\n    environment:\n      POSTGRES_PASSWORD: ${v[0]}\n      MAX_TOKENS: 4096\n  web:\n    environment:\n      - API_TOKEN=${v[1]}\n`,
  },
  {
    file: ".mcp.json",
    fields: ["github-token", "phrase", "short", "phrase", "phrase"],
    text: (v) =>
      json({
        mcpServers: {
          gh: {
            command: "npx",
            args: ["-y", "server-github", "--api-key", v[1], `--token=${v[3]}`],
            env: { GITHUB_TOKEN: v[0], LOG_LEVEL: "debug" },
          },
          web: { url: `https://u:${v[2]}@mcp.example.invalid/mcp?api_key=${v[4]}`, headers: { Accept: "a/b" } },
          ref: { headers: { Authorization: "Bearer ${TOKEN}" } },
        },
      }),
  },
  {
    file: ".vscode/mcp.json",
    fields: ["phrase", "phrase"],
    text: (v) =>
      `\ufeff{\n  // servers\n  "servers": {\n    "a": { "type": "http", "headers": { "Authorization": "Bearer ${v[0]}", "X-Workspace": "${v[1]}" }, },\n  },\n}\n`,
  },
  {
    file: ".claude/settings.local.json",
    fields: ["phrase", "anthropic-key", "short"],
    text: (v) =>
      json({
        permissions: {
          allow: [
            `Bash(curl -H "Authorization: Bearer ${v[0]}" https://api.example.invalid)`,
            `Bash(PGPASSWORD=${v[2]} psql -h db)`,
            "Read(./src/**)",
          ],
        },
        env: { ANTHROPIC_API_KEY: v[1] },
      }),
  },
  {
    file: ".codex/config.toml",
    fields: ["phrase", "short", "phrase"],
    text: (v) =>
      `model = "gpt-5"\n[mcp_servers.x]\ncommand = "npx"\nargs = ["-y", "x"]\nenv = { API_KEY = "${v[0]}", "DEBUG" = "1" }\n[mcp_servers.y]\nurl = "https://y.example.invalid"\nbearer_token_env_var = "Y_TOKEN"\nhttp_headers = { "X-Anything" = '${v[2]}' }\n[db]\npassword = '${v[1]}'\n`,
  },
  {
    file: ".codex/auth.json",
    fields: ["openai-project-key", "jwt", "phrase", "phrase", "uuid"],
    text: (v) =>
      json({
        OPENAI_API_KEY: v[0],
        tokens: { id_token: v[1], access_token: v[2], refresh_token: v[3], account_id: v[4] },
      }),
  },
  {
    file: ".aws/credentials",
    fields: ["aws-access-key-id", "aws-secret-access-key", "aws-session-token"],
    text: (v) =>
      `[default]\naws_access_key_id = ${v[0]}\naws_secret_access_key = ${v[1]}\naws_session_token=${v[2]}\nregion = eu-west-1\n`,
  },
  {
    file: ".npmrc",
    fields: ["npm-token", "phrase"],
    text: (v) =>
      `registry=https://npm.example.invalid/\n//npm.example.invalid/:_authToken=${v[0]}\n//other.example.invalid/:_auth=${b64(`u:${v[1]}`)}\nalways-auth=true\n//ref.example.invalid/:_authToken=\${NPM_TOKEN}\n`,
  },
  { file: ".yarnrc.yml", fields: ["phrase"], text: (v) => `npmScopes:\n  acme:\n    npmAuthToken: "${v[0]}"\n` },
  {
    file: ".netrc",
    fields: ["short", "phrase"],
    text: (v) =>
      `machine a.example.invalid login me password ${v[0]}\nmachine b.example.invalid\n  login me\n  password ${v[1]}\n`,
  },
  { file: ".pgpass", fields: ["phrase"], text: (v) => `db.example.invalid:5432:*:app:${v[0]}\n` },
  {
    file: ".git-credentials",
    fields: ["github-token", "special"],
    text: (v) =>
      `https://me:${v[0]}@github.example.invalid\nhttps://me:${encodeURIComponent(v[1] ?? "")}@git.example.invalid\n`,
  },
  {
    file: ".gitconfig",
    fields: ["phrase", "phrase"],
    text: (v) =>
      `[user]\n\tname = Dev\n[http "https://git.example.invalid"]\n\textraheader = AUTHORIZATION: basic ${b64(`x:${v[0]}`)}\n[url "https://oauth2:${v[1]}@git.example.invalid/"]\n\tinsteadOf = git@git.example.invalid:\n`,
  },
  {
    file: ".pypirc",
    fields: ["pypi-token", "short"],
    text: (v) => `[pypi]\nusername = __token__\npassword = ${v[0]}\n[inner]\nusername: me\npassword: ${v[1]}\n`,
  },
  {
    file: ".docker/config.json",
    fields: ["phrase", "phrase"],
    text: (v) =>
      json({
        auths: { "r.example.invalid": { auth: b64(`me:${v[0]}`) }, "s.example.invalid": { identitytoken: v[1] } },
        credsStore: "pass",
      }),
  },
  {
    file: ".kube/config",
    fields: ["private-key", "phrase"],
    text: (v) =>
      `apiVersion: v1\nkind: Config\nusers:\n- name: me\n  user:\n    client-key-data: ${b64(v[0] ?? "")}\n- name: you\n  user:\n    token: ${v[1]}\n`,
  },
  { file: "id_ed25519", fields: ["private-key"], text: (v) => v[0] ?? "" },
  {
    file: "Dockerfile",
    fields: ["phrase", "short", "phrase"],
    text: (v) => `FROM node:24\nARG NPM_TOKEN=${v[0]}\nENV DB_PASSWORD=${v[1]}\nENV API_KEY ${v[2]}\nRUN echo hi\n`,
  },
  {
    file: ".devcontainer/devcontainer.json",
    fields: ["phrase"],
    text: (v) =>
      `{\n  "image": "x", // base\n  "containerEnv": { "GH_TOKEN": "${v[0]}", "A": "\${localEnv:A}" }\n}\n`,
  },
  {
    file: ".bash_history",
    fields: ["phrase", "short", "phrase", "short", "phrase"],
    text: (v) =>
      `ls\nexport API_KEY=${v[0]}\nmysql -u root -p${v[1]} app\ncurl -H 'X-Api-Key: ${v[2]}' https://x.example.invalid\ncurl -u me:${v[3]} https://x.example.invalid\ntool login --token ${v[4]}\n`,
  },
  {
    file: "deploy.sh",
    fields: ["phrase", "phrase"],
    text: (v) =>
      `#!/bin/sh\nset -e\nTOKEN="${v[0]}"\ncurl -H "Authorization: Bearer ${v[1]}" -d @x.json https://x.example.invalid\nOTHER=$(cat /run/secrets/other_token)\n`,
  },
  {
    file: "transcript.jsonl",
    fields: ["phrase", "github-token", "phrase"],
    text: (v) =>
      `${JSON.stringify({ type: "user", text: `use ${v[1]} please` })}\n${JSON.stringify({ type: "tool", output: JSON.stringify({ password: v[0], n: 1 }), apiKey: v[2] })}\n`,
  },
  {
    file: "app.ts",
    fields: ["phrase", "stripe-key"],
    text: (v) =>
      `const apiKey = "${v[0]}";\nexport function token(password: string): string { return process.env.TOKEN ?? ""; }\nconst stripe = new Stripe("${v[1]}");\n`,
  },
  {
    file: "notes.md",
    fields: vendors,
    text: (v) => `# Notes\n\n${v.map((one) => `- we got ${one} from them`).join("\n")}\n`,
  },
  { file: "scratch", fields: ["openai-key"], text: (v) => `${v[0]}\n` },
  { file: "prod.tfvars", fields: ["phrase"], text: (v) => `region = "eu"\ndb_password = "${v[0]}"\n` },
  { file: "hook.txt", fields: ["slack-webhook"], text: (v) => `https://hooks.slack.com/services/${v[0]}\n` },
];
