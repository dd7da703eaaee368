import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { ProbeReport } from "../../../src/guest/observation.ts";
import { type Ground, kernel } from "../../../src/guest/probe/ground.ts";
import { isLandlocked, LANDLOCKED, underLandlock } from "../../../src/guest/probe/landlock.ts";
import { parseProbe, requestOf } from "../../../src/probe/probe.ts";
import { makeWorld, type World } from "./world.ts";

/** Landlock closes what access(2) calls open: nothing that permissions grant is believed under it. */

let world: World;

beforeAll(async () => {
  world = await makeWorld();
});
afterAll(() => world.close());

/**
 * Confines itself to PATH=RIGHTS, and becomes the program after `--` (landlock_create_ruleset(2) and on; their numbers are
 * the same on every machine, prctl's is not). Exit 99: this kernel has no Landlock.
 */
const CONFINE = `
  my ($prctl) = shift @ARGV;
  my $rules = syscall(444, my $handled = pack("Q", 0x1fff), 8, 0);
  exit 99 if $rules < 0;
  while (@ARGV && (my $rule = shift @ARGV) ne "--") {
    my ($path, $rights) = split /=/, $rule;
    sysopen(my $at, $path, 0x200000) or next;
    die "rule $path: $!" if syscall(445, $rules, 1, my $grant = pack("Q l", oct($rights), fileno $at), 0) < 0;
  }
  die "prctl: $!" if syscall(0 + $prctl, 38, 1, 0, 0, 0) < 0;
  die "restrict: $!" if syscall(446, $rules, 0) < 0;
  exec @ARGV or die "exec: $!";`;
const PRCTL: Partial<Record<NodeJS.Architecture, string>> = { x64: "157", arm64: "167" };
const READ = "0xd";
const ALL = "0x1fff";

/** Undefined where there is no Landlock to be confined by. */
function confined(rules: readonly string[]): ProbeReport | undefined {
  const program = [process.execPath, join(world.guest, "probe.mjs"), JSON.stringify(requestOf(REQUEST))];
  const argv = ["-e", CONFINE, "--", PRCTL[process.arch] ?? "", ...rules, "--", ...program];
  const ended = spawnSync("perl", argv, { encoding: "utf8", env: { PATH: "/usr/bin:/bin", HOME: "/root" } });
  if (ended.status === 99) return undefined;
  const parsed = parseProbe(ended.stdout);
  if (parsed.status === "measured") return parsed.report;
  throw new Error(`${parsed.reason}: ${ended.stderr}`);
}

const REQUEST = { vantage: "target", workspace: "/tmp" } as const;
const SYSTEM = ["/usr", "/lib", "/lib64", "/bin", "/etc/ssl", dirname(process.execPath)];

test.each([
  ["what it needs alone", () => [...SYSTEM, world.directory, "/proc"].map((path) => `${path}=${READ}`)],
  ["to read everything and write to the workspace", () => [`/=${READ}`, `/tmp=${ALL}`, "/dev/null=0x6"]],
])("where Landlock leaves it %s, the boundary is named and no granted permission is believed", (_, rules) => {
  const report = confined(rules());
  expect(report === undefined ? undefined : wallsOf(report)).toEqual(
    HAS_LANDLOCK ? { isNamed: true, label: "denied", control: "reachable", believed: [] } : undefined,
  );
});

/** By the number of its interface; the call makes nothing. */
const HAS_LANDLOCK = spawnSync("perl", ["-e", "exit(syscall(444, 0, 0, 1) > 0)"]).status === 1;

function wallsOf({ boundary, observations }: ProbeReport) {
  const verdictOf = (id: string) => observations.find((row) => row.id === id)?.verdict;
  const granted = observations.filter(({ id }) => /^(system-directory|trust-file|sensitive-file)/.test(id));
  return {
    // In a sandbox with a filter of its own, that is the stronger wall.
    isNamed: boundary === "landlock" || boundary === "seccomp",
    label: verdictOf("lsm"),
    control: verdictOf("control:file-read"),
    believed: granted.filter(({ verdict }) => verdict === "reachable").map(({ id }) => id),
  };
}

test("without it nothing is called Landlock, and a permission that is granted counts", async () => {
  const open: Ground = { ...kernel, opens: async () => ({ status: "answered", value: true }) };
  expect(await isLandlocked(open)).toBe(false);
  const closed: Ground = { ...open, opens: async () => ({ status: "refused", errno: "EROFS" }) };
  expect(await isLandlocked(closed)).toBe(false);
});

test("a refusal by permissions is still one, and an absence too", async () => {
  const ground = underLandlock(kernel);
  expect(await ground.access("/", "read")).toEqual({ status: "refused", errno: LANDLOCKED });
  expect(await ground.access("/no/such/path", "read")).toEqual({ status: "refused", errno: "ENOENT" });
});
