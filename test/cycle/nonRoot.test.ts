import { spawnSync } from "node:child_process";
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Report } from "../../src/report/report.ts";
import { processesWith } from "../support/weakdoor.ts";

/** The whole demo as a user who is not root, with nothing but a directory of their own: user namespaces do the rest. */
const NOBODY = 65_534;
const ROOT = resolve(import.meta.dirname, "../..");
let directory: string;
let ran: { status: number | null; stdout: string; stderr: string };
let report: Report;

/** As nobody, who may not be able to reach the checkout where it stands: so it is shown at a place of theirs as well. */
function asNobody(...args: string[]) {
  const checkout = join(directory, "checkout");
  const script = `mount --bind "$1" "$2" && cd "$3" && shift 3 && exec setpriv --reuid=${NOBODY} --regid=${NOBODY} --clear-groups -- "$@"`;
  const main = [join(checkout, "node_modules/.bin/node"), join(checkout, "src/main.ts"), ...args];
  return spawnSync("unshare", ["-m", "sh", "-c", script, "sh", ROOT, checkout, directory, ...main], {
    env: { PATH: process.env.PATH ?? "", HOME: directory },
    encoding: "utf8",
    timeout: 120_000,
  });
}

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "wd-nobody-"));
  mkdirSync(join(directory, "checkout"));
  chownSync(directory, NOBODY, NOBODY);
  chmodSync(directory, 0o755);
  ran = asNobody("run", "--demo", "--state", "state", "--reports", "reports");
  const reports = join(directory, "reports");
  const [cycle] = existsSync(reports) ? readdirSync(reports) : [];
  if (cycle === undefined) throw new Error(ran.stderr);
  report = Report.parse(JSON.parse(readFileSync(join(reports, cycle, "report.json"), "utf8")));
}, 180_000);
afterAll(() => rmSync(directory, { recursive: true, force: true }));

test("it runs to its end, finds the planted weaknesses, and no capability that a user of the real one would not have", () => {
  expect(ran.status, ran.stderr).toBe(10);
  const found = report.findings.map(({ weakness }) => weakness);
  expect(found).toEqual(
    expect.arrayContaining([
      "engine-socket-in-sandbox",
      "devcontainer-loosened",
      "cloud-credentials-in-sandbox",
      "secret-in-environment",
      "agent-sandbox-off",
      "mcp-server-unpinned",
    ]),
  );
  expect(report.findings.map(({ title }) => title).join("\n")).not.toContain("CAP_SYS_PTRACE");
});

test("the lab is still gVisor and within the target, and every drill rang", () => {
  expect(report.lab).toMatchObject({ isolation: "gvisor", isWeak: false });
  expect(report.subset.status).toBe("held");
  expect(report.drills.map(({ status }) => status)).toEqual(["rang", "rang", "rang", "rang"]);
});

test("each mitigation's reversal is proved there too", () => {
  const offers = report.findings.flatMap(({ mitigation }) =>
    mitigation === undefined ? [] : [mitigation.roundTrip],
  );
  expect(offers.length).toBeGreaterThanOrEqual(6);
  for (const { status, reason } of offers) expect(status, reason).toBe("proved");
});

test("nothing is running afterwards, every sandbox is certified, and the state is its owner's alone", () => {
  expect(processesWith(directory)).toEqual([]);
  for (const { status, sandbox } of report.certificates) expect(status, sandbox).toBe("destroyed");
  expect(readdirSync(join(directory, "state/run")).filter((name) => /^(wd-)?c\d|^lock$/.test(name))).toEqual([]);
  const verified = asNobody("log", "verify", "--state", "state");
  expect(verified.status, verified.stderr).toBe(0);
});

test("a state directory of somebody else is a clear line", () => {
  const ended = asNobody("run", "--demo", "--state", "/root/weakdoor-state", "--reports", "reports");
  expect(ended.stderr).toMatch(/^weakdoor: \/root\/weakdoor-state: this user may not \(EACCES\)\nhint: [^\n]+\n$/);
  expect(ended.status).toBe(2);
});
