import { describe, expect, test } from "vitest";
import { readDeclared } from "../../../src/stack/declared.ts";
import { tree } from "../../support/tree.ts";

const original = { home: "/home/dev", workspace: "/home/dev/code/desk" };
const EMPTY = {
  network: { allowedDomains: [], deniedDomains: [] },
  filesystem: { denyRead: [], allowWrite: [], denyWrite: [] },
};

async function settings(content: unknown, by = "home/.srt-settings.json") {
  await using place = tree({ [by]: content });
  return await readDeclared(place, by, original);
}

const places = (found: Awaited<ReturnType<typeof settings>>) =>
  found.resources.map(({ kind, path, mode }) => `${kind} ${path} ${mode}`);

test("without a word it is the person's machine, read only and without a network", async () => {
  const found = await settings(EMPTY);
  expect(found).toMatchObject({
    kind: "srt",
    settings: EMPTY,
    declaredAt: "home/.srt-settings.json",
    workspacePath: original.workspace,
    homePath: original.home,
    network: "none",
    capabilities: [],
    noNewPrivileges: true,
    seccomp: "default",
    readOnlyRoot: true,
    isMachineRoot: true,
    loosened: [],
  });
  expect(places(found)).toEqual(["home-directory /home/dev ro", "workspace /home/dev/code/desk ro"]);
});

test("what is opened, closed in it, hidden, and opened again", async () => {
  const found = await settings({
    network: { allowedDomains: ["a.example"], deniedDomains: [], allowAllUnixSockets: true },
    filesystem: {
      allowWrite: [".", "~/.cache", "/srv/x", "src/**/gen", { path: "/srv/[y]", literal: true }],
      denyWrite: [".git/hooks"],
      denyRead: ["~/.ssh", "/etc/shadow"],
      allowRead: ["~/.ssh/known_hosts"],
    },
  });
  expect(places(found)).toEqual([
    "home-directory /home/dev ro",
    "workspace /home/dev/code/desk rw",
    "home-directory /home/dev/.cache rw",
    "host-directory /srv/x rw",
    "host-directory /srv/[y] rw",
    "workspace /home/dev/code/desk/.git/hooks ro",
    "hidden /home/dev/.ssh ro",
    "home-directory /home/dev/.ssh/known_hosts ro",
  ]);
  expect(found).toMatchObject({ network: "has-network", seccomp: "none", loosened: ["seccomp-unconfined"] });
  expect(found.unrepeatable.map(({ what }) => what)).toEqual(
    expect.arrayContaining([
      "filesystem.allowWrite/3 src/**/gen",
      "filesystem.denyRead /etc/shadow",
      "network.allowedDomains (1)",
      "environment",
    ]),
  );
});

test("sockets that it allows have stand-ins, or are said", async () => {
  const found = await settings({
    ...EMPTY,
    network: { ...EMPTY.network, allowUnixSockets: ["/var/run/docker.sock", "/tmp/x.sock"] },
  });
  expect(places(found)).toContain("engine-socket /var/run/docker.sock rw");
  expect(found.unrepeatable.map(({ what }) => what)).toContain("network.allowUnixSockets /tmp/x.sock");
});

test("every other setting is a row", async () => {
  const found = await settings({
    ...EMPTY,
    network: { ...EMPTY.network, httpProxyPort: 1, somethingNew: 1 },
    filesystem: { ...EMPTY.filesystem, somethingElse: true, allowWrite: "not a list" },
    credentials: {},
    enableWeakerNestedSandbox: true,
  });
  expect(found.unrepeatable.map(({ what }) => what)).toEqual(
    expect.arrayContaining([
      "network.httpProxyPort",
      "network.somethingNew",
      "filesystem.somethingElse",
      "filesystem.allowWrite",
      "credentials",
      "enableWeakerNestedSandbox",
    ]),
  );
});

test("with the rules about files switched off the whole machine is writable", async () => {
  const found = await settings({ ...EMPTY, filesystem: { ...EMPTY.filesystem, disabled: true } });
  expect(found.readOnlyRoot).toBe(false);
  expect(places(found)).toContain("workspace /home/dev/code/desk rw");
});

describe("Claude Code's own", () => {
  const USER = "home/.claude/settings.json";
  const PROJECT = "workspace/.claude/settings.json";
  const LOCAL = "workspace/.claude/settings.local.json";

  async function claude(files: Record<string, unknown>, by = "auto") {
    await using place = tree(files);
    return await readDeclared(place, by, original);
  }

  test("is srt with what all its settings say together", async () => {
    const found = await claude({
      [USER]: {
        sandbox: {
          enabled: true,
          filesystem: { allowWrite: ["~/.npm", "cache"] },
          network: { allowLocalBinding: true },
        },
      },
      [PROJECT]: {
        sandbox: {
          network: { allowedDomains: ["a.example"], allowLocalBinding: false },
          excludedCommands: ["docker"],
        },
        permissions: {
          deny: ["Read(~/.aws/**)", "WebFetch(domain:evil.example)"],
          allow: ["Edit(//srv/out)", "Bash(npm test)"],
        },
      },
    });
    expect(found).toMatchObject({ kind: "srt", declaredAt: `${USER}#/sandbox` });
    expect(found.settings).toEqual({
      network: {
        allowLocalBinding: false,
        allowedDomains: ["a.example"],
        deniedDomains: ["evil.example"],
        allowUnixSockets: [],
      },
      filesystem: {
        denyRead: ["~/.aws/**"],
        allowRead: [],
        allowWrite: [".", "~/.npm", "~/.claude/cache", "/srv/out"],
        denyWrite: [],
      },
    });
    expect(places(found)).toEqual(
      expect.arrayContaining([
        "workspace /home/dev/code/desk rw",
        "hidden /home/dev/.aws ro",
        "host-directory /srv/out rw",
      ]),
    );
    expect(found.unrepeatable.map(({ what }) => what)).toEqual(
      expect.arrayContaining([`${PROJECT}#/sandbox/excludedCommands`, "tools without a shell"]),
    );
  });

  test("is off where the nearest word says so", async () => {
    const on = { sandbox: { enabled: true } };
    expect((await claude({ [USER]: on, [LOCAL]: { sandbox: { enabled: false } } })).kind).toBe("none");
    expect((await claude({ [USER]: { sandbox: {} } })).kind).toBe("none");
    expect((await claude({ [LOCAL]: on })).declaredAt).toBe(`${LOCAL}#/sandbox`);
    await expect(claude({ [USER]: {} }, USER)).rejects.toThrow(/not switched on/);
  });
});

test.each([
  [{}, /neither network nor filesystem/],
  [[], /holds no settings of srt/],
  ["{ broken", /srt-settings\.json:1: not JSON/],
])("what is no settings file is one line: %j", async (content, message) => {
  await expect(settings(content)).rejects.toThrow(message);
});
