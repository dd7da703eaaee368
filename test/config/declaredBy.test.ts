import { expect, test } from "vitest";
import { loadConfig } from "../../src/config/config.ts";
import { tree } from "../support/tree.ts";

async function target(declaredBy: string, more = "") {
  await using place = tree({
    "workspace/compose.yaml": "services: {}",
    "workspace/odd#name.yaml": "services: {}",
    "workspace/weakdoor.yaml": `version: 1\nstack: { name: s, home: ../home, workspace: . }\ntarget: { declaredBy: ${JSON.stringify(declaredBy)}${more} }\n`,
  });
  const { target } = await loadConfig(`${place.workspace}/weakdoor.yaml`);
  return { ...target, declaredBy: target.declaredBy.replace(place.workspace, "W") };
}

test("a service of a compose file is named after the file, and the file must be there", async () => {
  expect((await target("compose.yaml#agent")).declaredBy).toBe("W/compose.yaml#agent");
  expect((await target("compose.yaml")).declaredBy).toBe("W/compose.yaml");
  expect((await target("odd#name.yaml")).declaredBy).toBe("W/odd#name.yaml");
  expect((await target("none")).declaredBy).toBe("none");
  await expect(target("gone.yaml#agent")).rejects.toThrow(/target\.declaredBy: gone\.yaml .*does not exist/);
});

test("a weak target is nested only when that is asked for", async () => {
  expect((await target("auto")).nest).toBe(false);
  expect((await target("auto", ", nest: true")).nest).toBe(true);
  await expect(target("auto", ", nest: sometimes")).rejects.toThrow(/target\.nest/);
});
