// Claude Code hands a tool call on standard input; exit code 2 refuses it with the text on standard error.
import { readFileSync } from "node:fs";
import { basename } from "node:path";

const call = JSON.parse(readFileSync(0, "utf8"));
const file = call.tool_input?.file_path ?? "";
if (/^\.env(\.|$)/.test(basename(file)) && !file.endsWith(".example")) {
  console.error("dotenv files stay closed; use .env.example");
  process.exitCode = 2;
}
