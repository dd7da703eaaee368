import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { MitigationOffer, RoundTrip } from "../../src/findings/finding.ts";
import type { Observation } from "../../src/guest/observation.ts";
import { type Draft, draftFor, offerOf } from "../../src/mitigation/offer.ts";
import { type CloneTrial, roundTrip } from "../../src/mitigation/roundTrip.ts";
import { CLOUD, findingsOf, SOCKET } from "../findings/sample.ts";
import { cloneWith, type Dirs, trial } from "./rig.ts";

const PLACE = ".devcontainer/devcontainer.json";
const fakes = ["A", "B"].map((seed) => ["ghx", `fake${seed}0123456789`].join("_"));

/** Two clones that differ in their fakes alone, as they do in a cycle. */
function clone(index: 0 | 1) {
  return cloneWith({
    [`workspace/${PLACE}`]: `{
  "runArgs": ["--cap-add", "SYS_PTRACE", "-v", "/var/run/docker.sock:/var/run/docker.sock"],
  "mounts": [
    "source=/var/run/docker.sock,target=/var/run/docker.sock,type=bind",
    "source=cache,target=/cache,type=volume"
  ],
  "containerEnv": {
    "GITHUB_TOKEN": "${fakes[index]}"
  }
}
`,
    "home/.netrc": `password ${fakes[index]}\n`,
  });
}

function asks(dirs: Dirs, text: string): CloneTrial["recheck"] {
  return async () => (readFileSync(join(dirs.workspace, PLACE), "utf8").includes(text) ? "present" : "absent");
}

const secret: Observation = { ...CLOUD, id: "env-secret:GITHUB_TOKEN" };

async function drafted(dirs: Dirs, observation: Observation, mitigation: string): Promise<Draft> {
  const [finding] = findingsOf([observation]);
  if (finding === undefined) throw new Error("no finding");
  const result = await draftFor(finding, [mitigation], dirs, fakes);
  if (result.status === "none") throw new Error(result.reasons.join("; "));
  return result.draft;
}

test.each<[string, Observation, string]>([
  ["devcontainer.remove-mount", SOCKET, "docker.sock"],
  ["devcontainer.remove-env", secret, '"GITHUB_TOKEN"'],
])(
  "%s is proved on two clones with different fakes, by the same scripts, under either shell",
  async (id, observation, sign) => {
    using a = clone(0);
    using b = clone(1);
    const draft = await drafted(a, observation, id);
    const offer = await offerOf(draft, [
      trial("A", a, "dash", asks(a, sign)),
      trial("B", b, "busybox", asks(b, sign)),
    ]);
    expect(offer.roundTrip.reason).toBe("");
    expect(offer.roundTrip.status).toBe("proved");
    expect(offer.roundTrip.steps.every((step) => step.isTrue)).toBe(true);
    expect(MitigationOffer.parse(offer)).toEqual(offer);
    const steps = offer.roundTrip.steps.map((step) => step.step).join("\n");
    for (const promise of [
      "absent after apply",
      "identical bytes after reverse",
      "present after reverse",
      "is a link by now",
    ])
      expect(steps).toContain(promise);
    for (const fake of fakes) expect(JSON.stringify(offer)).not.toContain(fake);
  },
);

test("a fix of two steps is cut off after the first", async () => {
  using a = clone(0);
  using b = clone(1);
  const draft = await drafted(a, SOCKET, "devcontainer.remove-mount");
  expect(draft.scripts.steps).toBe(2);
  const proof = await roundTrip({
    clones: [trial("A", a, "dash", asks(a, "docker.sock")), trial("B", b, "dash", asks(b, "docker.sock"))],
    ...draft,
  });
  expect(proof.steps.map((s) => s.step)).toContain("cut off after step 1");
});

/** Each of these must fail: a gate that lets one through proves nothing. */
test.each<[string, (t: CloneTrial, dirs: Dirs) => CloneTrial, string, RegExp]>([
  ["the finding stays", (t) => ({ ...t, recheck: async () => "present" }), "refuted", /absent after apply/],
  ["the finding was never there", (t) => ({ ...t, recheck: async () => "absent" }), "refuted", /present before/],
  [
    "the check could not tell",
    (t) => ({ ...t, recheck: async () => ({ inconclusive: "no room" }) }),
    "not-run",
    /no room/,
  ],
  [
    "the finding does not come back",
    (t) => ({ ...t, recheck: answers("present", "absent", "absent") }),
    "refuted",
    /present after reverse/,
  ],
  [
    "apply does nothing",
    (t) => ({ ...t, runScript: async () => ({ code: 0, stdout: "", stderr: "" }) }),
    "refuted",
    /declared file changed/,
  ],
  [
    "apply fails",
    (t) => ({ ...t, runScript: async () => ({ code: 4, stdout: "", stderr: "no room" }) }),
    "refuted",
    /no room/,
  ],
  [
    "another file is touched",
    (t, dirs) => ({
      ...t,
      runScript: (s, args) => t.runScript(s, args).finally(() => writeFileSync(join(dirs.home, ".netrc"), "x")),
    }),
    "refuted",
    /only the declared/,
  ],
  [
    "a temporary file stays",
    (t, dirs) => ({
      ...t,
      runScript: (s, args) => t.runScript(s, args).finally(() => writeFileSync(join(dirs.home, "left"), "x")),
    }),
    "refuted",
    /only the declared/,
  ],
  [
    "reverse leaves a byte",
    (t, dirs) => ({
      ...t,
      runScript: (s, args) => t.runScript(s, args).finally(() => grow(join(dirs.workspace, PLACE))),
    }),
    "refuted",
    /identical bytes|changes nothing|twice/,
  ],
])("it is not proved when %s", async (_, spoil, status, reason) => {
  using a = clone(0);
  using b = clone(1);
  const draft = await drafted(a, SOCKET, "devcontainer.remove-mount");
  const sound = (dirs: Dirs, name: string) => trial(name, dirs, "dash", asks(dirs, "docker.sock"));
  const proof = await roundTrip({ clones: [spoil(sound(a, "A"), a), sound(b, "B")], ...draft });
  expect(RoundTrip.parse(proof)).toEqual(proof);
  expect(proof.status).toBe(status);
  expect(proof.reason).toMatch(reason);
});

test("scripts that fit only the first clone are refuted by the second", async () => {
  using a = clone(0);
  using b = clone(1);
  writeFileSync(join(b.workspace, PLACE), '{ "mounts": ["source=/var/run/docker.sock,target=/docker.sock"] }');
  const draft = await drafted(a, SOCKET, "devcontainer.remove-mount");
  const proof = await roundTrip({
    clones: [trial("A", a, "dash", asks(a, "docker.sock")), trial("B", b, "dash", asks(b, "docker.sock"))],
    ...draft,
  });
  expect(proof).toMatchObject({ status: "refuted", reason: expect.stringContaining("clone B") });
});

test("a mitigation that is not known or does not apply leaves advice alone, with every reason", async () => {
  using a = cloneWith({});
  const [finding] = findingsOf([SOCKET]);
  if (finding === undefined) throw new Error("no finding");
  const result = await draftFor(finding, ["no.such-thing", "devcontainer.remove-mount"], a, []);
  expect(result).toMatchObject({
    status: "none",
    reasons: [expect.stringContaining("no such"), expect.stringContaining("there is no")],
  });
});

test("a hunk that would carry a fake into the script is refused", async () => {
  const fake = fakes[0] ?? "";
  using a = cloneWith({
    "workspace/.devcontainer.json": `{"mounts":["source=/var/run/docker.sock,target=/run/docker.sock,x=${fake}"]}`,
  });
  const [finding] = findingsOf([SOCKET]);
  if (finding === undefined) throw new Error("no finding");
  const result = await draftFor(finding, ["devcontainer.remove-mount"], a, fakes);
  expect(result).toMatchObject({ status: "none", reasons: [expect.stringContaining("fakes")] });
});

function answers(...list: ("present" | "absent")[]): CloneTrial["recheck"] {
  return async () => list.shift() ?? "absent";
}

function grow(path: string): void {
  writeFileSync(path, `${readFileSync(path, "utf8")} `);
}
