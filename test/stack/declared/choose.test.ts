import { expect, test } from "vitest";
import { declarationsOf, readDeclared } from "../../../src/stack/declared.ts";
import { tree } from "../../support/tree.ts";

const original = { home: "/home/dev", workspace: "/home/dev/code/desk" };
const AGENTS = "services: {agent: {image: our-claude-code, volumes: ['.:/w']}, db: {image: postgres}}";
const SRT = { network: { allowedDomains: [], deniedDomains: [] } };

/** From what stands around everything inwards. */
const ALL: [string, unknown, string][] = [
  ["workspace/.devcontainer/devcontainer.json", {}, "workspace/.devcontainer/devcontainer.json"],
  ["workspace/compose.yaml", AGENTS, "workspace/compose.yaml#agent"],
  ["workspace/scripts/sandbox.sh", "docker run -v $PWD:/w img codex\n", "workspace/scripts/sandbox.sh:1"],
  ["home/.srt-settings.json", SRT, "home/.srt-settings.json"],
  ["home/.claude/settings.json", { sandbox: { enabled: true } }, "home/.claude/settings.json#/sandbox"],
];

test.each(ALL.map(([file], index) => [file, index] as const))(
  "%s comes before whatever follows, and the rest is named",
  async (_file, index) => {
    const there = ALL.slice(index);
    await using place = tree(Object.fromEntries(there.map(([file, content]) => [file, content])));
    const found = await readDeclared(place, "auto", original);
    expect(found.declaredAt).toBe(there[0]?.[2]);
    for (const [file] of there.slice(1)) expect(found.unrepeatable.map(({ what }) => what).join(" ")).toContain(file);
  },
);

test.each([
  ["a database", { "workspace/compose.yaml": "services: {db: {image: postgres, volumes: ['data:/var/lib']}}" }],
  ["an agent without the workspace", { "workspace/compose.yaml": "services: {agent: {image: claude}}" }],
  ["the product's own container", { "workspace/compose.yaml": "services: {web: {build: ., volumes: ['.:/app']}}" }],
  ["a script that starts the product", { "workspace/run.sh": "docker run -v $PWD:/app web" }],
  ["a compose file that is broken", { "workspace/compose.yaml": "services: [" }],
])("%s is not taken for the agent's sandbox, and is said", async (_name, files) => {
  await using place = tree(files);
  const found = await readDeclared(place, "auto", original);
  expect(found.kind).toBe("none");
  expect(found.unrepeatable).toHaveLength(1);
  expect(found.unrepeatable[0]?.what).toMatch(/is not taken for the agent's$/);
});

test("a devcontainer is not disturbed by a compose file beside it that nobody can read", async () => {
  await using place = tree({ "workspace/.devcontainer.json": {}, "workspace/compose.yaml": "a: [" });
  expect((await readDeclared(place, "auto", original)).kind).toBe("devcontainer");
});

test("what is there is told in the order in which it would be taken, with the reason", async () => {
  await using place = tree({ "workspace/compose.yaml": AGENTS, "workspace/.devcontainer.json": {} });
  expect((await declarationsOf(place)).map(({ name, isAgents }) => `${name} ${isAgents}`)).toEqual([
    "workspace/.devcontainer.json true",
    "workspace/compose.yaml#agent true",
    "workspace/compose.yaml#db false",
  ]);
});

test("a form is known by its name, or else by what stands in it", async () => {
  await using place = tree({
    "workspace/a.json": SRT,
    "workspace/b.json": { remoteUser: "node" },
    "workspace/c.yml": "services: {x: {}}",
    "workspace/d": "bwrap sh",
    "home/e-srt.json": SRT,
    "home/f.yaml": "services: {x: {}}",
  });
  const kind = async (name: string) => (await readDeclared(place, name, original)).kind;
  expect(await kind("workspace/a.json")).toBe("srt");
  expect(await kind("workspace/b.json")).toBe("devcontainer");
  expect(await kind("workspace/c.yml")).toBe("compose");
  expect(await kind("workspace/d")).toBe("bubblewrap");
  expect(await kind(`${place.home}/e-srt.json`)).toBe("srt");
  expect(await kind(`${original.workspace}/c.yml#x`)).toBe("compose");
  await expect(kind(`${place.home}/f.yaml`)).rejects.toThrow(/inside the workspace/);
  await expect(kind("/etc/compose.yaml")).rejects.toThrow(/inside the workspace/);
  await expect(kind("workspace/../../etc/x.yaml")).rejects.toThrow(/inside the workspace/);
});
