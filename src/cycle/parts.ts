import { rm } from "node:fs/promises";
import { join } from "node:path";
import { snapshotLeaf } from "../approval/target.ts";
import type { DrillOutcome } from "../decoys/decoys.ts";
import type { Gateway } from "../egress/egress.ts";
import type { Reconciled } from "../findings/reconcile.ts";
import { checkOf } from "../guest/observation.ts";
import { trustFileChanged } from "../guest/probe/memory/trust-file-changed.ts";
import { type Diff, diffReports } from "../probe/diff.ts";
import { changedIn } from "../probe/host/trust.ts";
import { library } from "../researcher/library.ts";
import type { Research } from "../researcher/researcher.ts";
import type { Certificate } from "../sandbox/certificate.ts";
import { CATALOGUE } from "../sources/weaknesses/catalogue.ts";
import { auditStack } from "../stack/audit/audit.ts";
import { readDeclared } from "../stack/declared.ts";
import { type Discovered, discover } from "../stack/discover.ts";
import { takeSnapshot } from "../stack/snapshot.ts";
import type { Audit, Snapshot } from "../stack/stack.ts";
import { broker } from "./broker.ts";
import { type Copy, makeCopy } from "./copy.ts";
import { openGateway, sourcesIn } from "./gateway.ts";
import type { Ground } from "./ground.ts";
import { trustOf } from "./hostRows.ts";
import { type Judged, judge, settle } from "./judge.ts";
import { type Measured, measureAll, measureRoom } from "./measure.ts";
import { type Preflight, preflight } from "./preflight.ts";
import { type Lab, labRoom, type Room, scratchRoom } from "./rooms.ts";
import { notStudied, research } from "./study.ts";
import { openTarget, type Target } from "./target.ts";
import { measureTools } from "./tools.ts";
import { type Mitigated, proveMitigations } from "./trials.ts";
import { drillTripwires } from "./tripwires.ts";
import { type Results, type Written, writeReport } from "./write.ts";

/** The real functions in the places that cycle.ts names. */
export type Parts = {
  snapshot(): Promise<Studied>;
  clone(): Promise<Copy>;
  gateway(clone: Copy): Promise<Gateway>;
  lab(clone: Copy, gateway: Gateway): Promise<Lab>;
  preflight(clone: Copy, gateway: Gateway, lab: Lab): Promise<Preflight>;
  target(clone: Copy, gateway: Gateway): Promise<Target>;
  measure(target: Target, lab: Lab, gateway: Gateway): Promise<Measured>;
  /** With what the agents' own tools can do. */
  tools(stack: Studied, gateway: Gateway, measured: Measured): Promise<Measured>;
  drill(clone: Copy, target: Target, gateway: Gateway): Promise<DrillOutcome[]>;
  audit(clone: Copy, stack: Studied): Promise<Audit>;
  research(lab: Lab, measured: Measured, audit: Audit): Promise<Research>;
  measureAgain(target: Target, measured: Measured): Promise<Persisted>;
  findings(research: Research, measured: Measured, audit: Audit): Judged;
  mitigate(judged: Judged, clone: Copy, gateway: Gateway): Promise<Mitigated>;
  settle(judged: Judged, mitigated: Mitigated): Reconciled;
  destroy(made: { target: Room; lab: Room; gateway: Gateway; clone: Copy }): Promise<readonly Certificate[]>;
  report(results: Results): Promise<Written>;
};

export type Studied = { snapshot: Snapshot; discovered: Discovered };

/** Ids of observations that changed between the first and the second measurement of the target. */
export type Persisted = { widened: string[]; narrowed: string[] };

/** Whether a trusted file changed is told by what it holds, as seen here: the drills plant in one, and put it back. */
function persisted({ widened, narrowed }: Pick<Diff, "widened" | "narrowed">, changed: readonly string[]): Persisted {
  const idsOf = (changes: readonly { id: string }[]) =>
    changes.map(({ id }) => id).filter((id) => checkOf(id) !== trustFileChanged.id);
  return {
    widened: [...idsOf(widened), ...changed.map((place) => `${trustFileChanged.id}:${place}`)],
    narrowed: idsOf(narrowed),
  };
}

export function realParts(ground: Ground): Parts {
  const { config, clock } = ground;
  const original = { home: config.stack.home, workspace: config.stack.workspace };
  const messages = broker({ onAlarm: ground.onAlarm, clock });
  const handed = library(sourcesIn(ground.stateDir));
  const declaredOf = (clone: Copy) => readDeclared(clone, config.target.declaredBy, original);
  return {
    async snapshot() {
      const { declaredBy } = config.target;
      const discovered = await discover(original, { agents: config.stack.agents, declaredBy });
      const snapshot = await takeSnapshot(config.stack, discovered, {
        also: [{ path: "weakdoor.yaml", sha256: config.sha256, bytes: 0 }],
      });
      ground.ledger.append(snapshotLeaf(ground.cycle, { name: config.stack.name, snapshotSha256: snapshot.hash }));
      return { discovered, snapshot };
    },
    clone: () => makeCopy(ground),
    gateway: (clone) => openGateway(ground, messages, handed, clone),
    lab: async (clone, gateway) => labRoom(ground, gateway, clone, await declaredOf(clone)),
    async preflight(clone, gateway, lab) {
      await using scratch = await scratchRoom(ground, gateway, {
        driver: lab.sandbox.driver,
        name: "preflight",
        mounts: [],
      });
      return await preflight(ground, gateway, scratch, clone.drillFake);
    },
    target: async (clone, gateway) => openTarget(ground, gateway, clone, await declaredOf(clone)),
    measure: (target, lab, gateway) => measureAll(ground, gateway, target, lab),
    async tools({ discovered }, gateway, measured) {
      const { observations, checks } = await measureTools(ground, gateway, discovered);
      const { target } = measured;
      return {
        ...measured,
        target: {
          ...target,
          observations: [...target.observations, ...observations],
          checks: [...target.checks, ...checks],
        },
      };
    },
    drill: (clone, target, gateway) => drillTripwires(ground, gateway, target, clone),
    async audit(clone, { discovered }) {
      const { agents } = config.stack;
      const found = await discover(clone, {
        agents,
        workspaceNames: [original.workspace],
        unread: discovered.problems,
      });
      return auditStack(clone, found, await declaredOf(clone));
    },
    research: async (lab, measured, audit) =>
      notStudied(measured.subset) ??
      research(ground, messages, handed, lab, [...measured.target.observations, ...audit.observations]),
    async measureAgain(target, measured) {
      const { widened, narrowed } = diffReports(measured.asMeasured, (await measureRoom(ground, target)).report);
      return persisted({ widened, narrowed }, changedIn(measured.trust, trustOf(target)));
    },
    findings: (found, measured, audit) => judge(ground, found, measured, audit),
    mitigate: (judged, clone, gateway) => proveMitigations(ground, gateway, clone, judged.found, CATALOGUE),
    settle: (judged, mitigated) => settle(ground, judged, mitigated),
    async destroy({ target, lab, gateway, clone }) {
      await Promise.all([gateway.cut("the cycle ends"), target.end(), lab.end()]);
      await clone[Symbol.asyncDispose]();
      await rm(join(ground.runDir, "target"), { recursive: true, force: true });
      return ground.certificates;
    },
    report: (results) => writeReport(ground, results),
  };
}
