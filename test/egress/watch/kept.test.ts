import { expect, test } from "vitest";
import { systemClock } from "../../../src/base/clock.ts";
import { fakeMaker } from "../../../src/canaries/fakes.ts";
import { openWatch } from "../../../src/egress/watch/openWatch.ts";
import { clientHello } from "../../support/clientHello.ts";

const masterKey = Buffer.alloc(32, 7);
const cycle = "c20261121-042839-9f3a1c";
const maker = fakeMaker({ masterKey, cycle, clock: systemClock });
const fake = maker.fakeFor("", "github-token", { cycle, file: "home/.netrc" });
const HALF = Math.floor(fake.value.length / 2);
const halves = [fake.value.slice(0, HALF), fake.value.slice(HALF)] as const;
const request = { ":method": "GET", ":authority": "a.example", ":path": "/x", "user-agent": "curl" };
const NONE = Buffer.alloc(0);

function watched() {
  const watch = openWatch();
  watch.fakes(maker.all(), masterKey);
  return watch;
}

test("what was clean before a fake was known is searched again for it", async () => {
  const watch = openWatch();
  const carrying = { ...request, "x-a": fake.value };
  watch.fakes([], Buffer.alloc(32, 8));
  for (let i = 0; i < 2; i++) expect((await watch.look("wd-lab", carrying, NONE)).hits).toEqual([]);
  watch.fakes(maker.all(), masterKey);
  expect((await watch.look("wd-lab", carrying, NONE)).hits).toMatchObject([{ where: "headers" }]);
});

test("what held a fake is seen each time", async () => {
  const watch = watched();
  for (let i = 0; i < 3; i++) {
    expect((await watch.look("wd-lab", { ...request, "x-a": fake.value }, NONE)).hits).toHaveLength(1);
    expect((await watch.look("wd-lab", { ...request, ":path": `/${fake.value}` }, NONE)).hits).toHaveLength(1);
  }
});

test("halves in two requests meet, whatever was asked in between, and however often", async () => {
  const watch = watched();
  const first = { ...request, "x-a": halves[0] };
  const others = [request, { ...request, ":path": "/y" }, { ...request, "x-b": "b" }];
  for (const one of [first, first, ...others, ...others, ...others]) {
    expect((await watch.look("wd-lab", one, NONE)).hits).toEqual([]);
  }
  expect((await watch.look("wd-lab", { ...request, "x-a": halves[1] }, NONE)).hits).toMatchObject([
    { where: "requests", sighting: { fakeId: fake.id } },
  ]);
});

test("places that were pushed out by others are remembered anew when they are asked for again", async () => {
  const watch = watched();
  const first = { ...request, "x-a": halves[0] };
  const many = Object.fromEntries(Array.from({ length: 70 }, (_, i) => [`x-${i}`, `v${i}`]));
  for (const one of [first, { ...request, ...many }, first]) {
    expect((await watch.look("wd-lab", one, NONE)).hits).toEqual([]);
  }
  expect((await watch.look("wd-lab", { ...request, "x-a": halves[1] }, NONE)).hits).toMatchObject([
    { where: "requests" },
  ]);
});

test("a greeting that reads like another one is not taken for it", async () => {
  const [innocent, cut] = [
    [[0xfafa, Buffer.from(`${halves[0]}\ntls-extension-fbfb: ${halves[1]}`, "latin1")]],
    [
      [0xfafa, Buffer.from(halves[0], "latin1")],
      [0xfbfb, Buffer.from(halves[1], "latin1")],
    ],
  ] as const;
  const tunnel = watched().tunnel("wd-lab");
  const hello = (extensions: readonly (readonly [number, Buffer])[]) =>
    clientHello({ names: ["a.example"], extensions });
  expect((await tunnel.greeting(hello(innocent))).hits).toEqual([]);
  expect((await tunnel.greeting(hello(cut))).hits).toHaveLength(1);
});

test("a credential of others in a path is told each time it is asked for", async () => {
  const watch = watched();
  const token = ["AKIA", "Q3EGRZ7KWYT2MN5P"].join("");
  const asked = { ...request, ":path": `/v1/${token}` };
  const first = (await watch.look("wd-lab", asked, NONE, 0)).tokens;
  expect(first).toMatchObject([{ place: "path" }]);
  expect((await watch.look("wd-lab", asked, NONE, 0)).tokens).toEqual(first);
  expect((await watch.look("wd-lab", asked, NONE)).tokens).toBeNull();
  expect((await watch.look("wd-lab", request, NONE, 0)).tokens).toEqual([]);
});
