import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Report } from "../../src/report/report.ts";
import { processesWith } from "../support/weakdoor.ts";

/** What `npm run build` makes runs without the sources it was made of, as a published package does. */
const ROOT = resolve(import.meta.dirname, "../..");
const SHIPPED = ["package.json", "prompts", "sandboxes", "allowlists"];
let directory: string;
let packed: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "wd-build-"));
  const checkout = join(directory, "checkout");
  packed = join(directory, "packed");
  mkdirSync(packed);
  mkdirSync(checkout);
  for (const name of [...SHIPPED, "src", "tsconfig.json"]) {
    cpSync(join(ROOT, name), join(checkout, name), { recursive: true });
  }
  symlinkSync(join(ROOT, "node_modules"), join(checkout, "node_modules"));
  const built = spawnSync("npm", ["run", "build"], { cwd: checkout, encoding: "utf8", timeout: 120_000 });
  if (built.status !== 0) throw new Error(built.stderr + built.stdout);
  for (const name of [...SHIPPED, "dist"]) cpSync(join(checkout, name), join(packed, name), { recursive: true });
  symlinkSync(join(ROOT, "node_modules"), join(packed, "node_modules"));
  rmSync(checkout, { recursive: true });
}, 150_000);
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function built(...args: string[]) {
  return spawnSync(process.execPath, [join(packed, "dist/main.js"), ...args], {
    cwd: directory,
    env: { PATH: process.env.PATH ?? "", HOME: "/nonexistent" },
    encoding: "utf8",
    timeout: 120_000,
  });
}

test("it runs the whole demo, and leaves nothing running", () => {
  const ran = built("run", "--demo", "--state", "state", "--reports", "reports");
  expect(ran.status, ran.stderr).toBe(10);
  const [cycle = ""] = readdirSync(join(directory, "reports"));
  const report = Report.parse(JSON.parse(readFileSync(join(directory, "reports", cycle, "report.json"), "utf8")));
  expect(report.findings.length).toBeGreaterThanOrEqual(6);
  expect(report.drills.map(({ status }) => status)).toEqual(["rang", "rang", "rang", "rang"]);
  for (const { status, sandbox } of report.certificates) expect(status, sandbox).toBe("destroyed");
  expect(processesWith(directory)).toEqual([]);
});

test("the log that it wrote verifies, also by the outsider's own verifier that travels with it", () => {
  const verified = built("log", "verify", "--state", "state");
  expect(verified.status, verified.stderr).toBe(0);
  expect(readdirSync(join(packed, "dist/ledger"))).toContain("outsider.mjs");
});

test("it says what is wrong in one line, as the sources do", () => {
  const ended = built("runn");
  expect(ended).toMatchObject({ status: 2, stderr: "weakdoor: there is no verb runn\nhint: run: weakdoor help\n" });
});
