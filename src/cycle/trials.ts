import type { Gateway } from "../egress/egress.ts";
import type { Finding, MitigationOffer } from "../findings/finding.ts";
import { checkOf, type Observation } from "../guest/observation.ts";
import { manifestOf } from "../mitigation/manifest.ts";
import { draftFor, offerOf } from "../mitigation/offer.ts";
import type { CloneTrial } from "../mitigation/roundTrip.ts";
import { hostFacts } from "../probe/baseline.ts";
import { matches } from "../sources/weaknesses/match.ts";
import type { Weakness } from "../sources/weaknesses/weakness.ts";
import { auditStack } from "../stack/audit/audit.ts";
import { readDeclared } from "../stack/declared.ts";
import { discover } from "../stack/discover.ts";
import { type Copy, makeCopy } from "./copy.ts";
import { giveTo } from "./giveTo.ts";
import type { Ground } from "./ground.ts";
import { isOutward } from "./internet.ts";
import { probeRoom } from "./measure.ts";
import { basesOf, makeMountPoints } from "./mountPoints.ts";
import { type Room, scratchRoom } from "./rooms.ts";
import { openTarget, type Target } from "./target.ts";

/** Offers by finding, and for each finding without one the reasons. */
export type Mitigated = { offers: Map<string, MitigationOffer>; without: { finding: string; reasons: string[] }[] };

const SCRIPT_TIMEOUT_MS = 20_000;
const STACK_PATH = "/stack";
/** Only bytes of the clone are at stake here, and this one starts fastest. */
const PROOF_DRIVER = "bubblewrap";

/**
 * Drafts a mitigation for each finding whose weakness has one, and proves it on two fresh clones with different fakes:
 * the scripts run in a strict sandbox in which nothing but the clone is writable, and the finding's own check is asked again on
 * the clone as it then is, by audit or by a probe in the sandbox rebuilt from it.
 */
export async function proveMitigations(
  ground: Ground,
  gateway: Gateway,
  clone: Copy,
  findings: readonly Finding[],
  catalogue: readonly Weakness[],
): Promise<Mitigated> {
  const wanted = findings.flatMap((finding) => {
    const weakness = catalogue.find((candidate) => candidate.id === finding.weakness);
    return weakness === undefined || weakness.mitigations.length === 0 ? [] : [{ finding, weakness }];
  });
  const mitigated: Mitigated = { offers: new Map(), without: [] };
  if (wanted.length === 0) return mitigated;
  const bench = await openBench(ground, gateway);
  try {
    for (const { finding, weakness } of wanted) {
      const drafted = await draftFor(finding, weakness.mitigations, clone, bench.fakes);
      if (drafted.status === "none") {
        mitigated.without.push({ finding: finding.id, reasons: drafted.reasons });
        continue;
      }
      const [a, b] = bench.stands;
      mitigated.offers.set(
        finding.id,
        await offerOf(drafted.draft, [trial(bench, a, finding, weakness), trial(bench, b, finding, weakness)]),
      );
    }
  } finally {
    await Promise.all(bench.stands.flatMap((stand) => [stand.room.end(), ...stand.endings]));
    await Promise.all(bench.stands.map((stand) => stand.clone[Symbol.asyncDispose]()));
  }
  return mitigated;
}

type Stand = {
  name: string;
  clone: Copy;
  room: Room;
  /** How many targets were rebuilt from this clone. */
  rebuilt: number;
  /** Of those targets; waited for before the clone goes. */
  endings: Promise<unknown>[];
};
type Bench = { ground: Ground; gateway: Gateway; stands: readonly [Stand, Stand]; fakes: string[] };

async function openBench(ground: Ground, gateway: Gateway): Promise<Bench> {
  const stand = async (name: string): Promise<Stand> => {
    const clone = await makeCopy(ground, name);
    const declared = await readDeclared(clone, ground.config.target.declaredBy, originalOf(ground));
    const { user } = declared;
    // Before the first look at the tree: no sandbox rebuilt later then leaves anything new in it.
    await makeMountPoints(declared, clone, basesOf(declared, clone));
    giveTo(clone.root, user.uid, user.gid);
    const mounts = [{ kind: "bind" as const, source: clone.root, path: STACK_PATH, mode: "rw" as const }];
    const room = await scratchRoom(ground, gateway, {
      driver: PROOF_DRIVER,
      name: `proof-${name}`,
      mounts,
      user: { uid: user.uid, gid: user.gid },
    });
    return { name, clone, room, rebuilt: 0, endings: [] };
  };
  const [a, b] = await Promise.all([stand("A"), stand("B")]);
  return { ground, gateway, stands: [a, b], fakes: [...a.clone.fakes, ...b.clone.fakes].map((fake) => fake.value) };
}

function trial({ ground, gateway }: Bench, stand: Stand, finding: Finding, weakness: Weakness): CloneTrial {
  const { clone, room, name } = stand;
  return {
    name,
    home: clone.home,
    workspace: clone.workspace,
    async runScript(script, args) {
      const argv: [string, ...string[]] = [
        "/bin/sh",
        "-s",
        "--",
        "--home",
        `${STACK_PATH}/home`,
        "--workspace",
        `${STACK_PATH}/workspace`,
        ...args,
      ];
      const { code, stdout, stderr } = await ground.stepper.inSandbox(() =>
        room.guest.run(
          {
            run: { argv },
            env: { PATH: "/bin:/usr/bin" },
            cwd: "/",
            stdin: script,
            timeoutMs: SCRIPT_TIMEOUT_MS,
            outputBytesMax: 256 * 1024,
          },
          ground.signal,
        ),
      );
      return { code, stdout, stderr };
    },
    async recheck() {
      const seen = weakness.when.from.includes("audit")
        ? await auditAgain(ground, clone)
        : await probeAgain(ground, gateway, stand, isOutward(weakness.when.check) || weakness.category === "network");
      if (!Array.isArray(seen)) return seen;
      const cited = new Set(finding.evidence.map((row) => row.observation));
      const rows = seen.filter(
        (row) => checkOf(row.id) === weakness.when.check && weakness.when.from.includes(row.from),
      );
      const isPresent = rows.some((row) => cited.has(row.id) && matches(weakness, row));
      if (isPresent) return "present";
      const unmeasured = rows.find((row) => row.verdict === "not-measured");
      return unmeasured === undefined ? "absent" : { inconclusive: unmeasured.detail };
    },
    manifest: () => manifestOf({ home: clone.home, workspace: clone.workspace }),
  };
}

type Seen = Observation[] | { inconclusive: string };

async function auditAgain(ground: Ground, clone: Copy): Promise<Seen> {
  const original = originalOf(ground);
  const found = await discover(clone, { agents: ground.config.stack.agents, workspaceNames: [original.workspace] });
  const declared = await readDeclared(clone, ground.config.target.declaredBy, original);
  return (await auditStack(clone, found, declared)).observations;
}

/** Rebuilds the sandbox from the clone's own declaration as it is now, and looks from inside. */
async function probeAgain(ground: Ground, gateway: Gateway, stand: Stand, isJoined: boolean): Promise<Seen> {
  const declared = await readDeclared(stand.clone, ground.config.target.declaredBy, originalOf(ground));
  const label = `${stand.name}${stand.rebuilt++}`;
  const target = await openTarget(ground, gateway, stand.clone, declared, { label, isJoined });
  try {
    const measured = await probeRoom(ground, target, await hostFacts());
    return measured.status === "measured" ? measured.report.observations : { inconclusive: measured.reason };
  } finally {
    // Nothing runs in it any more; the looks for what is left of it are made while the scripts go on.
    const ending = endOf(target);
    ending.catch(() => undefined);
    stand.endings.push(ending);
  }
}

async function endOf(target: Target): Promise<void> {
  await target.end();
  await target[Symbol.asyncDispose]();
}

function originalOf({ config }: Ground) {
  return { home: config.stack.home, workspace: config.stack.workspace };
}
