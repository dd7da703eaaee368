import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, beforeEach, expect, test } from "vitest";
import { OperatorError } from "../../src/base/errors.ts";
import type { Finding } from "../../src/findings/finding.ts";
import { IllegalTransition, type Mover } from "../../src/findings/lifecycle.ts";
import { reconcile } from "../../src/findings/reconcile.ts";
import type { Observation } from "../../src/guest/observation.ts";
import { CATALOGUE } from "../../src/sources/weaknesses/catalogue.ts";
import { MIGRATIONS } from "../../src/store/migrations.ts";
import { openStore } from "../../src/store/openStore.ts";
import type { CycleRecord, Store } from "../../src/store/store.ts";
import { asking } from "../../src/store/trouble.ts";
import { AT, CYCLE, findingsOf, SAMPLE, SAMPLE_CHECKS, SOCKET } from "../findings/sample.ts";

const ADA: Mover = { kind: "person", name: "ada" };
let directory = "";
const file = () => join(directory, "state", "weakdoor.db");
const open = () => openStore(join(directory, "state"), { busyMs: 50 });

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "weakdoor-store-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function using<T>(use: (store: Store) => T): T {
  const store = open();
  try {
    return use(store);
  } finally {
    store.close();
  }
}

function saveCycleOf(
  store: Store,
  observations: readonly Observation[],
  previous: readonly Finding[] = [],
  cycle = CYCLE,
) {
  const found = findingsOf(observations, "demo", cycle);
  const input = {
    previous,
    found,
    observations,
    checks: SAMPLE_CHECKS,
    catalogue: CATALOGUE,
    target: "demo",
    cycle,
    at: AT,
  };
  store.saveFindings({ stack: "demo", cycle, at: AT, ...reconcile(input) });
}

const CYCLE_RECORD: CycleRecord = {
  id: CYCLE,
  stack: "demo",
  startedAt: AT.toISOString(),
  endedAt: null,
  outcome: null,
  summary: { findings: 3 },
  reportPath: null,
};

test("what was saved is there after closing and opening again", () => {
  using((store) => {
    store.saveCycle(CYCLE_RECORD);
    saveCycleOf(store, SAMPLE);
    store.setScheduled("demo", AT);
  });
  using((store) => {
    expect(store.cycle(CYCLE)).toEqual(CYCLE_RECORD);
    expect(store.cycle("c20000101-000000-000000")).toBeUndefined();
    expect(
      store
        .findings()
        .map((f) => f.id)
        .sort(),
    ).toEqual(
      findingsOf(SAMPLE)
        .map((f) => f.id)
        .sort(),
    );
    expect(store.lastScheduled("demo")).toEqual(AT);
    expect(store.lastScheduled("other")).toBeUndefined();
  });
});

test("the files are for their owner alone, also those that SQLite puts beside", () => {
  const store = open();
  store.saveCycle(CYCLE_RECORD);
  expect(statSync(join(directory, "state")).mode & 0o777).toBe(0o700);
  const modes = readdirSync(join(directory, "state")).map(
    (name) => statSync(join(directory, "state", name)).mode & 0o777,
  );
  expect(modes.length).toBeGreaterThan(1);
  expect(new Set(modes)).toEqual(new Set([0o600]));
  store.close();
});

test("a cycle is saved when it begins and again when it ends", () => {
  using((store) => {
    store.saveCycle(CYCLE_RECORD);
    store.saveCycle({
      ...CYCLE_RECORD,
      endedAt: AT.toISOString(),
      outcome: "completed",
      reportPath: "/r/report.json",
    });
    expect(store.cycles()).toHaveLength(1);
    expect(store.cycle(CYCLE)?.outcome).toBe("completed");
  });
});

test("findings come worst first, and of one stack when one is asked for", () => {
  using((store) => {
    saveCycleOf(store, SAMPLE);
    expect(store.findings("demo").map((f) => f.severity)).toEqual(["critical", "high", "medium"]);
    expect(store.findings("other")).toEqual([]);
  });
});

test("a finding is found by its first digits, and an ambiguous or unknown beginning says so", () => {
  using((store) => {
    saveCycleOf(store, SAMPLE);
    const [first] = store.findings();
    if (first === undefined) throw new Error("none saved");
    expect(store.finding(first.id)).toEqual(first);
    expect(store.finding(first.id.slice(0, 12))).toEqual(first);
    expect(store.finding(first.id.slice(4, 12))).toEqual(first);
    const twin = { ...first, id: `${first.id.slice(0, -1)}${first.id.endsWith("0") ? "1" : "0"}` };
    store.saveFindings({ stack: "demo", cycle: CYCLE, at: AT, findings: [twin], moves: [] });
    expect(() => store.finding(first.id.slice(0, 12))).toThrow(/2 findings begin/);
    for (const wrong of ["fp1:ffff0000ffff", "zz", "fp1:", "%%%%", "' OR 1=1 --"])
      expect(() => store.finding(wrong)).toThrow(OperatorError);
  });
});

test("a person's decision is kept with its reason, and the next cycle does not undo it", () => {
  using((store) => {
    saveCycleOf(store, [SOCKET]);
    const [finding] = store.findings();
    if (finding === undefined) throw new Error("none saved");
    expect(store.setState(finding.id, "approved", ADA, "ticket 7", AT).state).toBe("approved");
    expect(store.events(finding.id)).toMatchObject([
      { event: "seen-present", from: null, to: "open", actor: { kind: "cycle", name: CYCLE } },
      { event: "approve", from: "open", to: "approved", actor: ADA, reason: "ticket 7" },
    ]);
    saveCycleOf(store, [SOCKET], store.findings(), "c20261128-042839-000001");
    expect(store.findings()[0]?.state).toBe("approved");
  });
});

test("a decision that falls while a cycle runs is not overwritten by what the cycle remembered", () => {
  using((store) => {
    saveCycleOf(store, [SOCKET]);
    const remembered = store.findings();
    store.setState(remembered[0]?.id ?? "", "rejected", ADA, "accepted", AT);
    saveCycleOf(store, [SOCKET], remembered, "c20261128-042839-000001");
    expect(store.findings()[0]?.state).toBe("rejected");
    saveCycleOf(store, [], remembered, "c20261205-042839-000001");
    expect(store.findings()[0]?.state).toBe("resolved");
    expect(store.events(remembered[0]?.id ?? "").at(-1)).toMatchObject({ from: "rejected", to: "resolved" });
  });
});

test.each<[Finding["state"], Mover]>([
  ["approved", { kind: "model", name: "m" }],
  ["approved", { kind: "cycle", name: CYCLE }],
  ["resolved", ADA],
])("a move to %s that is not this actor's to make changes nothing", (state, actor) => {
  using((store) => {
    saveCycleOf(store, [SOCKET]);
    const id = store.findings()[0]?.id ?? "";
    expect(() => store.setState(id, state, actor, "", AT)).toThrow(IllegalTransition);
    expect(store.finding(id).state).toBe("open");
    expect(store.events(id)).toHaveLength(1);
  });
});

test("a store that is not there is made for a cycle, and missed by a verb that reads", () => {
  expect(() => openStore(join(directory, "nowhere"), { mayCreate: false })).toThrow(/nothing is stored/);
  expect(readdirSync(directory)).toEqual([]);
});

test("a newer schema is refused, and an older one is taken forward once", () => {
  using(() => undefined);
  using(() => undefined);
  const db = new Database(file());
  expect(db.pragma("user_version", { simple: true })).toBe(MIGRATIONS.length);
  db.pragma(`user_version = ${MIGRATIONS.length + 1}`);
  db.close();
  expect(open).toThrow(/newer weakdoor/);
});

test.each([
  [
    "text in place of a database",
    () => writeFileSync(file(), "not a database, and long enough to be looked at\n".repeat(50)),
  ],
  [
    "a damaged page",
    () => {
      const db = new Database(file());
      db.pragma("wal_checkpoint(TRUNCATE)");
      db.close();
      const size = statSync(file()).size;
      writeFileSync(file(), Buffer.alloc(size - 100, 0xff), { flag: "r+" });
    },
  ],
  [
    "a directory in its place",
    () => {
      rmSync(file());
      rmSync(`${file()}-wal`, { force: true });
      rmSync(`${file()}-shm`, { force: true });
      rmSync(join(directory, "state"), { recursive: true });
      writeFileSync(join(directory, "state"), "");
    },
  ],
])("%s is told in one line with a hint", (_, spoil) => {
  using((store) => store.saveCycle(CYCLE_RECORD));
  spoil();
  expect(open).toThrow(OperatorError);
});

test("a lock that another process holds is told, after waiting", () => {
  using(() => undefined);
  const other = new Database(file());
  other.exec("BEGIN EXCLUSIVE");
  const store = new Database(file(), { timeout: 20 });
  expect(() => asking(file(), () => store.exec("INSERT INTO schedules VALUES ('a', 'b')"))).toThrow(/locked/);
  expect(open).toThrow(/locked/);
  store.close();
  other.close();
});

test("a full disk is told, and what was being written is not there", () => {
  using(() => undefined);
  const db = new Database(file());
  db.pragma(`max_page_count = ${Number(db.pragma("page_count", { simple: true }))}`);
  const long = "x".repeat(100_000);
  const write = () => asking(file(), () => db.prepare("INSERT INTO schedules VALUES (?, ?)").run(long, long));
  expect(write).toThrow(OperatorError);
  expect(write).toThrow(/disk of the store is full/);
  expect(db.prepare("SELECT count(*) AS n FROM schedules").get()).toEqual({ n: 0 });
  db.close();
});

test("a row that somebody else wrote is not taken for ours", () => {
  using((store) => saveCycleOf(store, [SOCKET]));
  const db = new Database(file());
  db.prepare("UPDATE findings SET finding = json_set(finding, '$.state', 'fine')").run();
  db.close();
  using((store) => expect(() => store.findings()).toThrow(/does not have the shape/));
});

test("events cannot be changed or deleted, not even by hand", () => {
  using((store) => saveCycleOf(store, [SOCKET]));
  const db = new Database(file());
  expect(() => db.exec("DELETE FROM finding_events")).toThrow(/not deleted/);
  expect(() => db.exec("UPDATE finding_events SET reason = 'x'")).toThrow(/not changed/);
  db.close();
});

test("one finding that cannot be saved leaves none of its list behind", () => {
  using((store) => {
    const [good, bad] = findingsOf(SAMPLE);
    if (good === undefined || bad === undefined) throw new Error("too few");
    const findings = [good, { ...bad, title: "x".repeat(500) }];
    expect(() => store.saveFindings({ stack: "demo", cycle: CYCLE, at: AT, findings, moves: [] })).toThrow(/title/);
    expect(store.findings()).toEqual([]);
  });
});
